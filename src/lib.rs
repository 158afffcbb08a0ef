//! txwarden: a streaming transaction anomaly detector for blockchains (see `ARCHITECTURE.md`).
//!
//! The modules below are listed in the order in which they may import each other: each one only
//! those above it, as the table in `tests/tidy.rs` says exactly.

pub mod ml;
pub mod model;

pub mod decode;
pub mod state;

pub mod feature;

pub mod detect;
pub mod triage;

pub mod engine;

pub mod eval;
pub mod sim;

pub mod audit;
pub mod ops;
pub mod order;

pub mod files;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod store;

pub mod journal;

pub mod pipeline;

pub mod config;

pub mod cli;
