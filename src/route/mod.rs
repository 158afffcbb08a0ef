//! The repartition stage: any number of topics and partitions of a chain into one ordered topic.
//!
//! The merge is pure; the stage around it consumes and produces in Kafka transactions. Decoding
//! only finds a record's place: its bytes, key and headers pass unchanged.

mod branches;
mod held;
mod lane;
mod merge;
mod params;
mod place;
#[cfg(feature = "kafka")]
mod run;
#[cfg(feature = "kafka")]
mod stage;

pub use lane::{Lane, SPAN_MAX};
pub use merge::{Counts, Merge, Released, Window};
pub use params::{Params, StreamParams};
pub use place::{Kind, Order, Place, Section};
#[cfg(feature = "kafka")]
pub use run::{Observer, Setup, run};
