//! txwarden: a streaming transaction anomaly detector for blockchains (see `ARCHITECTURE.md`).
//!
//! ```
//! use txwarden::{Detector, model::{Chain, Record}, sim::{Evm, Scenario}};
//!
//! let mut detector = Detector::builder(Chain::parse("eip155:1")?).build()?;
//! // A seeded stream with planted incidents; a program has records of its own.
//! let evm = Evm { n_blocks: 400, ..Evm::default() };
//! let (lines, _) = Scenario::new(7).evm(evm).generate();
//! let mut n_alerts = 0;
//! for (offset, line) in (0..).zip(&lines) {
//!     let record = Record::new("transactions", offset, line.json.as_bytes());
//!     for alert in detector.feed(record).alerts() {
//!         println!("{}: {}", alert.severity.as_str(), alert.reason);
//!         n_alerts += 1;
//!     }
//! }
//! assert!(n_alerts > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The modules below are listed in the order in which they may import each other: each one only
//! those above it, as the table in `tests/tidy` says exactly.

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
