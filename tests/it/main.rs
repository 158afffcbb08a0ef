//! Integration tests, one module an area; data-driven wherever the input can be a file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod accounts;
#[cfg(feature = "kafka")]
mod auto;
#[cfg(feature = "kafka")]
#[path = "../kafka/broker.rs"]
mod broker;
#[cfg(feature = "kafka")]
mod bus;
mod chain;
#[cfg(feature = "kafka")]
mod checkpoints;
mod checks;
mod cli;
#[cfg(feature = "cloud")]
mod cloud;
mod coinjoin;
mod control;
mod coverage;
#[cfg(feature = "kafka")]
mod crash_loop;
mod data;
mod decode;
mod demo;
#[cfg(feature = "kafka")]
mod dlq;
mod engine;
mod envelope;
mod eval;
mod evm_stream;
mod explain;
mod feedback;
mod fixture;
mod formats;
#[cfg(feature = "kafka")]
mod job;
mod judge;
#[cfg(feature = "kafka")]
mod kafka;
mod lists;
mod manual;
mod mappings;
mod mempool;
mod models;
mod noise;
mod object_store;
mod oracle;
#[cfg(feature = "kafka")]
mod outputs;
mod readme;
mod recipes;
#[cfg(all(feature = "cloud", feature = "kafka"))]
mod registry;
mod released;
#[cfg(feature = "kafka")]
mod reload;
mod reorgs;
mod route;
#[cfg(feature = "kafka")]
mod route_kafka;
mod rules;
mod rules_real;
#[cfg(feature = "kafka")]
mod run_route;
mod schema;
#[cfg(feature = "kafka")]
mod signals;
mod sim;
mod snapshot;
mod state;
mod streams;
#[cfg(feature = "kafka")]
mod takeover;
mod tamper;
mod tokens;
mod triage;
