//! Snapshot stores: directories and object stores.

#[cfg(feature = "cloud")]
pub(crate) mod cloud;
pub(crate) mod object_store;
