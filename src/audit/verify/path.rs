//! Finds the records of a chain that the hashes vouch for.
//!
//! Sound records link to the one before by its hash. What hangs together is a run; the runs that
//! agree with each other, with the chain's beginning and with the checkpoints are accepted, the
//! strongest first, and every other record is a stray to be explained.

use super::{record::ChainEntry, trail::PartitionAlerts};
use crate::audit::{Digest, genesis};
use std::{cmp::Reverse, collections::BTreeMap};

/// A checkpoint's word outweighs any number of records: whoever changes records can make more.
const VOUCHED: u64 = 1 << 40;

/// One chain's records, judged by hashes alone.
#[derive(Debug, Default)]
pub(super) struct HashPath {
    /// Number of the entry by sequence number.
    pub(super) accepted: BTreeMap<u64, usize>,
    /// Sequence number by place, of the same.
    pub(super) places: BTreeMap<(u32, u64), u64>,
    /// Sound records that do not fit.
    pub(super) strays: Vec<usize>,
}

/// Records of which each names the hash of the one before.
struct HashRun {
    /// Numbers of the entries.
    members: Vec<usize>,
    is_anchored: bool,
    is_vouched: bool,
}

/// Sorts the sound records of a chain, given in reading order, into accepted ones and strays.
pub(super) fn trace(entries: &[ChainEntry], sound: &[usize], links: &PartitionAlerts) -> HashPath {
    let mut path = HashPath::default();
    let nodes = unique(entries, sound, &mut path.strays);
    let mut runs = runs(entries, nodes, links, &mut path.strays);
    runs.sort_by_key(|run| {
        let first = &entries[run.members[0]];
        let strength = (run.is_anchored, run.is_vouched, run.members.len());
        (Reverse(strength), first.seq, first.at)
    });
    for run in runs {
        path.accept(entries, run, links);
    }
    path
}

/// Keeps one of identical records: the one whose neighbours it fits between.
fn unique(entries: &[ChainEntry], sound: &[usize], strays: &mut Vec<usize>) -> Vec<usize> {
    let mut sorted = sound.to_vec();
    // By stream, in reading order: the neighbours of each.
    sorted.sort_by_key(|&i| entries[i].at);
    let fits = |position: usize| {
        let own = &entries[sorted[position]];
        let is_other = |other: &&ChainEntry| other.at.0 == own.at.0 && other.digest != own.digest;
        let before = sorted[..position].iter().rev().map(|&i| &entries[i]).find(is_other);
        let after = sorted[position + 1..].iter().map(|&i| &entries[i]).find(is_other);
        before.is_none_or(|e| e.seq < own.seq) && after.is_none_or(|e| e.seq > own.seq)
    };
    let mut by_digest: Vec<usize> = (0..sorted.len()).collect();
    by_digest.sort_by_key(|&p| (entries[sorted[p]].digest, entries[sorted[p]].at));
    let mut kept = Vec::with_capacity(sorted.len());
    for same in by_digest.chunk_by(|&a, &b| entries[sorted[a]].digest == entries[sorted[b]].digest)
    {
        let is_alone = same.len() == 1;
        let best = same.iter().position(|&p| is_alone || fits(p)).unwrap_or(0);
        for (i, &position) in same.iter().enumerate() {
            if i == best { kept.push(sorted[position]) } else { strays.push(sorted[position]) }
        }
    }
    // By digest, for the search of parents.
    kept
}

