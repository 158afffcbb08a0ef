//! The model table: one file and one line a learning detector.

mod amount_z;
mod definition;
mod evidence;
mod groups;
mod sentence;
mod soft_and;

pub use amount_z::AmountZ;
use definition::entry;
pub use definition::{Build, Definition, Enabled, Entry, build, run_fit};
pub use soft_and::SoftAnd;

/// Every model, by id, with the default weight of its surprise in the combined score.
pub const TABLE: &[Entry] = &[entry::<AmountZ>(0.25), entry::<SoftAnd>(1.0)];
