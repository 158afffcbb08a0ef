//! Everything that touches Kafka: clients, their settings, and the one exactly-once loop.
//!
//! [`Loop`] owns the clients and the order of steps; a [`Stage`] says what happens to a record.
//! Nothing here knows alerts or the engine.

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
#[cfg(feature = "kafka")]
mod stage;

#[cfg(feature = "kafka")]
pub use codec::{Codec, Codecs};
#[cfg(feature = "kafka")]
pub use connection::{
    Aside, ClientLog, Closing, ConnectionError, Refused, client_config, consumer_config, open,
    producer_config,
};
#[cfg(feature = "kafka")]
pub use consumer::reading::{Reading, Standing};
#[cfg(feature = "kafka")]
pub use consumer::unowned::Lookout;
#[cfg(feature = "kafka")]
pub use consumer::{Consumer, PartitionEnd, Rebalanced, committed_in, record_of};
pub use observer::ReadObserver;
pub use params::{Mechanism, Params, Protocol, Security};
#[cfg(feature = "kafka")]
pub use partition::{offset_list, plain_list};
#[cfg(feature = "kafka")]
pub use patience::Patience;
#[cfg(feature = "kafka")]
pub use scan::{ScanError, Scanner, Span};
#[cfg(feature = "kafka")]
pub use stage::{Clients, Failure, Loop, Offset, Stage, StageBatch, fence_max};
