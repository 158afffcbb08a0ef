//! Unspent outputs: value, owner and age of what inputs spend, and the peel chains they continue.

use crate::{
    model::{AccountHasher, AccountKey, EventTime, OutPoint},
    state::{
        accounts::profile::event_time,
        tables::{
            fixed_layout::plain,
            table::{Aged, Table},
        },
    },
};

/// Share of the input that the larger of two outputs must keep to be the change of a peel.
const PEEL_SHARE: f64 = 0.8; // Our default; the shape is BlockSci's.

/// What is remembered of an unspent output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnspentOutput {
    /// Satoshi.
    pub value: u64,
    pub account: Option<AccountKey>,
    pub time: EventTime,
    pub height: u64,
    /// Hops of the peel chain that ends here, 0 when it is no change of a peel.
    pub n_peels: u16,
    /// Time of the first hop of that chain.
    pub peel_start: EventTime,
    /// A coinbase made it.
    pub is_coinbase: bool,
}

/// An output as it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::state) struct StoredOutput {
    pub value: u64,
    /// 0 when it pays nobody.
    pub account: u64,
    pub time: u32,
    pub height: u32,
    pub peel_start: u32,
    pub n_peels: u16,
    /// Share of the value that comes from labelled accounts, of 65,535.
    pub taint: u16,
    /// Payments since the nearest of them.
    pub n_taint_hops: u16,
    pub is_coinbase: bool,
}

plain!(StoredOutput {
    value: u64,
    account: u64,
    time: u32,
    height: u32,
    peel_start: u32,
    n_peels: u16,
    taint: u16,
    n_taint_hops: u16,
    is_coinbase: bool,
});

impl Aged for StoredOutput {
    fn last_used(&self) -> u32 {
        self.time
    }
}

/// All remembered outputs of a chain.
pub(in crate::state) type UnspentOutputs = Table<StoredOutput>;

/// Returns the key of an output.
pub(in crate::state) fn output_key(outpoint: &OutPoint, hasher: &AccountHasher) -> u64 {
    hasher.hash(&[b"output", &outpoint.tx.0, &outpoint.index.to_le_bytes()])
}

impl From<&StoredOutput> for UnspentOutput {
    fn from(stored: &StoredOutput) -> Self {
        Self {
            value: stored.value,
            account: (stored.account != 0).then_some(AccountKey(stored.account)),
            time: event_time(stored.time),
            height: u64::from(stored.height),
            n_peels: stored.n_peels,
            peel_start: event_time(stored.peel_start),
            is_coinbase: stored.is_coinbase,
        }
    }
}

/// How a transaction continues a peel chain: which output is the change, and the chain so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::state) struct Peel {
    /// Position of the change among the outputs.
    pub change: usize,
    pub n_peels: u16,
    pub start: u32,
}

impl Peel {
    /// Recognises a hop: one input, two outputs, the larger at least four fifths of the input.
    ///
    /// # Source
    /// The shape is that of BlockSci's `isPeelingChain`.
    pub fn of(spent: &[StoredOutput], n_inputs: usize, values: &[u64], now: u32) -> Option<Self> {
        let ([spent], 1, [a, b]) = (spent, n_inputs, values) else { return None };
        let change = usize::from(b > a);
        if (values[change] as f64) < spent.value as f64 * PEEL_SHARE {
            return None;
        }
        let start = if spent.n_peels == 0 { now } else { spent.peel_start };
        Some(Self { change, n_peels: spent.n_peels.saturating_add(1), start })
    }
}
