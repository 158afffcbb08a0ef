//! Taking over a partition: what was committed, where to start, and the proof that it is the same.

mod evidence;
mod fingerprint;
mod plan;
mod progress;
#[cfg(test)]
mod tests;

pub use evidence::{ProgressEvidence, Tails, Witness, add};
pub use fingerprint::LastRecord;
pub use plan::{Facts, OnLostHistory, Plan, other_log, plan, verify};
pub use progress::{Progress, Recorded, tree_text};
