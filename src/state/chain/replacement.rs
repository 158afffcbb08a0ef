//! What a transaction pays, on any account model, and how a rival's payments differ from it.

use super::seen_txs::{OUTPUTS_KEPT_MAX, SeenOutput, SeenTx};
use crate::{
    ml::splitmix::mix,
    model::{
        AccountHasher, AccountKey, Address, Amount, ConflictKind, Event, EvmTx, Tx, TxBody, TxOut,
        UtxoTx,
    },
};

/// Change of an output's value up to which a replacement is a fee bump (forkmonitor).
const FEE_BUMP_MAX: u64 = 10_000;
/// One part in so many of one output may go into a higher fee, beyond that.
const FEE_SHARE: u64 = 10;
/// Whole units that a sender may pay itself in a cancellation: a millionth is a fraction of a cent
/// of every asset, and nothing that an account's code could make away with.
const CANCEL_UNITS_MAX: f64 = 1e-6;
/// The greatest sequence of an input by which a transaction says that it can be replaced (BIP 125).
const REPLACEABLE_MAX: u32 = 0xffff_fffd;

/// One payment of a transaction.
#[derive(Clone, Copy)]
struct RivalPayment {
    /// Digest of the script or of the recipient.
    script: u64,
    value: Amount,
    /// It goes back to the sender, or pays nobody.
    is_change: bool,
}

/// A transaction's payments, reduced to what a rival's are compared with.
pub(in crate::state) struct Bid {
    /// The first recipient that is not the sender.
    to: Option<Address>,
    total: Amount,
    /// EVM: digest of recipient, value and calldata. UTXO: of all scripts.
    payload: u64,
    payments: Vec<RivalPayment>,
    /// By how much a payment may change in a fee bump.
    change_max: u64,
    is_replaceable: bool,
}

impl Bid {
    /// Reads a transaction's payments. `owners` are the accounts that it spends from, sorted;
    /// `decimals` are the native asset's.
    pub fn of(tx: &Tx, owners: &[AccountKey], decimals: u8, hasher: &AccountHasher) -> Self {
        match &tx.body {
            TxBody::Evm(evm) => Self::of_evm(evm, decimals, hasher),
            TxBody::Utxo(utxo) => Self::of_utxo(utxo, owners, hasher),
        }
    }

    fn of_evm(evm: &EvmTx, decimals: u8, hasher: &AccountHasher) -> Self {
        // A payment to oneself is no payment, but for one that carries value: an account's code
        // (EIP-7702) may do anything with it. Wallets put a wei into a cancellation.
        let is_little = evm.value.is_zero() || evm.value.units(decimals) <= CANCEL_UNITS_MAX;
        // Others send nothing to the null address, or to anybody.
        let is_nothing = evm.to.is_some() && evm.value.is_zero() && evm.input.n_bytes == 0;
        let is_change = evm.to.as_ref() == Some(&evm.from) && is_little || is_nothing;
        let script = evm.to.as_ref().map_or(0, |to| hasher.key(to).0);
        Self {
            to: evm.to.clone(),
            total: evm.value,
            payload: evm_payload(evm, hasher),
            payments: vec![RivalPayment { script, value: evm.value, is_change }],
            change_max: 0,
            is_replaceable: true,
        }
    }

    fn of_utxo(utxo: &UtxoTx, owners: &[AccountKey], hasher: &AccountHasher) -> Self {
        let is_owner = |to: &Address| owners.binary_search(&hasher.key(to)).is_ok();
        let payment = |output: &TxOut| RivalPayment {
            script: script(output, hasher),
            value: Amount::from_u64(output.value),
            // A data carrier pays nobody.
            is_change: output.value == 0 || output.address.as_ref().is_some_and(is_owner),
        };
        let payments: Vec<RivalPayment> = utxo.outputs.iter().map(payment).collect();
        let first = utxo.outputs.iter().zip(&payments).find(|(_, payment)| !payment.is_change);
        let first = first.map_or(utxo.outputs.first(), |(output, _)| Some(output));
        let step = |digest: u64, p: &RivalPayment| mix(digest.rotate_left(1) ^ p.script);
        let mut sequences = utxo.inputs.iter().filter_map(|input| input.sequence);
        Self {
            to: first.and_then(|output| output.address.clone()),
            total: Amount::from_u64(utxo.output_value()),
            payload: payments.iter().fold(0, step),
            payments,
            change_max: FEE_BUMP_MAX,
            is_replaceable: sequences.any(|sequence| sequence <= REPLACEABLE_MAX),
        }
    }

