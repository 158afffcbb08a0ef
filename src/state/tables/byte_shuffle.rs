//! Rows of bytes turned into columns of bytes, so that what is alike lies together: a general
//! compressor then finds in plain numbers what a format of their own would have had to know.
//!
//! # Source
//! The byte shuffle of Blosc (Alted 2010, Why modern CPUs are starving).

/// Rows of a block: their planes are long enough for a compressor's statistics, and turning them
/// stays in the second-level cache.
pub(in crate::state) const ROWS: usize = 16_384;

/// Rows turned in one go through all columns: they stay in the first-level cache.
const TILE: usize = 128;
/// Rows and columns that are turned as one square.
const SIDE: usize = 8;

/// A plane whose bytes are all the same is one byte, any other is written whole.
const IS_CONSTANT: u8 = 0;
const IS_WHOLE: u8 = 1;

/// One column of bytes.
#[derive(Clone, Copy)]
enum Plane<'a> {
    Constant(u8),
    Whole(&'a [u8]),
}

/// Buffers that are kept from block to block.
#[derive(Default)]
pub(in crate::state) struct Turner {
    rows: Vec<u8>,
    present: Vec<u8>,
    planes: Vec<u8>,
}

impl Turner {
    /// Appends a block of row-major rows of `width` bytes each: which rows are not all zeros, then
    /// the planes of those.
    pub fn write(&mut self, rows: &[u8], width: usize, out: &mut Vec<u8>) {
        self.present.clear();
        self.rows.clear();
        for (n, row) in rows.chunks_exact(width).enumerate() {
            if n % SIDE == 0 {
                // The last rows of a block are filled up as present: all present is one byte.
                self.present.push(u8::MAX);
            }
            if row.iter().any(|byte| *byte != 0) {
                self.rows.extend_from_slice(row);
            } else {
                self.present[n / SIDE] &= !(1 << (n % SIDE));
            }
        }
        write_plane(&self.present, out);
        let n_rows = self.rows.len() / width;
        self.planes.clear();
        self.planes.resize(self.rows.len(), 0);
        turn(&self.rows, width, &mut self.planes);
        if n_rows > 0 {
            self.planes.chunks_exact(n_rows).for_each(|plane| write_plane(plane, out));
        }
    }

    /// Reads a block of `n_rows` rows; `None` when the bytes are anything else.
    ///
    /// # Cost
    /// `n_rows · width` bytes are held: the caller bounds them.
    pub fn read(&mut self, mut bytes: &[u8], width: usize, n_rows: usize) -> Option<&mut [u8]> {
        let bytes = &mut bytes;
        let present = read_plane(bytes, n_rows.div_ceil(SIDE))?;
        let is_present = |row: usize| present.at(row / SIDE) >> (row % SIDE) & 1 != 0;
        let n_present = (0..n_rows).filter(|row| is_present(*row)).count();
        self.rows.clear();
        self.rows.resize(n_rows * width, 0);
        let mut planes = Vec::with_capacity(width);
        for _ in 0..width {
            planes.push(read_plane(bytes, n_present)?);
        }
        if !bytes.is_empty() {
            return None;
        }
        turn_back(&planes, &mut self.rows[..n_present * width]);
        if n_present < n_rows {
            // From the last one on, no row is overwritten before it has moved.
            let mut from = n_present;
            for row in (0..n_rows).rev() {
                if is_present(row) {
                    from -= 1;
                    self.rows.copy_within(from * width..(from + 1) * width, row * width);
                } else {
                    self.rows[row * width..(row + 1) * width].fill(0);
                }
            }
        }
        Some(&mut self.rows)
    }
}

impl Plane<'_> {
    fn at(self, row: usize) -> u8 {
        match self {
            Self::Constant(byte) => byte,
            Self::Whole(bytes) => bytes[row],
        }
    }

    fn eight(self, row: usize) -> u64 {
        match self {
            Self::Constant(byte) => u64::from_le_bytes([byte; SIDE]),
            Self::Whole(bytes) => word(&bytes[row..]),
        }
    }
}

fn write_plane(plane: &[u8], out: &mut Vec<u8>) {
    match plane {
        [] => {}
        [first, rest @ ..] if rest.iter().all(|byte| byte == first) => {
            out.extend_from_slice(&[IS_CONSTANT, *first]);
        }
        _ => {
            out.push(IS_WHOLE);
            out.extend_from_slice(plane);
        }
    }
}

