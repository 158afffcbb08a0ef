//! The worker and the stage `route` on a real broker.

#[cfg(feature = "kafka")]
pub(crate) mod auto;
#[cfg(feature = "kafka")]
pub(crate) mod bus;
#[cfg(feature = "kafka")]
pub(crate) mod checkpoints;
#[cfg(feature = "kafka")]
pub(crate) mod crash_loop;
#[cfg(feature = "kafka")]
pub(crate) mod dlq;
#[cfg(feature = "kafka")]
pub(crate) mod exact;
#[cfg(feature = "kafka")]
pub(crate) mod job;
#[cfg(feature = "kafka")]
pub(crate) mod outputs;
#[cfg(feature = "kafka")]
pub(crate) mod reload;
#[cfg(feature = "kafka")]
pub(crate) mod route_kafka;
#[cfg(feature = "kafka")]
pub(crate) mod run_route;
#[cfg(feature = "kafka")]
pub(crate) mod takeover;
#[cfg(feature = "kafka")]
pub(crate) mod worker;
