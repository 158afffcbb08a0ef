//! Where alerts go: JSON lines here, the alert topic in `kafka`.

pub mod jsonl;

pub mod recorded;
pub mod records;
mod unpacked;
