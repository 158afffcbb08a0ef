//! Rules about how money moves between accounts, on any chain.

pub(super) mod batch_disperse;
pub(super) mod dormant_wake;
pub(super) mod fan_in;
pub(super) mod fan_out;
pub(super) mod frequency_spike;
pub(super) mod key_sweep;
pub(super) mod large_native;
pub mod moves;
pub(super) mod pass_through;
pub(super) mod round_trip;
pub(super) mod structuring;
