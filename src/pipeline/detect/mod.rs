//! The stage of detection: partitions with their engines, between the input and the alerts.

#[cfg(feature = "kafka")]
pub(super) mod cadence;
#[cfg(feature = "kafka")]
pub(super) mod checkpoints;
#[cfg(feature = "kafka")]
pub(super) mod control_writer;
#[cfg(feature = "kafka")]
pub(super) mod envelope_choice;
#[cfg(feature = "kafka")]
pub(super) mod fold;
#[cfg(feature = "runtime")]
pub(super) mod image;
#[cfg(feature = "kafka")]
pub(super) mod open;
#[cfg(feature = "kafka")]
pub(super) mod outbox;
#[cfg(feature = "kafka")]
pub(super) mod partition;
#[cfg(feature = "runtime")]
pub mod restore;
#[cfg(feature = "kafka")]
pub(super) mod run;
#[cfg(feature = "kafka")]
pub(crate) mod tails;
#[cfg(feature = "kafka")]
pub(super) mod worker;
