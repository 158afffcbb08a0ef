//! Half-space trees: random halvings of the feature space, and how many rows fell into each.
//!
//! Source: Tan, Ting and Liu 2011, "Fast anomaly detection for streaming data" (IJCAI).

use super::super::Draw;

/// Trees, depth and window of the paper; the depth is two less, for the cache.
const N_TREES: usize = 25;
const DEPTH: usize = 13;
const WINDOW: u32 = 250;
/// A node with fewer rows ends the descent.
const SIZE_LIMIT: u32 = WINDOW / 10;

const N_INNER: usize = (1 << DEPTH) - 1;
const N_NODES: usize = (1 << (DEPTH + 1)) - 1;

/// The trees; made when the width of a row is known.
#[derive(Clone, Debug)]
pub(super) struct HalfSpaceTrees {
    draw: Draw,
    trees: Vec<HalfSpaceTree>,
    n_in_window: u32,
}

#[derive(Clone, Debug)]
struct HalfSpaceTree {
    /// (column, split) of each inner node; node i has the children 2i + 1 and 2i + 2.
    splits: Vec<(u16, f32)>,
    /// Rows of the last whole window and of the running one.
    masses: Vec<(u32, u32)>,
}

impl HalfSpaceTrees {
    /// Makes trees that have seen nothing.
    pub(super) fn new(draw: Draw) -> Self {
        Self { draw, trees: Vec::new(), n_in_window: 0 }
    }

    /// Scores a row of numbers in 0–1: the fewer its neighbours, the higher.
    pub(super) fn score(&self, row: &[f32]) -> f32 {
        -self.trees.iter().map(|tree| tree.mass(row)).sum::<f32>()
    }

    /// Learns a row.
    pub(super) fn learn(&mut self, row: &[f32]) {
        if self.trees.is_empty() {
            self.trees =
                (0..N_TREES).map(|_| HalfSpaceTree::new(&mut self.draw, row.len())).collect();
        }
        self.trees.iter_mut().for_each(|tree| tree.learn(row));
        self.n_in_window += 1;
        if self.n_in_window == WINDOW {
            self.n_in_window = 0;
            let masses = self.trees.iter_mut().flat_map(|tree| &mut tree.masses);
            masses.for_each(|(reference, latest)| *reference = std::mem::take(latest));
        }
    }
}

impl HalfSpaceTree {
    fn new(draw: &mut Draw, n_columns: usize) -> Self {
        // Each tree looks at a work space somewhat larger than the data, around a random centre.
        let space = (0..n_columns).map(|_| {
            let centre = draw.unit() as f32;
            let reach = 2.0 * centre.max(1.0 - centre);
            (centre - reach, centre + reach)
        });
        let mut tree = Self { splits: vec![(0, 0.0); N_INNER], masses: vec![(0, 0); N_NODES] };
        let mut space: Vec<(f32, f32)> = space.collect();
        tree.grow(0, draw, &mut space);
        tree
    }

    fn grow(&mut self, node: usize, draw: &mut Draw, space: &mut [(f32, f32)]) {
        if node >= N_INNER || space.is_empty() {
            return;
        }
        let column = draw.index(space.len());
        let (low, high) = space[column];
        let middle = f32::midpoint(low, high);
        self.splits[node] = (column as u16, middle);
        space[column] = (low, middle);
        self.grow(2 * node + 1, draw, space);
        space[column] = (middle, high);
        self.grow(2 * node + 2, draw, space);
        space[column] = (low, high);
    }

    fn mass(&self, row: &[f32]) -> f32 {
        let (mut node, mut scale) = (0, 1.0);
        while node < N_INNER && self.masses[node].0 > SIZE_LIMIT {
            node = self.child(node, row);
            scale *= 2.0;
        }
        self.masses[node].0 as f32 * scale
    }

    fn learn(&mut self, row: &[f32]) {
        let mut node = 0;
        self.masses[0].1 += 1;
        while node < N_INNER {
            node = self.child(node, row);
            self.masses[node].1 += 1;
        }
    }

    fn child(&self, node: usize, row: &[f32]) -> usize {
        let (column, split) = self.splits[node];
        2 * node + if row[usize::from(column)] < split { 1 } else { 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_neighbours_scores_high() {
        let mut trees = HalfSpaceTrees::new(Draw::new(3, "test"));
        let mut draw = Draw::new(4, "test");
        let mut row = || vec![0.4 + 0.2 * draw.unit() as f32, 0.4 + 0.2 * draw.unit() as f32];
        for _ in 0..1_000 {
            trees.learn(&row());
        }
        let usual = (0..100).map(|_| trees.score(&row())).fold(f32::MIN, f32::max);
        assert!(trees.score(&[0.99, 0.01]) > usual);
    }
}
