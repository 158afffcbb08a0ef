//! The built binary from outside, and the documents that speak of it.

pub(crate) mod commands;
pub(crate) mod coverage;
pub(crate) mod demo;
pub(crate) mod manual;
pub(crate) mod readme;
#[cfg(all(feature = "cloud", feature = "kafka"))]
pub(crate) mod registry;
pub(crate) mod schema;
pub(crate) mod settings;
#[cfg(feature = "kafka")]
pub(crate) mod signals;
