//! Bounded tables whose writes can be undone, and their bytes in a snapshot.

pub(super) mod byte_shuffle;
pub(super) mod fixed;
pub(super) mod fixed_layout;
pub(super) mod image;
pub(super) mod index;
pub(super) mod pages;
pub(super) mod table;
pub(super) mod undo_vec;
pub(super) mod undoable;
