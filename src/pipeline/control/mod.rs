//! The control log: everything but the input log that can change an answer, and where it applies.
//!
//! An [`ControlEntry`](crate::journal::ControlEntry) of `tx.control.v1` says that before the record at an offset the fold went on with
//! another [`Bundle`](crate::journal::Bundle) of settings, or learned a verdict. It is written in the transaction of the
//! batch that ends there; every replay takes the same [`Turn`](crate::journal::Turn) at the same place.

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
