//! Taking over a partition: what was committed, where to start, and the proof that it is the same.

mod fingerprint;
#[cfg(feature = "kafka")]
mod plan;
mod progress;
#[cfg(feature = "kafka")]
#[cfg(test)]
mod tests;

#[cfg(feature = "kafka")]
pub use crate::pipeline::detect::tails::{Evidence, Tails, Witness, add, tails};
pub use fingerprint::LastRecord;
#[cfg(feature = "kafka")]
pub use plan::{Facts, Plan, other_log, plan, verify};
#[cfg(feature = "kafka")]
pub use progress::tree_text;
pub use progress::{Progress, Recorded};
