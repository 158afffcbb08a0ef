//! What the formats of UTXO chains share: money, scripts, addresses and the wire encoding.

pub(super) mod account;
pub(super) mod block;
pub(super) mod money;
pub(super) mod script;
pub(super) mod wire;
