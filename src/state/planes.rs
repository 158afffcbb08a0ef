//! Rows of bytes turned into columns of bytes, so that what is alike lies together: a general
//! compressor then finds in plain numbers what a format of their own would have had to know.
//!
//! # Source
//! The byte shuffle of Blosc (Alted 2010, Why modern CPUs are starving).

/// Rows that are turned at once: their planes are long enough for a compressor's statistics, and
/// turning them stays in the second-level cache.
pub(super) const ROWS: usize = 16_384;

/// Rows turned in one go through all columns: they stay in the first-level cache.
const TILE: usize = 128;

/// A plane whose bytes are all the same is one byte, any other is written whole.
const IS_CONSTANT: u8 = 0;
const IS_WHOLE: u8 = 1;

/// Appends the planes of row-major rows of `width` bytes each.
pub(super) fn write(rows: &[u8], width: usize, out: &mut Vec<u8>) {
    let n_rows = rows.len() / width;
    if n_rows == 0 {
        return;
    }
    let mut planes = vec![0; rows.len()];
    for (tile, rows) in rows.chunks(TILE * width).enumerate() {
        let n = rows.len() / width;
        for column in 0..width {
            let plane = &mut planes[column * n_rows + tile * TILE..][..n];
            let bytes = rows[column..].iter().step_by(width);
            plane.iter_mut().zip(bytes).for_each(|(out, byte)| *out = *byte);
        }
    }
    for plane in planes.chunks_exact(n_rows) {
        if plane.iter().all(|byte| *byte == plane[0]) {
            out.extend_from_slice(&[IS_CONSTANT, plane[0]]);
        } else {
            out.push(IS_WHOLE);
            out.extend_from_slice(plane);
        }
    }
}

/// Reads what [`write`] wrote into row-major rows; `None` when it is something else.
///
/// # Cost
/// `n_rows · width` bytes are held: the caller bounds them.
pub(super) fn read(mut bytes: &[u8], width: usize, n_rows: usize) -> Option<Vec<u8>> {
    if n_rows == 0 {
        return bytes.is_empty().then(Vec::new);
    }
    let mut planes = Vec::with_capacity(width);
    for _ in 0..width {
        let (kind, rest) = bytes.split_first()?;
        let n = match *kind {
            IS_CONSTANT => 1,
            IS_WHOLE => n_rows,
            _ => return None,
        };
        let (plane, rest) = rest.split_at_checked(n)?;
        planes.push((plane, *kind == IS_CONSTANT));
        bytes = rest;
    }
    if !bytes.is_empty() {
        return None;
    }
    // One tile that has the constant columns already is copied over and over.
    let mut rows = vec![0; n_rows * width];
    for (tile, rows) in rows.chunks_mut(TILE * width).enumerate() {
        let n = rows.len() / width;
        for (column, (plane, is_constant)) in planes.iter().enumerate() {
            let out = rows[column..].iter_mut().step_by(width);
            if *is_constant {
                if plane[0] != 0 {
                    out.for_each(|out| *out = plane[0]);
                }
            } else {
                let plane = &plane[tile * TILE..][..n];
                out.zip(plane).for_each(|(out, byte)| *out = *byte);
            }
        }
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_what_is_no_planes_is_refused() {
        for (width, n_rows) in [(1, 1), (3, 127), (104, 129), (16, ROWS)] {
            let byte = |i: usize| if i % width == 0 { 9 } else { (i * i / 7) as u8 };
            let rows: Vec<u8> = (0..width * n_rows).map(byte).collect();
            let mut planes = Vec::new();
            write(&rows, width, &mut planes);
            assert_eq!(planes[..2], [IS_CONSTANT, 9]);
            assert_eq!(read(&planes, width, n_rows).unwrap(), rows);
            assert_eq!(read(&planes, width + 1, n_rows), None);
            assert_eq!(read(&planes[..planes.len() - 1], width, n_rows), None);
            assert_eq!(read(&planes, width, 0), None);
        }
    }
}
