//! The one loop that consumes, transforms and produces, each record exactly once.
//!
//! [`Loop`] owns the clients and the order of steps; a [`Stage`] says what happens to a record. It
//! knows neither alerts nor the engine.

mod clients;
#[cfg(feature = "kafka")]
mod codec;
mod commit;
#[cfg(feature = "kafka")]
mod connection;
#[cfg(feature = "kafka")]
mod consumer;
#[cfg(feature = "kafka")]
pub mod mock;
mod params;
#[cfg(feature = "kafka")]
mod partition;
#[cfg(feature = "kafka")]
mod patience;
#[cfg(feature = "kafka")]
pub mod producer;
mod rebalance;
#[cfg(feature = "cloud")]
pub mod registry;
mod retry;
#[cfg(feature = "kafka")]
pub mod rewrite;
#[cfg(feature = "kafka")]
mod scan;
mod stage;

pub use clients::{Clients, Failure, fence_max};
pub use commit::{Batch, Offset};
pub use stage::{Loop, Stage};

#[cfg(feature = "kafka")]
pub use codec::{Codec, Codecs};
#[cfg(feature = "kafka")]
pub use connection::{
    Aside, ClientLog, Closing, ConnectionError, Refused, client_config, consumer_config,
    producer_config,
};
pub use params::{Mechanism, Params, Protocol, Security, Start};
#[cfg(feature = "kafka")]
pub use partition::{TopicPartition, offset_list, plain_list};
#[cfg(feature = "kafka")]
pub use patience::Patience;

pub use consumer::observer::ReadObserver;
#[cfg(feature = "kafka")]
pub use consumer::reading::{Reading, Standing};
#[cfg(feature = "kafka")]
pub use consumer::unowned::Lookout;
#[cfg(feature = "kafka")]
pub use consumer::{Consumer, End, Rebalanced, committed_in, record_of};
#[cfg(feature = "kafka")]
pub use scan::{ScanError, Scanner};