fn read_plane<'a>(bytes: &mut &'a [u8], n: usize) -> Option<Plane<'a>> {
    if n == 0 {
        return Some(Plane::Constant(0));
    }
    let (kind, rest) = bytes.split_first()?;
    let is_constant = *kind == IS_CONSTANT;
    if !is_constant && *kind != IS_WHOLE {
        return None;
    }
    let (plane, rest) = rest.split_at_checked(if is_constant { 1 } else { n })?;
    *bytes = rest;
    Some(if is_constant { Plane::Constant(plane[0]) } else { Plane::Whole(plane) })
}

/// Turns rows into planes, each `rows.len() / width` bytes long.
fn turn(rows: &[u8], width: usize, planes: &mut [u8]) {
    let n_rows = rows.len() / width;
    for tile in (0..n_rows).step_by(TILE) {
        let end = n_rows.min(tile + TILE);
        let end_squares = tile + (end - tile) / SIDE * SIDE;
        for first in (0..width).step_by(SIDE) {
            let is_square = first + SIDE <= width;
            let from = if is_square { end_squares } else { tile };
            for row in (tile..from).step_by(SIDE) {
                let lines = std::array::from_fn(|k| word(&rows[(row + k) * width + first..]));
                for (k, column) in transpose(lines).into_iter().enumerate() {
                    let at = (first + k) * n_rows + row;
                    planes[at..at + SIDE].copy_from_slice(&column.to_le_bytes());
                }
            }
            for row in from..end {
                for column in first..width.min(first + SIDE) {
                    planes[column * n_rows + row] = rows[row * width + column];
                }
            }
        }
    }
}

/// Turns planes into rows of as many bytes as there are planes.
fn turn_back(planes: &[Plane<'_>], rows: &mut [u8]) {
    let width = planes.len();
    let n_rows = rows.len() / width;
    for tile in (0..n_rows).step_by(TILE) {
        let end = n_rows.min(tile + TILE);
        let end_squares = tile + (end - tile) / SIDE * SIDE;
        for (group, planes) in planes.chunks(SIDE).enumerate() {
            // Rows are zeros to begin with.
            if planes.iter().all(|plane| matches!(plane, Plane::Constant(0))) {
                continue;
            }
            let first = group * SIDE;
            let square: Option<&[Plane<'_>; SIDE]> = planes.try_into().ok();
            let from = if square.is_some() { end_squares } else { tile };
            for row in (tile..from).step_by(SIDE) {
                let Some(square) = square else { break };
                let lines = transpose(square.map(|plane| plane.eight(row)));
                for (k, line) in lines.into_iter().enumerate() {
                    let at = (row + k) * width + first;
                    rows[at..at + SIDE].copy_from_slice(&line.to_le_bytes());
                }
            }
            for row in from..end {
                for (k, plane) in planes.iter().enumerate() {
                    rows[row * width + first + k] = plane.at(row);
                }
            }
        }
    }
}

/// Reads eight bytes.
fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// Transposes a square of eight by eight bytes.
///
/// # Source
/// Warren, Hacker's Delight, 7-3: swapping ever larger blocks off the diagonal.
fn transpose(mut lines: [u64; SIDE]) -> [u64; SIDE] {
    const STEPS: [(usize, u64); 3] =
        [(1, 0x00ff_00ff_00ff_00ff), (2, 0x0000_ffff_0000_ffff), (4, 0x0000_0000_ffff_ffff)];
    for (distance, mask) in STEPS {
        for a in (0..SIDE).filter(|a| a & distance == 0) {
            let (b, shift) = (a + distance, 8 * distance);
            let swap = ((lines[a] >> shift) ^ lines[b]) & mask;
            lines[b] ^= swap;
            lines[a] ^= swap << shift;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_what_is_no_block_is_refused() {
        let mut turner = Turner::default();
        for (width, n_rows) in [(1, 1), (3, 127), (104, 129), (16, 1_024), (24, ROWS)] {
            for step in [1, 3] {
                // With a step, some rows are all zeros and some columns constant.
                let byte = |i: usize| match (i % width, i / width % step) {
                    (_, row) if row > 0 => 0,
                    (0, _) => 9,
                    _ => (i * i / 7) as u8,
                };
                let rows: Vec<u8> = (0..width * n_rows).map(byte).collect();
                let mut block = Vec::new();
                turner.write(&rows, width, &mut block);
                assert_eq!(turner.read(&block, width, n_rows).unwrap(), rows);
                assert!(turner.read(&block[..block.len() - 1], width, n_rows).is_none());
                block.push(0);
                assert!(turner.read(&block, width, n_rows).is_none());
                block[0] = 7;
                assert!(turner.read(&block[..block.len() - 1], width, n_rows).is_none());
            }
        }
    }
}
