//! The group's consumer, which hands rebalances to its caller.

#[cfg(feature = "kafka")]
mod consumer;
mod observer;
#[cfg(feature = "kafka")]
mod reading;
#[cfg(feature = "kafka")]
mod scan;
#[cfg(feature = "kafka")]
mod unowned;

#[cfg(feature = "kafka")]
pub use crate::ops::kafka::{ConnectionError, TopicPartition};
pub use crate::ops::kafka::{Mechanism, Params, Protocol, Security, Start};
#[cfg(feature = "kafka")]
pub use consumer::{Consumer, End, Rebalanced, committed_in, record_of};
pub use observer::ReadObserver;
#[cfg(feature = "kafka")]
pub use reading::{Reading, Standing};
#[cfg(feature = "kafka")]
pub use scan::{ScanError, Scanner};
#[cfg(feature = "kafka")]
pub use unowned::Lookout;
