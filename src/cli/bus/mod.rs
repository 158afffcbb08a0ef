//! Commands about what is on the bus and in the snapshot store.

#[cfg(feature = "kafka")]
pub(super) mod broker;
#[cfg(feature = "kafka")]
pub(super) mod dlq;
pub(super) mod state;
#[cfg(feature = "kafka")]
pub(super) mod tail;
pub(super) mod verdict;
pub(super) mod verify;
