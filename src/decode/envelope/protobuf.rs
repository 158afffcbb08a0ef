//! Protobuf messages, read by the text of their `.proto` into JSON.

mod builtin;
mod parse;
mod read;
mod schema;
mod token;
mod wire;

pub(super) use read::message;
pub(super) use schema::ProtoSchema;
pub(super) use wire::{Wire, WireField};
