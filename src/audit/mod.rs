//! Makes the alert stream provable: hash chain, Merkle tree, checkpoints, and their verification.
//!
//! Each input partition has one [`Chain`]. Every alert of its engine passes through
//! [`Chain::seal`] once and in order, whether it is emitted or not, so that a rebuilt chain is the
//! one that was written.

mod chain;
mod checkpoint;
mod digest;
mod key;
mod merkle;
mod params;
pub mod verify;

pub use chain::{Chain, genesis, hash_of};
pub use checkpoint::{Checkpoint, Deciders};
pub use digest::{Digest, short_hash};
pub use key::{KeyError, PublicKey, Signer};
pub use merkle::Frontier;
pub use params::{CHECKPOINT_MS_MIN, Params};
