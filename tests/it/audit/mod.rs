//! The hash chain: recomputed, and tampered with.

mod chain;
mod tamper;
