//! Makes the alert stream provable: hash chain, Merkle tree, checkpoints, and their verification.
//!
//! Each input partition has one [`HashChain`]. Every alert of its engine passes through
//! [`HashChain::seal`] once and in order, whether it is emitted or not, so that a rebuilt chain is
//! the one that was written.

mod chain;
#[cfg(feature = "runtime")]
mod checkpoint;
mod digest;
#[cfg(feature = "runtime")]
mod key;
mod merkle;
#[cfg(feature = "runtime")]
mod params;
#[cfg(feature = "runtime")]
pub mod verify;

pub use chain::{HashChain, HashChains, genesis, hash_of};
#[cfg(feature = "runtime")]
pub use checkpoint::{Checkpoint, Deciders};
pub use digest::{Digest, short_hash};
#[cfg(feature = "runtime")]
pub use key::{KeyError, PublicKey, Signer};
pub use merkle::Frontier;
#[cfg(feature = "runtime")]
pub use params::{CHECKPOINT_MS_MIN, Params};
