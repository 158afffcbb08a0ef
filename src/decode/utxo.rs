//! What the formats of UTXO chains share: money, scripts, addresses and the wire encoding.

pub(super) mod account;
pub(super) mod base58;
pub(super) mod block;
pub(super) mod money;
mod network;
pub(super) mod script;
mod segwit;
pub(super) mod wire;