    /// Returns what is remembered of the transaction.
    pub fn seen(self, event: &Event, tx: &Tx) -> SeenTx {
        let outputs = tx.utxo().map_or(&[][..], |utxo| &utxo.outputs);
        let kept = outputs.iter().zip(&self.payments).take(OUTPUTS_KEPT_MAX);
        let kept = kept.map(|(TxOut { value, .. }, &RivalPayment { script, is_change, .. })| {
            SeenOutput { script, value: *value, is_change }
        });
        SeenTx {
            id: tx.id,
            time: event.time,
            is_confirmed: tx.inclusion.is_some(),
            is_replaceable: self.is_replaceable,
            outputs: kept.collect(),
            to: self.to,
            total: self.total,
            payload: self.payload,
            n_outputs: self.payments.len() as u32,
        }
    }

    /// Classifies this transaction as the rival of an earlier one, and says what that one's
    /// recipients lose: see [`ConflictKind`].
    pub fn against(&self, original: &SeenTx, hasher: &AccountHasher) -> (ConflictKind, Amount) {
        if self.keeps(original) || self.raises_fee(original) {
            return (ConflictKind::SpeedUp, Amount::ZERO);
        }
        let lost = match &*original.outputs {
            [] => {
                let to = original.to.as_ref().map_or(0, |to| hasher.key(to).0);
                self.lost(to, original.total)
            }
            outputs => outputs
                .iter()
                .filter(|old| !old.is_change)
                .map(|old| self.lost(old.script, Amount::from_u64(old.value)))
                .fold(Amount::ZERO, Amount::saturating_add),
        };
        let kind = if original.is_confirmed || !original.is_replaceable {
            ConflictKind::DoubleSpend
        } else if self.payments.iter().all(|payment| payment.is_change) {
            ConflictKind::Cancel
        } else {
            ConflictKind::Redirect
        };
        (kind, lost)
    }

    /// Returns what is paid in all.
    pub fn total(&self) -> Amount {
        self.total
    }

    /// Returns how much less than before is paid to a script.
    fn lost(&self, script: u64, before: Amount) -> Amount {
        let still = self.payments.iter().filter(|payment| payment.script == script);
        before.saturating_sub(still.map(|p| p.value).fold(Amount::ZERO, Amount::saturating_add))
    }

    /// Returns whether a pending transaction's fee is raised out of one output, which is the change
    /// of most wallets though its address is new: the same scripts, nobody is paid more, and that
    /// one keeps nearly all.
    fn raises_fee(&self, original: &SeenTx) -> bool {
        if original.is_confirmed
            || self.payload != original.payload
            || self.payments.len() != original.outputs.len()
            || original.n_outputs as usize != original.outputs.len()
        {
            return false;
        }
        let mut n_less = 0;
        let mut pairs = original.outputs.iter().zip(&self.payments);
        let is_kept = pairs.all(|(old, new)| {
            let before = Amount::from_u64(old.value);
            n_less += usize::from(new.value < before && !old.is_change);
            new.value <= before && new.value >= Amount::from_u64(old.value - old.value / FEE_SHARE)
        });
        is_kept && n_less == 1
    }

    /// Returns whether everybody is paid as before, but for the least of changes.
    pub fn keeps(&self, original: &SeenTx) -> bool {
        let is_near = |old: Amount, new: Amount, change_max: u64| {
            old.0.abs_diff(new.0) <= Amount::from_u64(change_max).0
        };
        let n = self.payments.len() as u64;
        let mut kept = original.outputs.iter().zip(&self.payments);
        n == u64::from(original.n_outputs)
            && self.payload == original.payload
            && is_near(original.total, self.total, self.change_max.saturating_mul(n))
            && kept
                .all(|(old, new)| is_near(Amount::from_u64(old.value), new.value, self.change_max))
    }
}

fn evm_payload(evm: &EvmTx, hasher: &AccountHasher) -> u64 {
    let to = evm.to.as_ref().map_or(&[][..], |to| to.bytes());
    let value = evm.value.0.to_le_bytes::<32>();
    let input = [evm.input.digest.to_le_bytes(), u64::from(evm.input.n_bytes).to_le_bytes()];
    hasher.hash(&[to, &value, &input[0], &input[1]])
}

/// Returns the digest of an output's script, or of its address where the script is not given.
fn script(output: &TxOut, hasher: &AccountHasher) -> u64 {
    match (&output.address, output.script_digest) {
        (Some(address), 0) => hasher.key(address).0,
        (_, digest) => digest,
    }
}
