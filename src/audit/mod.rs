//! Makes the alert stream provable: hash chain, Merkle tree, checkpoints, and their verification.
//!
//! Each input partition has one [`Chain`]. Every alert of its engine passes through
//! [`Chain::seal`] once and in order, whether it is emitted or not, so that a rebuilt chain is the
//! one that was written.

mod chain;
mod digest;
mod merkle;

pub use chain::{Chain, genesis, hash_of};
pub use digest::{Digest, short_hash};
pub use merkle::Frontier;
