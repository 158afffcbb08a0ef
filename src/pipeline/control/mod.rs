//! The control log: everything but the input log that can change an answer, and where it applies.
//!
//! An entry of `tx.control.v1` says that before the record at an offset the fold went on with
//! another bundle of settings, or learned a verdict. It is written in the transaction of the batch
//! that ends there; every replay takes the same turn at the same place. The values are those of
//! `journal`; here they are read and written.

#[cfg(feature = "kafka")]
mod agreement;
mod bundles;
#[cfg(feature = "kafka")]
mod inputs;
#[cfg(feature = "kafka")]
mod log;
#[cfg(feature = "kafka")]
mod verdicts;

#[cfg(feature = "kafka")]
pub use agreement::{Agreement, Ballot};
pub use bundles::bundles_of;
#[cfg(feature = "kafka")]
pub use inputs::{InputSetup, Inputs, Prepared};
#[cfg(feature = "kafka")]
pub use log::{ControlLogs, read};
#[cfg(feature = "kafka")]
pub use verdicts::{Fed, VerdictFeed};
