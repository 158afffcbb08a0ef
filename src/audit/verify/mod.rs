//! Checks what was written against its own hashes and against checkpoints, and names what changed.
//!
//! [`Trail`] takes in bodies and checkpoints in the order in which they were read, [`judge`] finds
//! the records that the hashes vouch for and explains every difference.

mod heads;
mod judge;
mod order;
mod path;
mod record;
mod report;
mod trail;

pub use judge::{Since, judge};
pub use report::{Anchor, ChainReport, ReadPlace, VerifyReport, Violation, ViolationKind};
pub use trail::{RECORDS_MAX, Trail, TrailError};
