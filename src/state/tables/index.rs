//! An open-addressing index from 64-bit keys to row numbers, four bytes a slot.
//!
//! Linear probing with backward-shift deletion (Knuth, TAOCP 3, 6.4 R): no tombstones, so a table
//! under constant eviction does not degrade. A slot spends the bits that its row number leaves on a
//! tag of the key, so that a probe reads the row only where the key very likely is. The index is
//! derived data: it is neither journalled nor stored, and its layout never shows in an answer.

/// An empty slot; rows are counted from 1 in slots.
const EMPTY: u32 = 0;
/// The slots of an index that holds something.
const SLOTS_MIN: usize = 16;

/// How full an index may become: what is evicted all the time wants short runs, because deletion
/// reads each row of a run; what is large wants few slots.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::state) enum Load {
    /// One half: 8 bytes a row.
    #[default]
    Half,
    /// Three quarters: 5.3 bytes a row.
    ThreeQuarters,
}

/// Maps keys to row numbers; the keys themselves are kept in the rows.
#[derive(Clone, Debug, Default)]
pub(in crate::state) struct Index {
    slots: Vec<u32>,
    n_rows: usize,
    n_rows_max: usize,
    load: Load,
}

impl Load {
    /// Returns the slots that `n` rows need.
    fn slots(self, n: usize) -> usize {
        match self {
            Self::Half => n * 2,
            Self::ThreeQuarters => n * 4 / 3 + 1,
        }
    }
}

impl Index {
    /// Makes an empty index that grows up to a table's bound.
    pub fn new(n_rows_max: usize, load: Load) -> Self {
        Self { slots: Vec::new(), n_rows: 0, n_rows_max, load }
    }

    /// Makes room for `n_rows` rows at once.
    pub fn reserve(&mut self, n_rows: usize) {
        assert!(self.n_rows == 0, "slots hold places that another length changes");
        let n = self.load.slots(n_rows.min(self.n_rows_max) + 1);
        self.slots = vec![EMPTY; n.max(SLOTS_MIN)];
    }

    /// Returns the row of a key; `key_of` reads a row's key.
    pub fn find(&self, key: u64, key_of: impl Fn(u32) -> u64) -> Option<u32> {
        self.slot(key, key_of).map(|slot| self.row(self.slots[slot]))
    }

    /// Adds a key that is not in the index.
    pub fn insert(&mut self, key: u64, row: u32, key_of: impl Fn(u32) -> u64) {
        if self.load.slots(self.n_rows + 1) > self.slots.len() {
            self.grow(key_of);
        }
        self.n_rows += 1;
        self.place(key, row);
    }

    /// Points a key that is in the index to another row.
    pub fn relocate(&mut self, key: u64, row: u32, key_of: impl Fn(u32) -> u64) {
        if let Some(slot) = self.slot(key, key_of) {
            self.slots[slot] = self.entry(key, row);
        }
    }

    /// Takes a key out, if it is in.
    pub fn remove(&mut self, key: u64, key_of: impl Fn(u32) -> u64) {
        let Some(mut hole) = self.slot(key, &key_of) else { return };
        self.n_rows -= 1;
        let mut probe = hole;
        loop {
            probe = self.after(probe);
            let entry = self.slots[probe];
            if entry == EMPTY {
                break;
            }
            // A row may move into the hole unless its home lies cyclically in (hole, probe].
            let home = self.home(key_of(self.row(entry)));
            let is_between = if hole <= probe {
                hole < home && home <= probe
            } else {
                hole < home || home <= probe
            };
            if !is_between {
                self.slots[hole] = entry;
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
        let tag = self.entry(key, 0) >> self.n_row_bits();
        let mut slot = self.home(key);
        loop {
            let entry = self.slots[slot];
            if entry == EMPTY {
                return None;
            }
            if entry >> self.n_row_bits() == tag && key_of(self.row(entry)) == key {
                return Some(slot);
            }
            slot = self.after(slot);
        }
    }

    /// Bits that a row number, counted from 1, takes of a slot; at most 31, see `Table::new`.
    fn n_row_bits(&self) -> u32 {
        usize::BITS - self.n_rows_max.leading_zeros()
    }

    /// Keys are keyed hashes: their high bits choose the slot, their low bits are the tag.
    fn entry(&self, key: u64, row: u32) -> u32 {
        ((key as u32) << self.n_row_bits()) | (row + 1)
    }

    fn row(&self, entry: u32) -> u32 {
        (entry & ((1 << self.n_row_bits()) - 1)) - 1
    }

    /// Spreads high bits over any number of slots (Lemire 2019).
    fn home(&self, key: u64) -> usize {
        ((u128::from(key) * self.slots.len() as u128) >> 64) as usize
    }

    fn after(&self, slot: usize) -> usize {
        if slot + 1 == self.slots.len() { 0 } else { slot + 1 }
    }

    fn place(&mut self, key: u64, row: u32) {
        let mut slot = self.home(key);
        while self.slots[slot] != EMPTY {
            slot = self.after(slot);
        }
        self.slots[slot] = self.entry(key, row);
    }

    fn grow(&mut self, key_of: impl Fn(u32) -> u64) {
        // The last step ends exactly at the load wanted, not at a power of two.
        let n_full = self.load.slots(self.n_rows_max + 1);
        let n = (self.slots.len() * 2).max(SLOTS_MIN);
        let n = if self.n_rows < self.n_rows_max { n.min(n_full) } else { n };
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; n.max(SLOTS_MIN)]);
        for entry in old.into_iter().filter(|entry| *entry != EMPTY) {
            let row = self.row(entry);
            self.place(key_of(row), row);
        }
    }
}
