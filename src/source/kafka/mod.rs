//! The Kafka connection: its settings, and the consumer built from them.

#[cfg(feature = "kafka")]
mod client;
#[cfg(feature = "kafka")]
mod consumer;
mod params;

#[cfg(feature = "kafka")]
pub use client::{ClientLog, ConnectionError, client_config, consumer_config, producer_config};
#[cfg(feature = "kafka")]
pub(crate) use consumer::drop_in_time;
#[cfg(feature = "kafka")]
pub use consumer::{Consumer, Rebalanced, TopicPartition, offset_list, record_of};
pub use params::{Mechanism, Params, Protocol, Security, Start};
