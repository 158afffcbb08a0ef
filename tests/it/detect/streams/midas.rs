//! Bursts of edges in constant memory: MIDAS-F over count-min sketches.
//!
//! # Source
//! Bhatia, Liu, Hooi, Yoon, Shin, Faloutsos: "Real-Time Anomaly Detection in Edge Streams", TKDD
//! 2022, algorithm 3 (MIDAS-F) and §5 (relations).

use txwarden::ml::splitmix::mix;

/// Sizes and rates of a sketch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Independent rows of each sketch; the least of them is the estimate.
    pub n_rows: u32,
    /// Buckets of a row: an estimate is too high by about e over this, of all edges of a tick.
    pub n_buckets: u32,
    /// What is left of the running counts at each new tick, 0–1.
    pub decay: f32,
    /// A bucket whose score reached this is not learned at the end of its tick: an attack must not
    /// become usual.
    pub threshold: f32,
}

impl Default for Params {
    /// The paper's: two rows of 1,024, half a tick's counts stay, 1,000.
    fn default() -> Self {
        Self { n_rows: 2, n_buckets: 1_024, decay: 0.5, threshold: 1_000.0 }
    }
}

/// How unusual the present rate of an edge and of its two ends is.
///
/// # Cost
/// Three times `n_rows` look-ups an edge; at each new tick one pass over `9 · n_rows · n_buckets`
/// numbers, which is what it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct MidasF {
    params: Params,
    tick: u64,
    /// Of the edge, its source and its target.
    sketches: [Sketch; 3],
}

/// Counts of one kind of key: in the running tick, in all before it, and the last score.
#[derive(Clone, Debug, PartialEq)]
struct Sketch {
    current: Vec<f32>,
    totals: Vec<f32>,
    scores: Vec<f32>,
}

impl MidasF {
    /// Makes sketches that have seen nothing.
    pub fn new(params: Params) -> Self {
        let n = (params.n_rows.max(1) * params.n_buckets.max(1)) as usize;
        let empty = Sketch { current: vec![0.0; n], totals: vec![0.0; n], scores: vec![0.0; n] };
        Self { params, tick: 0, sketches: [empty.clone(), empty.clone(), empty] }
    }

    /// Counts an edge at a tick (1, 2, …; an earlier one counts to the running tick) and returns
    /// its score with it: the greatest chi-squared statistic of the edge and its ends.
    pub fn push(&mut self, source: u64, target: u64, tick: u64) -> f64 {
        let score = self.score(source, target, tick);
        self.advance(tick);
        let at = Moment { now: self.tick, last: self.tick };
        for (sketch, key) in self.sketches.iter_mut().zip(keys(source, target)) {
            sketch.count(key, at, self.params);
        }
        score
    }

    /// Returns the score that an edge would get, counting nothing.
    pub fn score(&self, source: u64, target: u64, tick: u64) -> f64 {
        let keys = keys(source, target);
        let at = Moment { now: self.tick.max(tick), last: self.tick };
        let scores = self.sketches.iter().zip(keys).map(|(s, key)| s.score(key, at, self.params));
        scores.fold(0.0, f64::max)
    }

    fn advance(&mut self, tick: u64) {
        if tick <= self.tick {
            return;
        }
        let at = Moment { now: tick, last: self.tick };
        for sketch in &mut self.sketches {
            sketch.close(at, self.params);
        }
        self.tick = tick;
    }
}

/// Tells targets from sources.
const TARGET: u64 = 0x6d69_6461_735f_6674;

/// Returns the keys of an edge and of its two ends.
fn keys(source: u64, target: u64) -> [u64; 3] {
    let target = mix(target ^ TARGET);
    [mix(source ^ target), mix(source), target]
}

/// The tick asked about, and the one that the running counts belong to.
#[derive(Clone, Copy, Debug)]
struct Moment {
    now: u64,
    last: u64,
}

impl Sketch {
    fn count(&mut self, key: u64, at: Moment, params: Params) {
        let score = self.score(key, at, params) as f32;
        for bucket in buckets(key, params) {
            self.current[bucket] += 1.0;
            self.scores[bucket] = score;
        }
    }

    /// Compares the running count and one more with the mean of the ticks before:
    /// (a + s − a·t)² / (s·(t − 1)).
    fn score(&self, key: u64, at: Moment, params: Params) -> f64 {
        let (mut a, mut s) = (f64::INFINITY, f64::INFINITY);
        for bucket in buckets(key, params) {
            let (current, total) = self.settled(bucket, at, params);
            a = a.min(f64::from(current));
            s = s.min(f64::from(total));
        }
        let (a, t) = (a + 1.0, at.now as f64);
        if s <= 0.0 || at.now < 2 {
            return 0.0;
        }
        let gap = a + s - a * t;
        gap * gap / (s * (t - 1.0))
    }

    /// Returns a bucket's running and total counts as they stand at a tick. When a tick has ended,
    /// what was usual is learned, and what was not counts as the mean would.
    fn settled(&self, bucket: usize, at: Moment, params: Params) -> (f32, f32) {
        let (current, total) = (self.current[bucket], self.totals[bucket]);
        if at.now == at.last {
            return (current, total);
        }
        let n_before = at.now.saturating_sub(2) as f32;
        let learned = match self.scores[bucket] < params.threshold {
            true => current,
            false if n_before > 0.0 => total / n_before,
            false => 0.0,
        };
        (current * params.decay, total + learned)
    }

    fn close(&mut self, at: Moment, params: Params) {
        for bucket in 0..self.current.len() {
            let (current, total) = self.settled(bucket, at, params);
            self.current[bucket] = current;
            self.totals[bucket] = total;
        }
    }
}

/// Returns the bucket of a key in each row, by double hashing.
fn buckets(key: u64, params: Params) -> impl Iterator<Item = usize> {
    let (n_rows, n_buckets) = (params.n_rows.max(1), params.n_buckets.max(1));
    let (low, high) = (key as u32, (key >> 32) as u32 | 1);
    (0..n_rows).map(move |row| {
        let hash = low.wrapping_add(row.wrapping_mul(high));
        let hash = mix(u64::from(hash)) >> 32;
        (row * n_buckets) as usize + ((hash * u64::from(n_buckets)) >> 32) as usize
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_scores_high_and_is_not_learned() {
        let mut midas = MidasF::new(Params::default());
        let mut usual = 0.0f64;
        for tick in 1..=200 {
            for n in 0..20 {
                let score = midas.push(n, 100 + n % 5, tick);
                usual = usual.max(if tick > 20 { score } else { 0.0 });
            }
        }
        let attack: Vec<f64> = (0..400).map(|_| midas.push(3, 103, 201)).collect();
        assert!(attack[399] > 1_000.0 && attack[399] > 100.0 * usual, "{usual} {attack:?}");
        // It was kept out of the totals: the same again is as unusual.
        let again: Vec<f64> = (0..400).map(|_| midas.push(3, 103, 202)).collect();
        assert!(again[399] > attack[399], "{} {}", again[399], attack[399]);
    }

    #[test]
    fn scoring_counts_nothing_and_agrees_with_counting() {
        let mut midas = MidasF::new(Params { n_buckets: 64, ..Params::default() });
        let mut n_high = 0;
        for n in 0..3_000u64 {
            let (source, target, tick) = (n % 17, n * n % 23, 1 + n / 40);
            let before = midas.clone();
            let score = midas.score(source, target, tick);
            assert_eq!(before, midas);
            assert_eq!(score, midas.push(source, target, tick));
            n_high += usize::from(score > 1.0);
        }
        assert!(n_high > 100, "{n_high}");
    }
}
