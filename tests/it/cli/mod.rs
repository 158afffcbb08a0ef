//! The built binary from outside, and the documents that speak of it.

mod commands;
mod coverage;
mod demo;
mod manual;
#[cfg(all(feature = "cloud", feature = "kafka"))]
mod registry;
mod schema;
mod settings;
#[cfg(feature = "kafka")]
pub(crate) mod signals;
mod tables;
