//! Taking over a partition: what was committed, where to start, and the proof that it is the same.

mod fingerprint;
mod plan;
mod progress;

pub use fingerprint::LastRecord;
pub use plan::{Facts, Plan, plan, verify};
pub use progress::{METADATA_BYTES_MAX, Progress, Recorded};
