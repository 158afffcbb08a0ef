//! Where records come from: Kafka, files, and the in-process broker of the demo.

pub mod file;
pub mod kafka;
#[cfg(feature = "kafka")]
pub mod mock;
#[cfg(feature = "cloud")]
pub mod registry;
