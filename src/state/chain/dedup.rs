//! Which facts have been seen: one row a fact, told apart by the block that it is in.

use super::body_digest::Seal;
use crate::{
    model::{AccountHasher, BlockHash, Body, Event, Step, TracePath, TransferSource, TxId},
    state::{
        accounts::{profile::seconds, roles::inclusion_key},
        tables::{fixed_layout::plain, table::Aged},
    },
};

/// A fact that has been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::state) struct SeenFact {
    /// Digest of the block, 0 when the source did not say which.
    block: u32,
    time: u32,
    pub seal: Seal,
}

plain!(SeenFact { block: u32, time: u32, seal: Seal });

impl Aged for SeenFact {
    fn last_used(&self) -> u32 {
        self.time
    }
}

impl SeenFact {
    /// Describes a sighting of an event's main fact, but for the seal on what it says.
    pub fn of(event: &Event) -> Self {
        let block = event.inclusion().and_then(|i| i.block);
        let block = block.as_ref().map_or(0, block_tag);
        Self { block, time: seconds(event.time), seal: Seal::default() }
    }

    /// Describes a sighting to be remembered.
    pub fn sealed(event: &Event, hasher: &AccountHasher) -> Self {
        Self { seal: Seal::of(event, hasher), ..Self::of(event) }
    }

    /// Returns whether another sighting is of the same fact: the same block, or a source that does
    /// not say. (A file of logs without block hashes repeats what a topic with them has told.)
    pub fn is_same(&self, other: &Self) -> bool {
        self.block == other.block || self.block == 0 || other.block == 0
    }
}

/// Returns the key of an event's main fact.
///
/// It is coarser than [`Event::id`], which contains the block: the block is in the row. Logs, the
/// transfers and the approvals they stand for share the natural key (transaction, log index), so a
/// log and a `token_transfer` row are one fact.
pub(in crate::state) fn fact_key(event: &Event, hasher: &AccountHasher) -> u64 {
    let of_log = |tx: &TxId, index: u32| hasher.hash(&[b"log", &tx.0, &index.to_le_bytes()]);
    let of_trace = |tx: Option<TxId>, path: &TracePath| {
        hasher.hash(&[b"trace", &tx.unwrap_or_default().0, &path.bytes()])
    };
    match &event.body {
        Body::Tx(tx) => inclusion_key(&tx.id, hasher),
        Body::Transfer(t) => match &t.source {
            TransferSource::Log(index) => of_log(&t.tx.unwrap_or_default(), *index),
            TransferSource::Withdrawal(index) => {
                hasher.hash(&[b"withdrawal", &index.to_le_bytes()])
            }
            TransferSource::Trace(path) => of_trace(t.tx, path),
            TransferSource::Reward => {
                let height = t.inclusion.map_or(0, |i| i.height);
                hasher.hash(&[b"reward", t.to.bytes(), &height.to_le_bytes()])
            }
        },
        Body::Approval(a) => of_log(&a.tx, a.log_index),
        Body::Log(l) => of_log(&l.tx, l.log_index),
        Body::Block(b) => match b.step {
            Step::Committed => hasher.hash(&[b"block", &b.hash.0]),
            // It may happen to one block more than once: told apart by the record's time.
            step => hasher.hash(&[step.as_str().as_bytes(), &b.hash.0, &micros(event)]),
        },
        Body::Outcome(o) => hasher.hash(&[b"outcome", &o.tx.0]),
        Body::Trace(t) => of_trace(t.tx, &t.path),
        Body::Notice(n) => hasher.hash(&[b"notice", &n.id.0]),
        Body::Asset(a) => hasher.hash(&[b"asset", a.address.bytes()]),
        Body::Observation(o) => {
            let at = o.mempool_seq.map_or_else(|| micros(event), u64::to_le_bytes);
            let node = o.node.as_deref().unwrap_or_default().as_bytes();
            hasher.hash(&[o.phase.as_str().as_bytes(), &o.tx.0, &at, node])
        }
    }
}

fn micros(event: &Event) -> [u8; 8] {
    event.time.micros().to_le_bytes()
}

/// Returns the key of a transaction's body: the same in every block and while pending.
pub(in crate::state) fn body_key(tx: &TxId, hasher: &AccountHasher) -> u64 {
    hasher.hash(&[b"body", &tx.0])
}

fn block_tag(hash: &BlockHash) -> u32 {
    // The last bytes: the first ones of a proof-of-work hash are zeros. Never 0, that is "unsaid".
    u32::from_le_bytes([hash.0[28], hash.0[29], hash.0[30], hash.0[31]]).max(1)
}