/// Splits records, sorted by digest, into runs; of branches the heaviest goes on.
fn runs(
    entries: &[ChainEntry],
    nodes: Vec<usize>,
    links: &PartitionAlerts,
    strays: &mut Vec<usize>,
) -> Vec<HashRun> {
    let origin = genesis(&links.topic, links.partition);
    let find = |d: Digest| nodes.binary_search_by_key(&d, |&i| entries[i].digest).ok();
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    // Children first: a child's number is one more than its parent's.
    order.sort_by_key(|&n| (Reverse(entries[nodes[n]].seq), Reverse(entries[nodes[n]].at)));
    let mut weights = vec![0_u64; nodes.len()];
    let mut heirs: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut roots = Vec::new();
    let mut is_taken = vec![false; nodes.len()];
    for n in order {
        let own = &entries[nodes[n]];
        let word = if links.says(own.seq, own.digest) { VOUCHED } else { 0 };
        weights[n] = 1 + word + heirs[n].map_or(0, |heir| weights[heir]);
        match find(own.prev) {
            Some(parent) if entries[nodes[parent]].seq + 1 == own.seq => {
                let rival = heirs[parent].map_or(0, |heir| weights[heir]);
                // On a tie the one that was read first: it comes last in this order.
                if weights[n] >= rival {
                    heirs[parent] = Some(n);
                }
            }
            // It names a record, or the beginning, that its number does not follow.
            Some(_) => {}
            None if (own.prev == origin) == (own.seq == 1) => roots.push(n),
            None => {}
        }
    }
    let mut found = Vec::with_capacity(roots.len());
    for root in roots {
        let first = &entries[nodes[root]];
        let mut run = HashRun {
            members: Vec::new(),
            is_anchored: first.seq == 1,
            is_vouched: links.says(first.seq - 1, first.prev),
        };
        let mut next = Some(root);
        while let Some(n) = next {
            is_taken[n] = true;
            let own = &entries[nodes[n]];
            run.is_vouched |= links.says(own.seq, own.digest);
            run.members.push(nodes[n]);
            next = heirs[n];
        }
        found.push(run);
    }
    strays.extend(nodes.iter().zip(&is_taken).filter(|(_, taken)| !**taken).map(|(i, _)| *i));
    found
}

impl PartitionAlerts {
    /// Returns whether a checkpoint says that this was the chain's head.
    fn says(&self, seq: u64, digest: Digest) -> bool {
        self.heads.get(&seq).is_some_and(|head| head.checkpoint.head == digest)
    }
}

impl HashPath {
    /// Accepts a run if nothing that is stronger speaks against it.
    fn accept(&mut self, entries: &[ChainEntry], run: HashRun, links: &PartitionAlerts) {
        let is_strong = run.members.len() > 1 || run.is_vouched;
        let mut members = run.members;
        while let (Some(&first), Some(&last)) = (members.first(), members.last()) {
            let (head, tail) = (&entries[first], &entries[last]);
            let is_free = self.accepted.range(head.seq..=tail.seq).next().is_none();
            if !is_free || !self.fits(head, tail.seq) {
                break;
            }
            if let Some(&next) = self.accepted.get(&(tail.seq + 1))
                && entries[next].prev != tail.digest
            {
                // The successor is vouched for by its own; so the last of this run is not.
                self.strays.extend(members.pop());
                continue;
            }
            if let Some(&before) = self.accepted.get(&(head.seq - 1))
                && entries[before].digest != head.prev
            {
                let is_known = links.says(head.seq - 1, entries[before].digest);
                if !is_strong || is_known {
                    break;
                }
                self.accepted.remove(&(head.seq - 1));
                self.places.remove(&entries[before].at);
                self.strays.push(before);
            }
            for &i in &members {
                self.accepted.insert(entries[i].seq, i);
                self.places.insert(entries[i].at, entries[i].seq);
            }
            return;
        }
        self.strays.extend(members);
    }

    /// Returns whether a run stands where its numbers belong.
    fn fits(&self, first: &ChainEntry, last_seq: u64) -> bool {
        let (before, after) = self.around(first.at);
        before.is_none_or(|seq| seq < first.seq) && after.is_none_or(|seq| seq > last_seq)
    }

    /// Returns the numbers of the accepted records before and after a place in its stream.
    pub(super) fn around(&self, at: (u32, u64)) -> (Option<u64>, Option<u64>) {
        let is_same = |place: &&(u32, u64)| place.0 == at.0;
        let before = self.places.range(..at).next_back().filter(|(p, _)| is_same(p));
        let after = self.places.range((at.0, at.1 + 1)..).next().filter(|(p, _)| is_same(p));
        (before.map(|(_, seq)| *seq), after.map(|(_, seq)| *seq))
    }
}
