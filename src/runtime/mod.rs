//! Runs engines: [`run`] on Kafka until told to stop, [`Driver`] over any other source of records.
//!
//! `run(&params, inputs, stop, observer)` blocks the calling thread. It starts `params.workers`
//! threads, each with one consumer, one transactional producer and one engine per partition that
//! it owns, and returns when `stop` becomes true (finished, committed and closed) or when a worker
//! cannot go on.

#[cfg(feature = "kafka")]
mod cadence;
#[cfg(feature = "kafka")]
mod checkpoints;
mod clock;
pub mod control;
pub mod crash_loop;
#[cfg(feature = "kafka")]
mod decided;
mod driver;
mod error;
mod flood;
#[cfg(feature = "kafka")]
mod fold;
#[cfg(feature = "kafka")]
mod fruitless;
mod image;
mod observer;
#[cfg(feature = "kafka")]
mod open;
#[cfg(feature = "kafka")]
mod outbox;
mod params;
#[cfg(feature = "kafka")]
mod partition;
#[cfg(feature = "kafka")]
pub mod reset;
pub mod restore;
#[cfg(feature = "kafka")]
mod retention;
#[cfg(feature = "kafka")]
mod run;
mod signing;
pub mod snapshot;
#[cfg(feature = "kafka")]
mod steer;
mod takeover;
#[cfg(feature = "kafka")]
mod topics;
#[cfg(feature = "kafka")]
mod worker;

pub use clock::now_ms;
#[cfg(feature = "kafka")]
pub use control::InputSetup;
pub use driver::{Driver, Fits};
pub use error::RuntimeError;
pub use flood::Flood;
pub use image::{Image, ImageError};
pub use observer::{Observer, Phase, Silent};
pub use params::{Batching, InputParams, OnFlood, OnLostHistory, Outputs, Params, Verdicts};
pub use restore::RestoreOutcome;
#[cfg(feature = "kafka")]
pub use run::{run, run_reloadable};
pub use signing::load_signer;
pub use takeover::{LastRecord, Progress, Recorded};
#[cfg(feature = "kafka")]
pub use topics::{not_one, prepare_topics};
