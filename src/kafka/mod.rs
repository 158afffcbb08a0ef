//! The connection to Kafka that source and sink share: settings, client configuration, log, close.

#[cfg(feature = "kafka")]
mod codec;
#[cfg(feature = "kafka")]
mod connection;
#[cfg(feature = "kafka")]
mod consumer;
#[cfg(feature = "kafka")]
pub mod mock;
mod observer;
mod params;
#[cfg(feature = "kafka")]
mod partition;
#[cfg(feature = "kafka")]
mod patience;
#[cfg(feature = "kafka")]
pub mod producer;
#[cfg(feature = "cloud")]
pub mod registry;
#[cfg(feature = "kafka")]
pub mod rewrite;
#[cfg(feature = "kafka")]
mod scan;

pub use crate::model::Start;
#[cfg(feature = "kafka")]
pub use crate::model::TopicPartition;
#[cfg(feature = "kafka")]
pub use codec::{Codec, Codecs};
#[cfg(feature = "kafka")]
pub use connection::{
    Aside, ClientLog, Closing, ConnectionError, Refused, client_config, consumer_config,
    producer_config,
};
pub use params::{Mechanism, Params, Protocol, Security};
#[cfg(feature = "kafka")]
pub use partition::{offset_list, plain_list};
#[cfg(feature = "kafka")]
pub use patience::Patience;

#[cfg(feature = "kafka")]
pub use consumer::reading::{Reading, Standing};
#[cfg(feature = "kafka")]
pub use consumer::unowned::Lookout;
#[cfg(feature = "kafka")]
pub use consumer::{Consumer, End, Rebalanced, committed_in, record_of};
pub use observer::ReadObserver;
#[cfg(feature = "kafka")]
pub use scan::{ScanError, Scanner, Span};
