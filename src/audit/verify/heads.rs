//! Compares the accepted records with the checkpoints: head, Merkle root and frontier.

use super::{
    judge::ChainCase,
    report::{Violation, ViolationKind},
    trail::{Trail, TrustedHead},
};
use crate::audit::{Digest, Frontier, genesis};

/// Checkpoints that agree with the records.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Agreed {
    pub(super) n_checkpoints: u64,
    /// The last of them; 0 for none.
    pub(super) covered_seq: u64,
}

/// Compares a chain with its checkpoints; reports the first that disagrees.
pub(super) fn compare(
    trail: &Trail,
    number: usize,
    case: &ChainCase,
    findings: &mut Vec<Violation>,
) -> Agreed {
    let links = &trail.chains[number];
    let mut agreed = Agreed { n_checkpoints: 0, covered_seq: case.floor };
    let mut tree = Tree::new(case, trail, genesis(&links.topic, links.partition));
    for (&seq, head) in links.heads.range(case.floor..) {
        let Some(known) = tree.hash(seq) else { continue };
        let said = &head.checkpoint;
        if known != said.head {
            let from = agreed.covered_seq + 1;
            findings.push(Violation {
                kind: ViolationKind::Rewritten,
                topic: links.topic.clone(),
                partition: links.partition,
                seq: from,
                n_records: (seq + 1).saturating_sub(from),
                at: case.path.accepted.get(&from).map(|&i| trail.place(trail.entries[i].at)),
                found: format!("hash {known} at seq {seq}"),
                expected: format!("hash {}, as the checkpoint at {} says", said.head, head.at),
            });
            break;
        }
        match tree.root_at(seq, head) {
            Some(root) if root == said.root => {
                agreed.n_checkpoints += 1;
                agreed.covered_seq = seq;
            }
            root => findings.push(Violation {
                kind: ViolationKind::BadCheckpoint,
                topic: links.topic.clone(),
                partition: links.partition,
                seq,
                n_records: 0,
                at: Some(head.at.clone()),
                found: format!("root {}", said.root),
                expected: root.map_or_else(
                    || "as many subtrees as its seq has one-bits".to_owned(),
                    |root| format!("root {root}"),
                ),
            }),
        }
    }
    agreed
}

/// The Merkle tree over a chain's hashes, as far as they are known.
struct Tree<'a> {
    case: &'a ChainCase,
    trail: &'a Trail,
    origin: Digest,
    /// Absent behind a record whose hash is unknown.
    frontier: Option<Frontier>,
}

impl<'a> Tree<'a> {
    fn new(case: &'a ChainCase, trail: &'a Trail, origin: Digest) -> Self {
        Self { case, trail, origin, frontier: (case.floor == 0).then(Frontier::default) }
    }

    /// Returns a record's hash: its own, or of a missing record what the next one names.
    fn hash(&self, seq: u64) -> Option<Digest> {
        if seq == 0 {
            return Some(self.origin);
        }
        let entry = |seq: u64| self.case.path.accepted.get(&seq).map(|&i| &self.trail.entries[i]);
        entry(seq).map(|e| e.digest).or_else(|| entry(seq + 1).map(|e| e.prev))
    }

    /// Returns the root over the records up to a checkpoint: from their hashes, or from the
    /// checkpoint's own frontier where some are unknown, and goes on from there.
    fn root_at(&mut self, seq: u64, head: &TrustedHead) -> Option<Digest> {
        while self.frontier.as_ref().is_some_and(|f| f.n_leaves() < seq) {
            let next = self.frontier.as_ref().and_then(|f| self.hash(f.n_leaves() + 1));
            match (next, &mut self.frontier) {
                (Some(hash), Some(frontier)) => frontier.push(&hash.0),
                (_, frontier) => *frontier = None,
            }
        }
        if self.frontier.is_none() {
            self.frontier = Frontier::of(seq, head.checkpoint.frontier.clone());
        }
        self.frontier.as_ref().map(Frontier::root)
    }
}
