//! Pages of cells that a frozen copy shares until they are written to: what makes a freeze cheap.
//!
//! A page is owned plainly, so that a write costs nothing extra, until a freeze shares it; the
//! first write after that takes a copy, or the page itself when nobody shares it any more.

use super::fixed_layout::Plain;
use std::{collections::VecDeque, mem, sync::Arc};

/// Bytes of one page at most: small enough that copying one is lost in the cost of an event (a few
/// microseconds), large enough that a million accounts are some twenty thousand pages to share.
const PAGE_BYTES: usize = 16 << 10;

/// One run of cells.
#[derive(Clone, Debug)]
enum Page<T> {
    Own(Box<[T]>),
    Shared(Arc<Box<[T]>>),
}

impl<T: Clone> Page<T> {
    fn cells(&self) -> &[T] {
        match self {
            Self::Own(own) => own,
            Self::Shared(shared) => shared,
        }
    }

    /// Returns the cells to be changed, a copy of them if they are shared.
    fn own(&mut self) -> &mut [T] {
        if let Self::Shared(shared) = self {
            let left = Arc::get_mut(shared).map(mem::take);
            *self = Self::Own(left.unwrap_or_else(|| Box::clone(shared)));
        }
        match self {
            Self::Own(own) => own,
            Self::Shared(shared) => Arc::<Box<[T]>>::make_mut(shared),
        }
    }

    /// Shares the cells.
    fn share(&mut self) -> Self {
        if let Self::Own(own) = self {
            *self = Self::Shared(Arc::new(mem::take(own)));
        }
        self.clone()
    }
}

/// A vector of plain cells in pages.
#[derive(Debug)]
pub(in crate::state) struct Pages<T> {
    pages: Vec<Page<T>>,
    n_cells: usize,
}

impl<T: Copy + Default> Pages<T> {
    /// Cells of a page, as a power of two: a cell is found by shifting.
    const SHIFT: u32 = (PAGE_BYTES / size_of::<T>()).ilog2();
    const MASK: usize = (1 << Self::SHIFT) - 1;

    /// Makes an empty vector.
    pub fn new() -> Self {
        Self { pages: Vec::new(), n_cells: 0 }
    }

    /// Makes a vector of empty cells; memory is taken as they are written.
    pub fn of_default(n_cells: usize) -> Self {
        let empty = Page::Shared(Arc::new(Self::blank()));
        Self { pages: vec![empty; n_cells.div_ceil(1 << Self::SHIFT)], n_cells }
    }

    /// Returns the number of cells.
    pub fn len(&self) -> usize {
        self.n_cells
    }

    /// Returns a cell.
    pub fn get(&self, idx: usize) -> &T {
        assert!(idx < self.n_cells, "there is no such cell");
        &self.pages[idx >> Self::SHIFT].cells()[idx & Self::MASK]
    }

    /// Returns a run of cells that lie in one page, as an aligned power of two does.
    pub fn run(&self, first: usize, n: usize) -> &[T] {
        let at = first & Self::MASK;
        &self.pages[first >> Self::SHIFT].cells()[at..at + n]
    }

    /// Returns a cell to be changed.
    pub fn edit(&mut self, idx: usize) -> &mut T {
        assert!(idx < self.n_cells, "there is no such cell");
        &mut self.pages[idx >> Self::SHIFT].own()[idx & Self::MASK]
    }

    /// Appends a cell.
    pub fn push(&mut self, cell: T) {
        if self.n_cells & Self::MASK == 0 {
            self.pages.push(Page::Own(Self::blank()));
        }
        self.n_cells += 1;
        *self.edit(self.n_cells - 1) = cell;
    }

    /// Appends cells from their bytes; the ones before fill their pages.
    pub fn extend(&mut self, bytes: &[u8])
    where
        T: Plain,
    {
        assert!(self.n_cells & Self::MASK == 0, "blocks of cells begin with a page");
        let empty = Page::Shared(Arc::new(Self::blank()));
        for bytes in bytes.chunks(T::N_BYTES << Self::SHIFT) {
            self.n_cells += bytes.len() / T::N_BYTES;
            if bytes.iter().all(|byte| *byte == 0) {
                self.pages.push(empty.clone());
                continue;
            }
            let mut page = Vec::with_capacity(1 << Self::SHIFT);
            page.extend(bytes.chunks_exact(T::N_BYTES).map(T::read));
            page.resize(1 << Self::SHIFT, T::default());
            self.pages.push(Page::Own(page.into()));
        }
    }

