//! Rules about gas, calls and token events of EVM chains.

pub(super) mod claims;
pub(super) mod failed_tx_storm;
pub(super) mod gas_price_anomaly;
pub(super) mod poison_lookalike;
pub(super) mod poison_zero;
