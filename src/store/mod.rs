//! Durable snapshots of engines: a store behind a URL, and a thread that writes to it.
//!
//! ```text
//! <url>/v1/<group>/<topic>/<partition>/<offset, 20 digits>.snap
//! <url>/v1/<group>/<topic>/<partition>/<marker>.json
//! <url>/v1/bundles/<blake3 of the content>
//! ```
//!
//! A snapshot is the state before the record at its offset. What its body means is the business of
//! who writes it; here it is bytes with a header that every later version can still read.

mod archive;
mod container;
mod contents;
mod error;
mod header;
mod location;
mod objects;
mod params;
mod publisher;

pub use archive::Archive;
pub use container::{BODY_BYTES_MAX, CONTAINER_VERSION};
pub use contents::{Snapshot, SnapshotEntry, Store, bundle_hash};
pub use error::StoreError;
pub use header::{BODY_FORMAT, SnapshotHeader};
pub use params::Params;
pub use publisher::{Encode, Job, PublishOutcome, Publisher, SnapshotReport, Submitted, Tell};
