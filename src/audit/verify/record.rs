//! What one written body says about its place in a chain, and whether its bytes bear it out.

use crate::audit::{Digest, hash_of};
use serde::Deserialize;

/// How far a body can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Soundness {
    /// Its bytes give the hash that it names.
    Sound,
    /// They do not.
    Altered,
    /// It is no alert at all.
    Unreadable,
}

/// What one body says, without its content.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChainEntry {
    pub(super) soundness: Soundness,
    /// Where it was read: number of the stream, position in it.
    pub(super) at: (u32, u64),
    /// Number of the chain that it claims, unless it is unreadable.
    pub(super) chain: u32,
    pub(super) seq: u64,
    pub(super) prev: Digest,
    /// The hash that its bytes give.
    pub(super) digest: Digest,
}

/// A body's claim, as it is written.
#[derive(Debug)]
pub(super) struct BodyClaim {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) seq: u64,
    pub(super) prev: Digest,
    pub(super) digest: Digest,
    pub(super) is_sound: bool,
}

#[derive(Deserialize)]
struct RecordBody {
    provenance: ClaimedProvenance,
}

#[derive(Deserialize)]
struct ClaimedProvenance {
    topic: String,
    partition: i32,
    seq: u64,
    prev_hash: String,
    hash: String,
}

/// Reads a body; `None` when it is no alert with a place in a chain.
pub(super) fn read(body: &[u8]) -> Option<BodyClaim> {
    let RecordBody { provenance } = serde_json::from_slice(body).ok()?;
    let digest = hash_of(body)?;
    let prev = Digest::parse(&provenance.prev_hash);
    let is_sound = Digest::parse(&provenance.hash) == Some(digest) && prev.is_some();
    Some(BodyClaim {
        topic: provenance.topic,
        partition: provenance.partition,
        seq: provenance.seq,
        prev: prev.unwrap_or_default(),
        digest,
        is_sound: is_sound && provenance.seq > 0,
    })
}
