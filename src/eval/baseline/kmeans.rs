//! Distance to the nearest of 64 centres that follow the stream.

/// Centres: enough for the shapes of ordinary traffic, few enough to stay cheap.
const N_CENTRES: usize = 64;
/// A centre never moves by less than this share of the way, so that it follows drift.
const STEP_MIN: f32 = 1e-3;

/// Sequential k-means.
///
/// # Source
/// MacQueen 1967; the first rows are the first centres.
#[derive(Clone, Debug, Default)]
pub(super) struct SequentialKmeans {
    centres: Vec<(Vec<f32>, f32)>,
}

impl SequentialKmeans {
    /// Returns the distance of a row to the nearest centre.
    pub(super) fn distance(&self, row: &[f32]) -> f32 {
        self.nearest(row).map_or(0.0, |(_, squared)| squared.sqrt())
    }

    /// Moves the nearest centre towards a row.
    pub(super) fn learn(&mut self, row: &[f32]) {
        let nearest = self.nearest(row).filter(|(_, squared)| *squared > 0.0);
        match nearest {
            Some((idx, _)) if self.centres.len() == N_CENTRES => {
                let (centre, n) = &mut self.centres[idx];
                *n += 1.0;
                let step = (1.0 / *n).max(STEP_MIN);
                centre.iter_mut().zip(row).for_each(|(c, v)| *c += step * (v - *c));
            }
            None if !self.centres.is_empty() => {}
            _ => self.centres.push((row.to_vec(), 1.0)),
        }
    }

    fn nearest(&self, row: &[f32]) -> Option<(usize, f32)> {
        let squared = |centre: &[f32]| -> f32 {
            centre.iter().zip(row).map(|(c, v)| (c - v) * (c - v)).sum()
        };
        let all = self.centres.iter().map(|(centre, _)| squared(centre)).enumerate();
        all.min_by(|a, b| a.1.total_cmp(&b.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_apart_is_far() {
        let mut kmeans = SequentialKmeans::default();
        for i in 0..2_000 {
            let angle = i as f32 * 0.7;
            kmeans.learn(&[0.5 + 0.1 * (angle % 1.0), 0.5 - 0.1 * ((angle * 3.1) % 1.0)]);
        }
        assert_eq!(kmeans.centres.len(), N_CENTRES);
        assert!(kmeans.distance(&[0.55, 0.45]) < 0.03 && kmeans.distance(&[0.9, 0.9]) > 0.4);
    }
}
