//! Bytes to events: formats, envelopes, lists, and real exports.

pub(crate) mod accounts;
pub(crate) mod envelope;
pub(crate) mod evm_stream;
pub(crate) mod formats;
pub(crate) mod lists;
pub(crate) mod mappings;
pub(crate) mod oracle;
pub(crate) mod recipes;
pub(crate) mod records;
