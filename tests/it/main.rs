//! Integration tests, one module an area; data-driven wherever the input can be a file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

pub(crate) mod audit;
#[cfg(feature = "kafka")]
#[path = "../kafka/broker.rs"]
mod broker;
pub(crate) mod cli;
mod data;
pub(crate) mod decode;
pub(crate) mod detect;
pub(crate) mod engine;
#[cfg(feature = "kafka")]
pub(crate) mod kafka;
mod state;
pub(crate) mod store;
