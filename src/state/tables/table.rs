//! A bounded table of rows by 64-bit key with event-ordered eviction, whose writes can be undone.

use super::{
    fixed_layout::Plain,
    index::{Index, Load},
    undo_vec::{CellsMark, UndoVec},
    undoable::Undoable,
};
use serde::{Deserialize, Serialize};

/// Rows that any table may have: an index slot keeps one bit for a tag.
const ROWS_MAX: usize = (1 << 31) - 1;
/// Rows looked at to find one to evict: the oldest of them goes.
const VICTIMS_MAX: usize = 8;
/// One row in this many is on probation where newcomers must prove themselves.
const PROBATION_SHARE: usize = 8;

/// What a table needs to know about its rows to choose which one leaves.
pub(in crate::state) trait Aged: Plain + PartialEq {
    /// Returns when the row was last of use, in seconds of event time.
    fn last_used(&self) -> u32;

    /// Returns whether the row has been of use often enough to leave probation.
    fn is_established(&self) -> bool {
        true
    }
}

/// A row with its key.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::state) struct TableRow<V> {
    pub key: u64,
    pub value: V,
}

/// A bounded map: the rows are dense, the index is derived.
///
/// When it is full, a newcomer takes the place of the row longest unused among a few from a hand on
/// that goes round (CLOCK with sampling). With probation, newcomers only displace each other, and a
/// row enters the main part when it is established by the time the hand comes round: a flood of
/// keys seen once cannot push out the others.
///
/// # Source
/// Probation queue: S3-FIFO (Yang et al., SOSP 2023).
#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored<V>", bound(serialize = "V: Aged", deserialize = "V: Aged"))]
pub(in crate::state) struct Table<V> {
    rows: UndoVec<TableRow<V>>,
    head: TableHead,
    n_rows_max: usize,
    n_probation: usize,
    #[serde(skip)]
    index: Index,
}

/// The scalars of a table: small enough to be kept whole in a mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct TableHead {
    hand: u32,
    probation_hand: u32,
    n_evicted: u64,
}

/// A point to which a table can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct TableMark {
    rows: CellsMark,
    head: TableHead,
}

/// A table as it is stored: without its index.
#[derive(Deserialize)]
#[serde(bound = "V: Aged")]
struct Stored<V> {
    rows: UndoVec<TableRow<V>>,
    head: TableHead,
    n_rows_max: usize,
    n_probation: usize,
}

impl<V: Aged> Table<V> {
    /// Makes an empty table.
    pub fn new(n_rows_max: usize) -> Self {
        let n_rows_max = n_rows_max.clamp(1, ROWS_MAX);
        Self {
            rows: UndoVec::new(),
            head: TableHead::default(),
            n_rows_max,
            n_probation: 0,
            index: Index::new(n_rows_max, Load::Half),
        }
    }

    /// Makes an empty table whose newcomers are on probation once it is full.
    pub fn with_probation(n_rows_max: usize) -> Self {
        let mut table = Self::new(n_rows_max);
        table.n_probation = (table.n_rows_max / PROBATION_SHARE).max(1);
        table.index = Index::new(table.n_rows_max, Load::ThreeQuarters);
        table
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns how many rows have been evicted.
    pub fn n_evicted(&self) -> u64 {
        self.head.n_evicted
    }

    /// Returns the bytes of rows and index.
    pub fn n_bytes(&self) -> usize {
        self.rows.n_bytes() + self.index.n_bytes()
    }

    /// Returns the value under a key.
    pub fn get(&self, key: u64) -> Option<&V> {
        self.find(key).map(|row| &self.rows.get(row).value)
    }

    /// Changes the value under a key, which is `fresh` before when there is none; returns whether
    /// there was one.
    pub fn upsert(&mut self, key: u64, fresh: V, change: impl FnOnce(&mut V)) -> bool {
        if let Some(row) = self.find(key) {
            change(&mut self.rows.edit(row).value);
            return true;
        }
        let mut value = fresh;
        change(&mut value);
        self.insert(TableRow { key, value });
        false
    }

    /// Takes a key out and returns its value; the last row moves into its place.
    pub fn remove(&mut self, key: u64) -> Option<V> {
        let row = self.find(key)?;
        let value = self.rows.get(row).value;
        let Self { rows, index, .. } = self;
        index.remove(key, |row| rows.get(row as usize).key);
        let last = rows.len() - 1;
        if row != last {
            let moved = *rows.get(last);
            index.relocate(moved.key, row as u32, |row| rows.get(row as usize).key);
            rows.set(row, moved);
        }
        rows.pop();
        Some(value)
    }

    fn find(&self, key: u64) -> Option<usize> {
        let row = self.index.find(key, |row| self.rows.get(row as usize).key)?;
        Some(row as usize)
    }

    fn insert(&mut self, new: TableRow<V>) {
        let row = if self.rows.len() < self.n_rows_max {
            self.rows.push(new);
            self.rows.len() - 1
        } else {
            let row = self.vacate();
            self.rows.set(row, new);
            row
        };
        let Self { rows, index, .. } = self;
        index.insert(new.key, row as u32, |row| rows.get(row as usize).key);
    }

    /// Evicts a row and returns its place, which nothing in the index points to any more.
    fn vacate(&mut self) -> usize {
        self.head.n_evicted += 1;
        let n_probation = if self.rows.len() > self.n_probation { self.n_probation } else { 0 };
        if n_probation == 0 {
            let row = self.victim(0);
            self.unindex(row);
            return row;
        }
        let probation = self.head.probation_hand as usize % n_probation;
        self.head.probation_hand = ((probation + 1) % n_probation) as u32;
        let row = *self.rows.get(probation);
        if row.value.is_established() {
            let victim = self.victim(n_probation);
            self.unindex(victim);
            let Self { rows, index, .. } = self;
            index.relocate(row.key, victim as u32, |row| rows.get(row as usize).key);
            rows.set(victim, row);
        } else {
            self.unindex(probation);
        }
        probation
    }

    fn unindex(&mut self, row: usize) {
        let Self { rows, index, .. } = self;
        index.remove(rows.get(row).key, |row| rows.get(row as usize).key);
    }

    /// Returns the row to evict among the rows from `first` on: of a few from the hand on, one that
    /// is not established, else the one longest unused.
    fn victim(&mut self, first: usize) -> usize {
        let n = self.rows.len() - first;
        let hand = self.head.hand as usize % n;
        self.head.hand = ((hand + 1) % n) as u32;
        // Neighbours share a cache line; where newcomers are on probation, a run of established
        // rows must not hide the others.
        let stride = if first == 0 { 1 } else { (n / VICTIMS_MAX).max(1) };
        let candidates = (0..VICTIMS_MAX.min(n)).map(|step| first + (hand + step * stride) % n);
        // The first of equals, so that without reuse and removal this is first in, first out.
        let rank = |row: &usize| {
            let value = &self.rows.get(*row).value;
            (value.is_established(), value.last_used())
        };
        candidates.min_by_key(rank).unwrap_or(first)
    }
}

impl<V: Aged> Undoable for Table<V> {
    type Mark = TableMark;

