//! What operators see and set: metrics, logs, the HTTP server, failpoints, and the clock.

pub(crate) mod clock;
pub mod failpoint;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "cli")]
pub mod log;
pub mod metrics;
pub mod trouble;

pub use clock::now_ms;
