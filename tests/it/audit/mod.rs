//! The hash chain: recomputed, and tampered with.

pub(crate) mod chain;
pub(crate) mod tamper;
