//! The worker and the stage `route` on a real broker.

#[cfg(feature = "kafka")]
mod auto;
#[cfg(feature = "kafka")]
mod bus;
#[cfg(feature = "kafka")]
mod checkpoints;
#[cfg(feature = "kafka")]
mod crash_loop;
#[cfg(feature = "kafka")]
mod dlq;
#[cfg(feature = "kafka")]
mod exact;
#[cfg(feature = "kafka")]
pub(crate) mod job;
#[cfg(feature = "kafka")]
mod outputs;
#[cfg(feature = "kafka")]
mod reload;
#[cfg(feature = "kafka")]
mod route_kafka;
#[cfg(feature = "kafka")]
mod run_route;
#[cfg(feature = "kafka")]
mod takeover;
#[cfg(feature = "kafka")]
mod worker;
