//! Realistic prevalence: a random share of the positive subjects, without the others' rows.

use super::{Draw, Labels, Stream};

/// The rows that an evaluation sees, and who is positive among them.
pub struct Sample {
    /// Rows in order.
    pub rows: Vec<u32>,
    pub truth: Labels,
}

/// Keeps a random share of the positive subjects and drops every row that touches another one.
pub fn sample(stream: &Stream, truth: &Labels, share: f64, seed: u64) -> Sample {
    let mut positives: Vec<u32> = truth.positives().collect();
    Draw::new(seed, "keep-positives").shuffle(&mut positives);
    let n_kept = libm::ceil(positives.len() as f64 * share) as usize;
    let dropped = Labels::of(stream.n_names(), positives.split_off(n_kept.min(positives.len())));
    let is_kept = |row: &usize| {
        let touches = stream.parties(*row).iter().any(|&party| dropped.is_positive(party));
        !touches && !dropped.is_positive(stream.subject(*row))
    };
    Sample {
        rows: (0..stream.len()).filter(is_kept).map(|row| row as u32).collect(),
        truth: Labels::of(stream.n_names(), positives),
    }
}