    fn mark(&self) -> TableMark {
        // The bounds never change and the index follows from the rows.
        let Self { rows, head, n_rows_max: _, n_probation: _, index: _ } = self;
        TableMark { rows: rows.mark(), head: *head }
    }

    fn revert(&mut self, mark: &TableMark) {
        let past = self.rows.past(mark.rows);
        let n_then = UndoVec::<TableRow<V>>::n_cells_at(mark.rows);
        // Rows that keep their key keep their place in the index. The others leave it while all
        // rows still hold the keys under which the index finds them, and come back afterwards.
        let n_now = self.rows.len();
        let is_kept = |(row, old): &(u32, TableRow<V>)| {
            (*row as usize) < n_now && self.rows.get(*row as usize).key == old.key
        };
        let past: Vec<_> = past.into_iter().filter(|entry| !is_kept(entry)).collect();
        for (row, _) in past.iter().filter(|(row, _)| (*row as usize) < n_now) {
            self.unindex(*row as usize);
        }
        for row in n_then..n_now {
            self.unindex(row);
        }
        self.rows.revert(&mark.rows);
        self.head = mark.head;
        let Self { rows, index, .. } = self;
        for (row, old) in past {
            index.insert(old.key, row, |row| rows.get(row as usize).key);
        }
    }

    fn forget(&mut self, mark: &TableMark) {
        self.rows.forget(&mark.rows);
    }

    /// Leaves the index out: what is shared is only written.
    fn share(&mut self) -> Self {
        let Self { head, n_rows_max, n_probation, .. } = *self;
        Self { rows: self.rows.share(), head, n_rows_max, n_probation, index: Index::default() }
    }

    fn n_undo_bytes(&self) -> usize {
        self.rows.n_undo_bytes()
    }
}

impl<V: Plain> Plain for TableRow<V> {
    const N_BYTES: usize = u64::N_BYTES + V::N_BYTES;

    fn write(&self, out: &mut [u8]) {
        let (key, value) = out.split_at_mut(u64::N_BYTES);
        self.key.write(key);
        self.value.write(value);
    }

    fn read(bytes: &[u8]) -> Self {
        let (key, value) = bytes.split_at(u64::N_BYTES);
        Self { key: u64::read(key), value: V::read(value) }
    }
}

impl<V: Aged> TryFrom<Stored<V>> for Table<V> {
    type Error = &'static str;

    fn try_from(stored: Stored<V>) -> Result<Self, Self::Error> {
        let Stored { rows, head, n_rows_max, n_probation } = stored;
        if !(1..=ROWS_MAX).contains(&n_rows_max) || rows.len() > n_rows_max {
            return Err("a table has more rows than its bound");
        }
        let load = if n_probation > 0 { Load::ThreeQuarters } else { Load::Half };
        let mut index = Index::new(n_rows_max, load);
        index.reserve(rows.len());
        for (row, TableRow { key, .. }) in rows.iter().enumerate() {
            index.insert(*key, row as u32, |row| rows.get(row as usize).key);
        }
        Ok(Self { rows, head, n_rows_max, n_probation, index })
    }
}

/// Two tables are equal when they hold the same and will evict the same next.
impl<V: Aged> PartialEq for Table<V> {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && self.head == other.head && self.n_rows_max == other.n_rows_max
    }
}
