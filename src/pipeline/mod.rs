//! Runs engines: [`run`] on Kafka until told to stop, [`Driver`] over any other source of records.
//!
//! `run(&params, inputs, stop, observer)` blocks the calling thread. It starts `params.workers`
//! threads, each with one consumer, one transactional producer and one engine per partition that
//! it owns, and returns when `stop` becomes true (finished, committed and closed) or when a worker
//! cannot go on.

pub mod control;
pub mod detect;
mod driver;
mod error;
mod flood;
#[cfg(feature = "kafka")]
mod fruitless;
pub mod message;
mod observer;
mod params;
pub mod quarantine;
#[cfg(feature = "kafka")]
pub mod reset;
#[cfg(feature = "kafka")]
mod retention;
pub mod route;
mod signing;
#[cfg(feature = "kafka")]
mod topics;

#[cfg(feature = "kafka")]
pub use control::InputSetup;
pub use detect::image::{Image, ImageError};
pub use detect::restore::RestoreOutcome;
#[cfg(feature = "kafka")]
pub use detect::run::{run, run_reloadable};
pub use driver::{Driver, Fits};
pub use error::{RuntimeError, causes};
pub use flood::Flood;
pub use observer::{Observer, Phase, Silent};
pub use params::{Batching, InputParams, OnFlood, Outputs, Params, Verdicts, WORKERS_MAX};
pub use signing::load_signer;
#[cfg(feature = "kafka")]
pub use topics::{not_one, prepare_topics};
