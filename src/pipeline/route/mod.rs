//! The repartition stage: any number of topics and partitions of a chain into one ordered topic.
//!
//! The merge is pure; the stage around it consumes and produces in Kafka transactions. Decoding
//! only finds a record's place: its bytes, key and headers pass unchanged.

mod params;
#[cfg(feature = "kafka")]
mod run;
#[cfg(feature = "kafka")]
mod stage;

pub use params::{Params, StreamParams};
#[cfg(feature = "kafka")]
pub use run::{RouteObserver, RouteSetup, run};
