//! The group's consumer, which hands rebalances to its caller.

#[cfg(feature = "kafka")]
mod consumer;
#[cfg(feature = "kafka")]
mod scan;
#[cfg(feature = "kafka")]
mod unowned;

#[cfg(feature = "kafka")]
pub use crate::ops::kafka::{ConnectionError, TopicPartition};
pub use crate::ops::kafka::{Mechanism, Params, Protocol, Security, Start};
#[cfg(feature = "kafka")]
pub use consumer::{Consumer, Rebalanced, committed_in, record_of};
#[cfg(feature = "kafka")]
pub use scan::{ScanError, Scanner};
#[cfg(feature = "kafka")]
pub use unowned::Lookout;
