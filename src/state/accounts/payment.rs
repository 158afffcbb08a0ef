//! What a payment teaches the profiles of its two ends.

/// What a receipt teaches its receiver.
#[derive(Clone, Copy, Debug)]
pub(in crate::state) struct Receipt {
    pub time: u32,
    /// In whole native units.
    pub value: f64,
    pub is_round: bool,
    /// How often the payer has paid this account before.
    pub n_payments_before: u32,
    /// The payer had never been seen.
    pub is_payer_fresh: bool,
    /// [`crate::state::Profile::as_payer`] of the payer, before this payment.
    pub payer: [f64; 3],
    /// [`crate::state::Profile::is_hub`] of the payer, before this payment.
    pub is_payer_hub: bool,
}

/// What a payment teaches its sender.
#[derive(Clone, Copy, Debug)]
pub(in crate::state) struct Payment {
    pub time: u32,
    /// In whole native units; `None` when the transaction failed.
    pub value: Option<f64>,
    /// Recipients that had never been paid by this account.
    pub n_new_recipients: u32,
}
