//! The connection to Kafka that source and sink share: settings, client configuration, log, close.

#[cfg(feature = "kafka")]
mod client;
#[cfg(feature = "kafka")]
mod codec;
mod params;
#[cfg(feature = "kafka")]
mod partition;
#[cfg(feature = "kafka")]
mod patience;

#[cfg(feature = "kafka")]
pub use client::{
    Aside, ClientLog, Closing, ConnectionError, Refused, client_config, consumer_config,
    producer_config,
};
#[cfg(feature = "kafka")]
pub use codec::{Codec, Codecs};
pub use params::{Mechanism, Params, Protocol, Security, Start};
#[cfg(feature = "kafka")]
pub use partition::{TopicPartition, offset_list, plain_list};
#[cfg(feature = "kafka")]
pub use patience::Patience;
