//! What operators see and set: metrics, logs, the HTTP server, and the connection to Kafka.

pub(crate) mod clock;
pub mod failpoint;
pub mod http;
pub mod log;
pub mod metrics;
pub mod trouble;

pub use clock::now_ms;
