//! Which pairs have paid each other how often: fingerprints with saturating counts.

use crate::{
    ml::splitmix::mix,
    model::AccountKey,
    state::tables::{
        undo_vec::{CellsMark, UndoVec},
        undoable::Undoable,
    },
};
use serde::{Deserialize, Serialize};

/// Pairs that share a bucket: one cache line.
const BUCKET: usize = 8;
/// Bits of a pair's fingerprint; with the bucket, two pairs are confused about once in 2^37.
const FINGERPRINT_BITS: u32 = 40;
const SECONDS_PER_DAY: u32 = 86_400;

/// Counts of (sender, receiver) pairs, eight bytes each.
///
/// A full bucket evicts the pair longest without a payment, then the one with the fewest.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::state) struct Edges {
    /// Fingerprint (40 bits), day of the last payment (16), payments (8); 0 is empty.
    cells: UndoVec<u64>,
    n_evicted: u64,
}

/// A point to which the pairs can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct EdgesMark {
    cells: CellsMark,
    n_evicted: u64,
}

/// One direction between two accounts, in the native asset or a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::state) struct Pair(u64);

impl Pair {
    /// Names the payments of an asset from one account to another.
    pub fn new(from: AccountKey, to: AccountKey, token: Option<AccountKey>) -> Self {
        let token = token.map_or(0, |t| mix(t.0));
        Self(mix(from.0 ^ mix(to.0) ^ token))
    }
}

impl Edges {
    /// Makes an empty table; the memory is touched as it fills.
    pub fn new(n_edges_max: usize) -> Self {
        let n_buckets = (n_edges_max / BUCKET).max(1);
        Self { cells: UndoVec::of_default(n_buckets * BUCKET), n_evicted: 0 }
    }

    /// Returns the payments of a pair, saturating at 255.
    pub fn n_payments(&self, pair: Pair) -> u32 {
        let (start, fingerprint) = self.place(pair);
        let bucket = self.cells.run(start, BUCKET);
        bucket.iter().find(|cell| **cell >> 24 == fingerprint).map_or(0, |cell| *cell as u8 as u32)
    }

    /// Counts a payment and returns how many there were before.
    pub fn pay(&mut self, pair: Pair, time: u32) -> u32 {
        let (start, fingerprint) = self.place(pair);
        let day = u64::from(time / SECONDS_PER_DAY) & 0xffff;
        let bucket = self.cells.run(start, BUCKET);
        if let Some(at) = bucket.iter().position(|cell| *cell >> 24 == fingerprint) {
            let n = bucket[at] & 0xff;
            self.cells.set(start + at, fingerprint << 24 | day << 8 | (n + 1).min(0xff));
            return n as u32;
        }
        // An empty cell is 0: the day long ago and the count of none put it first.
        let victim = (0..BUCKET).min_by_key(|at| bucket[*at] & 0xff_ffff).unwrap_or(0);
        self.n_evicted += u64::from(bucket[victim] != 0);
        self.cells.set(start + victim, fingerprint << 24 | day << 8 | 1);
        0
    }

    /// Returns how many pairs have been evicted.
    pub fn n_evicted(&self) -> u64 {
        self.n_evicted
    }

    /// Returns the bytes of the table.
    pub fn n_bytes(&self) -> usize {
        self.cells.n_bytes()
    }

    /// Returns whether there are whole buckets (after a restore).
    pub fn is_sound(&self) -> bool {
        self.cells.len() >= BUCKET && self.cells.len().is_multiple_of(BUCKET)
    }

    fn place(&self, pair: Pair) -> (usize, u64) {
        let n_buckets = self.cells.len() / BUCKET;
        let bucket = ((u128::from(pair.0) * n_buckets as u128) >> 64) as usize;
        // Never 0: that is the empty cell's.
        let fingerprint = (pair.0 & ((1 << FINGERPRINT_BITS) - 1)).max(1);
        (bucket * BUCKET, fingerprint)
    }
}

impl Undoable for Edges {
    type Mark = EdgesMark;

    fn mark(&self) -> EdgesMark {
        let Self { cells, n_evicted } = self;
        EdgesMark { cells: cells.mark(), n_evicted: *n_evicted }
    }

    fn revert(&mut self, mark: &EdgesMark) {
        let EdgesMark { cells, n_evicted } = mark;
        self.cells.revert(cells);
        self.n_evicted = *n_evicted;
    }

    fn forget(&mut self, mark: &EdgesMark) {
        self.cells.forget(&mark.cells);
    }

    fn share(&mut self) -> Self {
        Self { cells: self.cells.share(), n_evicted: self.n_evicted }
    }

    fn n_undo_bytes(&self) -> usize {
        self.cells.n_undo_bytes()
    }
}
