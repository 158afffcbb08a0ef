//! Bytes to events: formats, envelopes, lists, and real exports.

mod accounts;
mod envelope;
mod evm_stream;
mod formats;
mod lists;
mod mappings;
mod oracle;
mod recipes;
mod records;
