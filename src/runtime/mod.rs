//! Runs engines: [`run`] on Kafka until told to stop, [`Driver`] over any other source of records.
//!
//! `run(&params, inputs, stop, observer)` blocks the calling thread. It starts `params.workers`
//! threads, each with one consumer, one transactional producer and one engine per partition that
//! it owns, and returns when `stop` becomes true (finished, committed and closed) or when a worker
//! cannot go on.

#[cfg(feature = "kafka")]
mod checkpoints;
mod clock;
pub mod crash_loop;
mod driver;
mod error;
#[cfg(feature = "kafka")]
mod flood;
#[cfg(feature = "kafka")]
mod fold;
mod observer;
#[cfg(feature = "kafka")]
mod open;
#[cfg(feature = "kafka")]
mod outbox;
mod params;
#[cfg(feature = "kafka")]
mod partition;
#[cfg(feature = "kafka")]
mod run;
mod signing;
pub mod snapshot;
#[cfg(feature = "kafka")]
mod takeover;
#[cfg(feature = "kafka")]
mod topics;
#[cfg(feature = "kafka")]
mod worker;

pub use driver::{Driver, Fits};
pub use error::RuntimeError;
pub use observer::{Observer, Phase, Silent};
pub use params::{Batching, InputParams, OnFlood, OnLostHistory, Outputs, Params};
#[cfg(feature = "kafka")]
pub use run::{InputSetup, run};
pub use signing::load_signer;
