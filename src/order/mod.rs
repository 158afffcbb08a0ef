//! The merge that puts topics and partitions into one order: a pure fold over what was read.

pub(crate) mod branches;
pub(crate) mod lane;
pub(crate) mod merge;
pub(crate) mod place;
pub(crate) mod reorder_buffer;

pub use lane::{PartitionLane, SPAN_MAX};
pub use merge::{Merge, MergeCounts, MergeWindow, Released};
pub use place::{Order, Place, PlaceKind, Section};
