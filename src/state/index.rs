//! An open-addressing index from 64-bit keys to row numbers, four bytes a slot.
//!
//! Linear probing with backward-shift deletion (Knuth, TAOCP 3, 6.4 R): no tombstones, so a table
//! under constant eviction does not degrade. The index is derived data: it is neither journalled nor
//! stored, and its layout never shows in an answer.

/// Row number of an empty slot.
const EMPTY: u32 = u32::MAX;
/// The slots of an index that holds something.
const SLOTS_MIN: usize = 16;

/// Maps keys to row numbers; the keys themselves are kept in the rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    slots: Vec<u32>,
    n_rows: usize,
    n_rows_max: usize,
}

impl Index {
    /// Makes an empty index that grows up to a table's bound.
    pub fn new(n_rows_max: usize) -> Self {
        Self { slots: Vec::new(), n_rows: 0, n_rows_max }
    }

    /// Returns the row of a key; `key_of` reads a row's key.
    pub fn find(&self, key: u64, key_of: impl Fn(u32) -> u64) -> Option<u32> {
        self.slot(key, key_of).map(|slot| self.slots[slot])
    }

    /// Adds a key that is not in the index.
    pub fn insert(&mut self, key: u64, row: u32, key_of: impl Fn(u32) -> u64) {
        if (self.n_rows + 1) * 8 > self.slots.len() * 7 {
            self.grow(key_of);
        }
        self.n_rows += 1;
        self.place(key, row);
    }

    /// Points a key that is in the index to another row.
    pub fn relocate(&mut self, key: u64, row: u32, key_of: impl Fn(u32) -> u64) {
        if let Some(slot) = self.slot(key, key_of) {
            self.slots[slot] = row;
        }
    }

    /// Takes a key out, if it is in.
    pub fn remove(&mut self, key: u64, key_of: impl Fn(u32) -> u64) {
        let Some(mut hole) = self.slot(key, &key_of) else { return };
        self.n_rows -= 1;
        let n = self.slots.len();
        let mut probe = hole;
        loop {
            probe = if probe + 1 == n { 0 } else { probe + 1 };
            let row = self.slots[probe];
            if row == EMPTY {
                break;
            }
            // A row may move into the hole unless its home lies cyclically in (hole, probe].
            let home = self.home(key_of(row));
            let is_between = if hole <= probe {
                hole < home && home <= probe
            } else {
                hole < home || home <= probe
            };
            if !is_between {
                self.slots[hole] = row;
                hole = probe;
            }
        }
        self.slots[hole] = EMPTY;
    }

    /// Returns the bytes that the slots take.
    pub fn n_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }

    fn slot(&self, key: u64, key_of: impl Fn(u32) -> u64) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mut slot = self.home(key);
        loop {
            match self.slots[slot] {
                EMPTY => return None,
                row if key_of(row) == key => return Some(slot),
                _ => slot = if slot + 1 == self.slots.len() { 0 } else { slot + 1 },
            }
        }
    }

    /// Keys are keyed hashes, so their high bits spread over any number of slots (Lemire 2019).
    fn home(&self, key: u64) -> usize {
        ((u128::from(key) * self.slots.len() as u128) >> 64) as usize
    }

    fn place(&mut self, key: u64, row: u32) {
        let mut slot = self.home(key);
        while self.slots[slot] != EMPTY {
            slot = if slot + 1 == self.slots.len() { 0 } else { slot + 1 };
        }
        self.slots[slot] = row;
    }

    fn grow(&mut self, key_of: impl Fn(u32) -> u64) {
        // The last step ends exactly at seven eighths full, not at a power of two.
        let n_full = (self.n_rows_max + 1) * 8 / 7 + 1;
        let n = (self.slots.len() * 2).max(SLOTS_MIN);
        let n = if self.n_rows < self.n_rows_max { n.min(n_full) } else { n };
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; n.max(SLOTS_MIN)]);
        for row in old.into_iter().filter(|row| *row != EMPTY) {
            self.place(key_of(row), row);
        }
    }
}
