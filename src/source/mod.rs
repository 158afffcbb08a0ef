//! Where records come from: Kafka, and the in-process broker of the demo.

pub mod kafka;
#[cfg(feature = "kafka")]
pub mod mock;
