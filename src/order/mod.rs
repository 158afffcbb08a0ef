//! The merge that puts topics and partitions into one order: a pure fold over what was read.

mod branches;
mod lane;
mod merge;
mod place;
mod reorder_buffer;

pub use lane::{PartitionLane, SPAN_MAX};
pub use merge::{Merge, MergeCounts, MergeWindow, Released};
pub use place::{Order, Place, PlaceKind, Section};
