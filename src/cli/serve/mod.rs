//! Commands that work until they are told to stop.

#[cfg(feature = "kafka")]
pub(super) mod demo;
#[cfg(feature = "kafka")]
pub(super) mod exporter;
#[cfg(feature = "kafka")]
pub(super) mod reload;
#[cfg(feature = "kafka")]
pub(super) mod route;
#[cfg(feature = "kafka")]
pub(super) mod run;
#[cfg(feature = "kafka")]
pub(super) mod signals;
