//! Records in files, plain or as they were on the bus, and JSON lines out of them.

pub mod jsonl;
pub mod recorded;
pub mod records;
mod unpacked;
