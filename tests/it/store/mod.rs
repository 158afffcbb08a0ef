//! Snapshot stores: directories and object stores.

#[cfg(feature = "cloud")]
mod cloud;
mod object_store;
