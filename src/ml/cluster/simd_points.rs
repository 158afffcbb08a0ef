//! Points laid out for distances: sixteen at a time, column by column.

use serde::{Deserialize, Serialize};

/// Points whose distances are computed together: one loop of independent additions, which the
/// compiler vectorises while every platform gets the same bits.
const LANES: usize = 16;

/// Columns between two looks at whether any of sixteen points can still be near: a look costs
/// about as much as one column.
const COLUMNS_PER_LOOK: usize = 4;

/// A fixed set of points of the same width.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lanes {
    n_points: u32,
    n_columns: u32,
    /// Blocks of `LANES` points; in a block column-major. Padding points are infinitely far.
    #[serde(with = "crate::ml::floats")]
    blocks: Vec<f32>,
}

impl Lanes {
    /// Lays out row-major points.
    pub fn of_rows(rows: &[f32], n_columns: usize) -> Self {
        let n_points = rows.len() / n_columns.max(1);
        let mut blocks = vec![f32::INFINITY; n_points.div_ceil(LANES) * LANES * n_columns];
        for (point, row) in rows.chunks_exact(n_columns.max(1)).enumerate() {
            let start = point / LANES * LANES * n_columns + point % LANES;
            for (column, &value) in row.iter().enumerate() {
                blocks[start + column * LANES] = value;
            }
        }
        Self { n_points: n_points as u32, n_columns: n_columns as u32, blocks }
    }

    /// Returns the number of points.
    pub fn len(&self) -> usize {
        self.n_points as usize
    }

    /// Returns whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.n_points == 0
    }

    /// Returns whether this has the given width and its blocks are whole (after a restore).
    pub fn is_shaped(&self, n_columns: usize) -> bool {
        let n_blocks = self.len().div_ceil(LANES);
        self.n_columns as usize == n_columns && self.blocks.len() == n_blocks * LANES * n_columns
    }

    /// Returns one coordinate.
    pub fn at(&self, point: usize, column: usize) -> f32 {
        let start = point / LANES * LANES * self.n_columns as usize + point % LANES;
        self.blocks[start + column * LANES]
    }

    /// Returns the nearest point, the first one where several are, and its squared distance;
    /// infinitely far when there are no points.
    pub fn nearest(&self, row: &[f32]) -> (usize, f32) {
        let mut best = (0, f32::INFINITY);
        for (idx, block) in self.blocks.chunks_exact(LANES * row.len()).enumerate() {
            let Some(sums) = distances2(block, row, best.1) else { continue };
            // Few blocks hold a nearer point: only those are searched for it.
            let least = sums.iter().fold(f32::INFINITY, |least, &sum| least.min(sum));
            if least >= best.1 {
                continue;
            }
            for (lane, &sum) in sums.iter().enumerate() {
                if sum < best.1 {
                    best = (idx * LANES + lane, sum);
                }
            }
        }
        best
    }

    /// Returns whether any point is within a squared distance.
    pub fn is_any_within(&self, row: &[f32], distance2: f32) -> bool {
        let mut blocks = self.blocks.chunks_exact(LANES * row.len());
        blocks.any(|block| distances2(block, row, distance2).is_some())
    }
}

/// Returns the squared distances of a block's points; `None` when all are beyond `limit`, which
/// often shows after a few columns because sums of squares only grow.
fn distances2(block: &[f32], row: &[f32], limit: f32) -> Option<[f32; LANES]> {
    let mut sums = [0.0f32; LANES];
    let columns = block.chunks(LANES * COLUMNS_PER_LOOK).zip(row.chunks(COLUMNS_PER_LOOK));
    for (columns, values) in columns {
        for (column, &value) in columns.chunks_exact(LANES).zip(values) {
            for (sum, &center) in sums.iter_mut().zip(column) {
                *sum += (value - center) * (value - center);
            }
        }
        let n_near = sums.iter().fold(0u32, |n, &sum| n + u32::from(sum <= limit));
        if n_near == 0 {
            return None;
        }
    }
    Some(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::splitmix::mix;

    #[test]
    fn agrees_with_one_distance_at_a_time() {
        for (n_points, n_columns) in [(1usize, 1usize), (15, 3), (16, 20), (53, 20), (256, 7)] {
            let unit = |i: usize| mix(i as u64) as f32 / u64::MAX as f32;
            let rows: Vec<f32> = (0..n_points * n_columns).map(unit).collect();
            let lanes = Lanes::of_rows(&rows, n_columns);
            assert!(lanes.is_shaped(n_columns) && lanes.len() == n_points);
            for probe in 0..50 {
                let row: Vec<f32> =
                    (0..n_columns).map(|column| unit(9_999 + probe * 31 + column)).collect();
                let distance2 = |point: &[f32]| {
                    point.iter().zip(&row).fold(0.0f32, |sum, (x, y)| sum + (y - x) * (y - x))
                };
                let all: Vec<f32> = rows.chunks_exact(n_columns).map(distance2).collect();
                let least = all.iter().copied().fold(f32::INFINITY, f32::min);
                let (nearest, found) = lanes.nearest(&row);
                assert_eq!(found, least);
                assert_eq!(Some(nearest), all.iter().position(|&d| d == least));
                assert!(lanes.is_any_within(&row, least));
                assert!(!lanes.is_any_within(&row, least * 0.999));
            }
            assert_eq!(lanes.at(n_points - 1, n_columns - 1), rows[rows.len() - 1]);
        }
        assert_eq!(Lanes::of_rows(&[], 3).nearest(&[0.0; 3]), (0, f32::INFINITY));
    }
}
