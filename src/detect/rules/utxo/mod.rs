//! Rules about transactions of unspent outputs.

pub(super) mod coinjoin;
pub(super) mod dusting;
pub(super) mod fee_fat_finger;
pub(super) mod peel_chain;
