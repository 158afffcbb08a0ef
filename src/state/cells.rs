//! A vector of plain cells whose writes can be undone: what every table of state is made of.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A vector that keeps the pre-image of each overwritten cell until told to forget it.
///
/// # Cost
/// O(1) a write; `size_of::<(u32, T)>()` bytes of undo a write since the oldest mark kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Cells<T> {
    cells: Vec<T>,
    undo: VecDeque<(u32, T)>,
    /// Undo entries that have been forgotten, so that marks stay valid.
    n_forgotten: u64,
}

/// A point to which [`Cells`] can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CellsMark {
    position: u64,
    n_cells: u32,
}

impl<T: Copy> Cells<T> {
    /// Makes an empty vector.
    pub fn new() -> Self {
        Self::from_vec(Vec::new())
    }

    /// Wraps cells that have no past.
    pub fn from_vec(cells: Vec<T>) -> Self {
        Self { cells, undo: VecDeque::new(), n_forgotten: 0 }
    }

    /// Returns all cells.
    pub fn all(&self) -> &[T] {
        &self.cells
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
        let cell = &mut self.cells[idx];
        self.undo.push_back((idx as u32, *cell));
        cell
    }

    /// Appends a cell; reverting to an earlier mark takes it off again.
    pub fn push(&mut self, value: T) {
        if self.cells.len() == self.cells.capacity() {
            // By a quarter, not by double: a table of a million rows must not hold two million.
            self.cells.reserve_exact((self.cells.len() / 4).max(64));
        }
        self.cells.push(value);
    }

    /// Takes the last cell off.
    pub fn pop(&mut self) -> Option<T> {
        // Kept as a pre-image at its own position: reverting puts it back.
        let value = self.cells.pop()?;
        self.undo.push_back((self.cells.len() as u32, value));
        Some(value)
    }

    /// Gives back capacity beyond `n_max` cells.
    pub fn reserve_within(&mut self, n_max: usize) {
        if self.cells.capacity() > n_max && self.cells.len() <= n_max {
            self.cells.shrink_to(n_max);
        }
    }

    /// Returns the present point.
    pub fn mark(&self) -> CellsMark {
        let position = self.n_forgotten + self.undo.len() as u64;
        CellsMark { position, n_cells: self.cells.len() as u32 }
    }

    /// Returns what taking everything back to a mark will restore: one pre-image a cell, ascending,
    /// for the cells that existed then.
    ///
    /// # Panics
    /// When the mark has been forgotten: the caller keeps only marks that it has not.
    pub fn past(&self, mark: CellsMark) -> Vec<(u32, T)> {
        assert!(mark.position >= self.n_forgotten, "the journal has forgotten this mark");
        let n_keep = (mark.position - self.n_forgotten) as usize;
        let entries = self.undo.range(n_keep..).filter(|(idx, _)| *idx < mark.n_cells);
        let mut past: Vec<(u32, T)> = entries.copied().collect();
        past.sort_by_key(|(idx, _)| *idx); // Stable: the oldest pre-image of a cell comes first.
        past.dedup_by_key(|(idx, _)| *idx);
        past
    }

    /// Takes everything back to a mark.
    pub fn revert(&mut self, mark: CellsMark) {
        for (idx, old) in self.past(mark) {
            match self.cells.get_mut(idx as usize) {
                Some(cell) => *cell = old,
                // It has been popped: ascending order and one entry each leave no hole.
                None => self.cells.push(old),
            }
        }
        self.cells.truncate(mark.n_cells as usize);
        self.undo.truncate((mark.position - self.n_forgotten) as usize);
        assert_eq!(self.cells.len(), mark.n_cells as usize, "a popped cell was not restored");
    }

    /// Forgets how to go back beyond a mark.
    pub fn forget(&mut self, mark: CellsMark) {
        let n = mark.position.saturating_sub(self.n_forgotten).min(self.undo.len() as u64);
        self.undo.drain(..n as usize);
        self.n_forgotten += n;
    }

    /// Returns the bytes that undo information takes.
    pub fn n_undo_bytes(&self) -> usize {
        self.undo.len() * size_of::<(u32, T)>()
    }

    /// Returns the bytes that the cells take.
    pub fn n_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<T>()
    }
}

/// Two vectors are equal when their cells are: undo information is not what they hold.
impl<T: PartialEq> PartialEq for Cells<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cells == other.cells
    }
}
