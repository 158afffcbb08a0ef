//! Operating it: the connection to Kafka.

pub mod kafka;
