//! A vector of plain cells whose writes can be undone: what every table of state is made of.

use super::{
    fixed_layout::Plain,
    pages::{Pages, Queue},
    undoable::Undoable,
};
use serde::{Deserialize, Serialize};

/// A vector that keeps the pre-image of each overwritten cell until told to forget it.
///
/// # Cost
/// O(1) a write; `size_of::<Undo<T>>()` bytes of undo a write since the oldest mark kept. After a
/// freeze the first write to each page copies it.
#[derive(Debug)]
pub(in crate::state) struct UndoVec<T> {
    pub(in crate::state) cells: Pages<T>,
    pub(in crate::state) undo: Queue<Undo<T>>,
    /// Undo entries that have been forgotten, so that marks stay valid.
    pub(in crate::state) n_forgotten: u64,
}

/// What a cell was before it was overwritten.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::state) struct Undo<T> {
    pub idx: u32,
    pub old: T,
}

/// A point to which [`UndoVec`] can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct CellsMark {
    position: u64,
    n_cells: u32,
}

impl<T: Plain> UndoVec<T> {
    /// Makes an empty vector.
    pub fn new() -> Self {
        Self { cells: Pages::new(), undo: Queue::new(), n_forgotten: 0 }
    }

    /// Makes a vector of empty cells, that have no past.
    pub fn of_default(n_cells: usize) -> Self {
        Self { cells: Pages::of_default(n_cells), ..Self::new() }
    }

    /// Returns a cell.
    pub fn get(&self, idx: usize) -> &T {
        self.cells.get(idx)
    }

    /// Returns an aligned run of cells, as long as a power of two.
    pub fn run(&self, first: usize, n: usize) -> &[T] {
        self.cells.run(first, n)
    }

    /// Returns all cells in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.cells.iter()
    }

    /// Returns the number of cells.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Returns how many cells a mark goes back to.
    pub fn n_cells_at(mark: CellsMark) -> usize {
        mark.n_cells as usize
    }

    /// Overwrites a cell.
    pub fn set(&mut self, idx: usize, value: T) {
        *self.edit(idx) = value;
    }

    /// Remembers a cell's pre-image and hands it out to be changed.
    pub fn edit(&mut self, idx: usize) -> &mut T {
        let cell = self.cells.edit(idx);
        self.undo.push(Undo { idx: idx as u32, old: *cell });
        cell
    }

    /// Appends a cell; reverting to an earlier mark takes it off again.
    pub fn push(&mut self, value: T) {
        self.cells.push(value);
    }

    /// Takes the last cell off.
    pub fn pop(&mut self) -> Option<T> {
        // Kept as a pre-image at its own position: reverting puts it back.
        let idx = self.cells.len().checked_sub(1)?;
        let old = *self.cells.get(idx);
        self.cells.truncate(idx);
        self.undo.push(Undo { idx: idx as u32, old });
        Some(old)
    }

    /// Returns what taking everything back to a mark will restore: one pre-image a cell, ascending,
    /// for the cells that existed then.
    ///
    /// # Panics
    /// When the mark has been forgotten: the caller keeps only marks that it has not.
    pub fn past(&self, mark: CellsMark) -> Vec<(u32, T)> {
        assert!(mark.position >= self.n_forgotten, "the journal has forgotten this mark");
        let n_keep = (mark.position - self.n_forgotten) as usize;
        let entries = self.undo.from(n_keep).filter(|undo| undo.idx < mark.n_cells);
        let mut past: Vec<(u32, T)> = entries.map(|undo| (undo.idx, undo.old)).collect();
        past.sort_by_key(|(idx, _)| *idx); // Stable: the oldest pre-image of a cell comes first.
        past.dedup_by_key(|(idx, _)| *idx);
        past
    }

    /// Returns the bytes that the cells take.
    pub fn n_bytes(&self) -> usize {
        self.cells.n_bytes()
    }
}

impl<T: Plain> Undoable for UndoVec<T> {
    type Mark = CellsMark;

    fn mark(&self) -> CellsMark {
        let Self { cells, undo, n_forgotten } = self;
        CellsMark { position: n_forgotten + undo.len() as u64, n_cells: cells.len() as u32 }
    }

    fn revert(&mut self, mark: &CellsMark) {
        for (idx, old) in self.past(*mark) {
            if (idx as usize) < self.cells.len() {
                *self.cells.edit(idx as usize) = old;
            } else {
                // It has been popped: ascending order and one entry each leave no hole.
                self.cells.push(old);
            }
        }
        self.cells.truncate(mark.n_cells as usize);
        self.undo.truncate((mark.position - self.n_forgotten) as usize);
        assert_eq!(self.cells.len(), mark.n_cells as usize, "a popped cell was not restored");
    }

    fn forget(&mut self, mark: &CellsMark) {
        let n = mark.position.saturating_sub(self.n_forgotten).min(self.undo.len() as u64);
        self.undo.forget(n as usize);
        self.n_forgotten += n;
    }

    fn share(&mut self) -> Self {
        let (cells, undo) = (self.cells.share(), self.undo.share());
        Self { cells, undo, n_forgotten: self.n_forgotten }
    }

    fn n_undo_bytes(&self) -> usize {
        self.undo.len() * size_of::<Undo<T>>()
    }
}

impl<T: Plain> Plain for Undo<T> {
    const N_BYTES: usize = u32::N_BYTES + T::N_BYTES;
    const N_BYTES_V4: usize = u32::N_BYTES + T::N_BYTES_V4;

    fn write(&self, out: &mut [u8]) {
        let (idx, old) = out.split_at_mut(u32::N_BYTES);
        self.idx.write(idx);
        self.old.write(old);
    }

    fn read(bytes: &[u8]) -> Self {
        let (idx, old) = bytes.split_at(u32::N_BYTES);
        Self { idx: u32::read(idx), old: T::read(old) }
    }
}

/// Two vectors are equal when their cells are: undo information is not what they hold.
impl<T: Plain + PartialEq> PartialEq for UndoVec<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}
