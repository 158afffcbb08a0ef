//! Cells with their past as bytes: planes of a few thousand rows each, at the speed of memory.

use super::{
    byte_shuffle::{ROWS, Turner},
    fixed_layout::Plain,
    undo_vec::{Undo, UndoVec},
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
    ser::SerializeSeq,
};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// What stands before the blocks of cells.
#[derive(Clone, Copy, Default)]
struct CellsHead {
    n_cells: u64,
    n_undo: u64,
    n_forgotten: u64,
}

super::fixed_layout::plain!(CellsHead { n_cells: u64, n_undo: u64, n_forgotten: u64 });

/// Bytes that are written as a run, not as a sequence of numbers.
pub(in crate::state) struct ByteRun<'a>(pub &'a [u8]);

impl Serialize for ByteRun<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Turns rows into blocks of planes, one after the other, in the same buffers.
#[derive(Default)]
pub(in crate::state) struct ShuffledBlock {
    rows: Vec<u8>,
    block: Vec<u8>,
    turner: Turner,
}

impl ShuffledBlock {
    /// Returns the block of a run of rows; `row` writes each into its bytes.
    pub fn write<R>(
        &mut self,
        width: usize,
        rows: impl Iterator<Item = R>,
        mut row: impl FnMut(R, &mut [u8]),
    ) -> &[u8] {
        self.rows.clear();
        for cell in rows {
            let start = self.rows.len();
            self.rows.resize(start + width, 0);
            row(cell, &mut self.rows[start..]);
        }
        self.block.clear();
        self.turner.write(&self.rows, width, &mut self.block);
        &self.block
    }
}

impl<T: Plain> Serialize for UndoVec<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let head = CellsHead {
            n_cells: self.cells.len() as u64,
            n_undo: self.undo.len() as u64,
            n_forgotten: self.n_forgotten,
        };
        let n_blocks = self.cells.len().div_ceil(ROWS) + self.undo.len().div_ceil(ROWS);
        let mut seq = serializer.serialize_seq(Some(1 + n_blocks))?;
        let mut bytes = [0; CellsHead::N_BYTES + u64::N_BYTES];
        head.write(&mut bytes[..CellsHead::N_BYTES]);
        (T::N_BYTES as u64).write(&mut bytes[CellsHead::N_BYTES..]);
        // Rows that have never grown are written as they always were.
        let has_grown = T::N_BYTES != T::N_BYTES_V4;
        let n_head = if has_grown { bytes.len() } else { CellsHead::N_BYTES };
        seq.serialize_element(&ByteRun(&bytes[..n_head]))?;
        let mut block = ShuffledBlock::default();
        let mut cells = self.cells.iter();
        for _ in 0..self.cells.len().div_ceil(ROWS) {
            let bytes =
                block.write(T::N_BYTES, cells.by_ref().take(ROWS), |cell, out| cell.write(out));
            seq.serialize_element(&ByteRun(bytes))?;
        }
        let mut undo = self.undo.from(0);
        let mut mask = vec![0; T::N_BYTES];
        for _ in 0..self.undo.len().div_ceil(ROWS) {
            let bytes = block.write(Undo::<T>::N_BYTES, undo.by_ref().take(ROWS), |undo, out| {
                undo.write(out);
                self.mask(undo.idx, &mut mask, out);
            });
            seq.serialize_element(&ByteRun(bytes))?;
        }
        seq.end()
    }
}

impl<T: Plain> UndoVec<T> {
    /// Takes an undo entry's difference from the present cell, and back: most of it is zeros.
    fn mask(&self, idx: u32, mask: &mut [u8], entry: &mut [u8]) {
        if (idx as usize) < self.cells.len() {
            self.cells.get(idx as usize).write(mask);
            entry[u32::N_BYTES..].iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= *mask);
        }
    }

    fn from_blocks<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        let damaged = || A::Error::custom("cells are damaged");
        let mut next = || seq.next_element::<&[u8]>()?.ok_or_else(damaged);
        let (head, width) = next()?.split_at_checked(CellsHead::N_BYTES).ok_or_else(damaged)?;
        let n_added = match width.len() {
            0 => T::N_BYTES - T::N_BYTES_V4,
            u64::N_BYTES if u64::read(width) == T::N_BYTES as u64 => 0,
            _ => return Err(damaged()),
        };
        let CellsHead { n_cells, n_undo, n_forgotten } = CellsHead::read(head);
        let mut cells = Self { n_forgotten, ..Self::new() };
        let mut turner = Turner::default();
        let mut n_left = n_cells;
        while n_left > 0 {
            let n = n_left.min(ROWS as u64) as usize;
            let width = T::N_BYTES - n_added;
            let rows = turner.read(next()?, width, n).ok_or_else(damaged)?;
            cells.cells.extend(&padded(rows, width, n_added));
            n_left -= n as u64;
        }
        let mut mask = vec![0; T::N_BYTES];
        let mut n_left = n_undo;
        while n_left > 0 {
            let n = n_left.min(ROWS as u64) as usize;
            let width = Undo::<T>::N_BYTES - n_added;
            let rows = turner.read(next()?, width, n).ok_or_else(damaged)?;
            for row in rows.chunks_exact_mut(width) {
                cells.mask(u32::read(&row[..u32::N_BYTES]), &mut mask, row);
                cells.undo.push(Undo::read(&padded(row, width, n_added)));
            }
            n_left -= n as u64;
        }
        Ok(cells)
    }
}

/// Returns rows with zeros at the end of each, where something has been added since.
fn padded(rows: &[u8], width: usize, n_added: usize) -> Cow<'_, [u8]> {
    if n_added == 0 {
        return Cow::Borrowed(rows);
    }
    let mut wider = Vec::with_capacity(rows.len() / width * (width + n_added));
    for row in rows.chunks_exact(width) {
        wider.extend_from_slice(row);
        wider.resize(wider.len() + n_added, 0);
    }
    Cow::Owned(wider)
}

struct ShuffledBlocks<T>(PhantomData<T>);

impl<'de, T: Plain> Visitor<'de> for ShuffledBlocks<T> {
    type Value = UndoVec<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("blocks of cells")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<UndoVec<T>, A::Error> {
        UndoVec::from_blocks(seq)
    }
}

impl<'de, T: Plain> Deserialize<'de> for UndoVec<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ShuffledBlocks(PhantomData))
    }
}
