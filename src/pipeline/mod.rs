//! Runs engines: [`run`] on Kafka until told to stop, [`Driver`] over any other source of records.
//!
//! `run(&params, inputs, stop, observer)` blocks the calling thread. It starts `params.workers`
//! threads, each with one consumer, one transactional producer and one engine per partition that
//! it owns, and returns when `stop` becomes true (finished, committed and closed) or when a worker
//! cannot go on.

#[cfg(feature = "runtime")]
pub mod control;
#[cfg(feature = "runtime")]
pub mod detect;
mod driver;
#[cfg(feature = "runtime")]
mod error;
#[cfg(feature = "runtime")]
mod flood;
#[cfg(feature = "kafka")]
mod fruitless;
#[cfg(feature = "kafka")]
pub mod message;
#[cfg(feature = "runtime")]
mod observer;
#[cfg(feature = "runtime")]
mod params;
#[cfg(feature = "runtime")]
pub mod quarantine;
#[cfg(feature = "kafka")]
pub mod reset;
#[cfg(feature = "kafka")]
mod retention;
#[cfg(feature = "runtime")]
pub mod route;
#[cfg(feature = "runtime")]
mod signing;
#[cfg(feature = "kafka")]
mod topics;

#[cfg(feature = "kafka")]
pub use control::InputSetup;
#[cfg(feature = "runtime")]
pub use detect::image::{Image, ImageError};
#[cfg(feature = "runtime")]
pub use detect::restore::RestoreOutcome;
#[cfg(feature = "kafka")]
pub use detect::run::{run, run_reloadable};
pub use driver::{Driver, Fits};
#[cfg(feature = "runtime")]
pub use error::{RuntimeError, causes};
#[cfg(feature = "runtime")]
pub use flood::Flood;
#[cfg(feature = "runtime")]
pub use observer::{Observer, PartitionPhase, Silent};
#[cfg(feature = "runtime")]
pub use params::{Batching, InputParams, OnFlood, Outputs, Params, VerdictParams, WORKERS_MAX};
#[cfg(feature = "runtime")]
pub use signing::load_signer;
#[cfg(feature = "kafka")]
pub use topics::{not_one, prepare_topics};
