//! What operators see and set: metrics, logs, the HTTP server, and the connection to Kafka.

pub mod failpoint;
pub mod http;
pub mod kafka;
pub mod log;
pub mod metrics;
pub mod trouble;
