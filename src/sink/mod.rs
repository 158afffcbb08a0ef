//! Where alerts go: JSON lines here, the alert topic in `kafka`.

pub mod jsonl;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod message;
#[cfg(feature = "kafka")]
pub mod rewrite;
