//! txwarden: a streaming transaction anomaly detector for blockchains (see `ARCHITECTURE.md`).
//!
//! The modules below are listed in the order in which they may import each other: each one only
//! those above it, as the table in `tests/tidy.rs` says exactly.

pub mod manual;

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
#[cfg(feature = "runtime")]
pub mod ops;
#[cfg(feature = "runtime")]
pub mod order;

#[cfg(feature = "runtime")]
pub mod files;
#[cfg(feature = "runtime")]
pub mod kafka;
#[cfg(feature = "runtime")]
pub mod store;

#[cfg(feature = "runtime")]
pub mod journal;

pub mod pipeline;

mod detector;

#[cfg(feature = "cli")]
pub mod config;

#[cfg(feature = "cli")]
pub mod cli;

pub use detector::{Builder, Detector, DetectorError, Output, Outputs, SealedAlert};