    /// Takes cells off the end until `n_cells` are left.
    pub fn truncate(&mut self, n_cells: usize) {
        self.n_cells = self.n_cells.min(n_cells);
        self.pages.truncate(self.n_cells.div_ceil(1 << Self::SHIFT));
    }

    /// Returns all cells in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flat_map(Page::cells).take(self.n_cells)
    }

    /// Returns the same cells, shared with this vector.
    pub fn share(&mut self) -> Self {
        let pages = self.pages.iter_mut().map(Page::share).collect();
        Self { pages, n_cells: self.n_cells }
    }

    /// Returns the bytes of all pages.
    pub fn n_bytes(&self) -> usize {
        let page = (size_of::<T>() << Self::SHIFT) + size_of::<Page<T>>();
        self.pages.len() * page
    }

    fn blank() -> Box<[T]> {
        vec![T::default(); 1 << Self::SHIFT].into_boxed_slice()
    }
}

/// A queue in pages: written at its back, forgotten from its front.
#[derive(Debug)]
pub(in crate::state) struct Queue<T> {
    pages: VecDeque<Page<T>>,
    /// Cells of the first page that are gone.
    n_gone: usize,
    n_cells: usize,
}

impl<T: Clone + Default> Queue<T> {
    const SHIFT: u32 = (PAGE_BYTES / size_of::<T>()).ilog2();
    const MASK: usize = (1 << Self::SHIFT) - 1;

    /// Makes an empty queue.
    pub fn new() -> Self {
        Self { pages: VecDeque::new(), n_gone: 0, n_cells: 0 }
    }

    /// Returns the number of cells.
    pub fn len(&self) -> usize {
        self.n_cells
    }

    /// Returns the cell at a position from the front.
    pub fn get(&self, at: usize) -> Option<&T> {
        let idx = (at < self.n_cells).then_some(self.n_gone + at)?;
        Some(&self.pages[idx >> Self::SHIFT].cells()[idx & Self::MASK])
    }

    /// Returns the cell at a position from the front, to be changed.
    pub fn edit(&mut self, at: usize) -> Option<&mut T> {
        let idx = (at < self.n_cells).then_some(self.n_gone + at)?;
        Some(&mut self.pages[idx >> Self::SHIFT].own()[idx & Self::MASK])
    }

    /// Appends a cell.
    pub fn push(&mut self, cell: T) {
        let idx = self.n_gone + self.n_cells;
        if idx >> Self::SHIFT == self.pages.len() {
            self.pages.push_back(Page::Own(vec![T::default(); 1 << Self::SHIFT].into()));
        }
        self.pages[idx >> Self::SHIFT].own()[idx & Self::MASK] = cell;
        self.n_cells += 1;
    }

    /// Takes cells off the back until `n_cells` are left.
    pub fn truncate(&mut self, n_cells: usize) {
        self.n_cells = self.n_cells.min(n_cells);
        self.pages.truncate((self.n_gone + self.n_cells).div_ceil(1 << Self::SHIFT));
    }

    /// Takes cells off the front.
    pub fn forget(&mut self, n_cells: usize) {
        let n_cells = n_cells.min(self.n_cells);
        self.n_cells -= n_cells;
        self.n_gone += n_cells;
        while self.n_gone > Self::MASK {
            self.pages.pop_front();
            self.n_gone -= 1 << Self::SHIFT;
        }
    }

    /// Returns the cells from a position on.
    pub fn from(&self, at: usize) -> impl Iterator<Item = &T> {
        let (first, end) = (self.n_gone + at, self.n_gone + self.n_cells);
        let pages = self.pages.iter().enumerate().skip(first >> Self::SHIFT);
        pages.flat_map(move |(page, cells)| {
            let start = page << Self::SHIFT;
            let n = end.saturating_sub(start).min(1 << Self::SHIFT);
            &cells.cells()[first.saturating_sub(start).min(n)..n]
        })
    }

    /// Returns the same cells, shared with this queue.
    pub fn share(&mut self) -> Self {
        let pages = self.pages.iter_mut().map(Page::share).collect();
        Self { pages, n_gone: self.n_gone, n_cells: self.n_cells }
    }
}
