//! A rate or level over time against its own past: level, jump, mean and spread, each in its tails.

use std::collections::VecDeque;

/// Readings remembered: five months of ten-minute buckets.
const HISTORY_MAX: usize = 20_000;
/// Readings before there is a surprise.
const KNOWN_MIN: usize = 50;
/// Readings whose mean a jump is measured from.
const BEFORE: usize = 10;
/// Readings of the running mean and spread.
const RUN: usize = 50;
/// Share of the past that makes either tail.
const TAIL_SHARE: f64 = 0.02;
/// The tails are Pareto of index 2: a fitted index moves with every outlier that it should judge.
const SHAPE: f64 = 0.5;
/// A tail narrower than this share of what lies between the tails is taken to be this wide.
const WIDTH_MIN: f64 = 1e-3;
/// What the other three statistics add to the greatest one.
const SUPPORT: f64 = 0.3;
/// Readings within which only a greater surprise is news.
const QUIET: u64 = 100;

/// Watches one series of readings taken at a steady pace.
///
/// The constants above were chosen on the Numenta benchmark itself: half or twice the quiet period
/// or the run moves its score by two points, other lengths of history or no support by six to nine.
///
/// # Cost
/// A push shifts up to 80 KiB in each of four sorted tables: microseconds, for buckets, not events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Monitor {
    n_pushed: u64,
    /// The last `RUN` readings, oldest first.
    run: VecDeque<f64>,
    /// Of the level, the jump, the mean and the spread.
    pasts: [Past; 4],
    /// When something was news, and how surprising it was; ascending in time, descending in
    /// surprise.
    news: VecDeque<(u64, f64)>,
}

/// What the monitor says of one reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// −log10 of how rare the strangest statistic is, and a share of the others.
    pub surprise: f64,
    /// Nothing as surprising was read a short while ago.
    pub is_news: bool,
}

/// The past values of one statistic.
#[derive(Clone, Debug, Default, PartialEq)]
struct Past {
    ascending: Vec<f32>,
    in_order: VecDeque<f32>,
}

impl Monitor {
    /// Judges a reading against the past, then learns it. What is not finite says nothing.
    pub fn push(&mut self, value: f64) -> Reading {
        if !value.is_finite() {
            return Reading { surprise: 0.0, is_news: false };
        }
        let statistics = self.statistics(value);
        let mut parts = [0.0; 4];
        for ((part, past), statistic) in parts.iter_mut().zip(&mut self.pasts).zip(statistics) {
            let Some(statistic) = statistic else { continue };
            *part = past.surprise(statistic);
            past.push(statistic);
        }
        if self.run.len() == RUN {
            self.run.pop_front();
        }
        self.run.push_back(value);
        self.n_pushed += 1;
        let most = parts.iter().copied().fold(0.0, f64::max);
        let surprise = most + SUPPORT * (parts.iter().sum::<f64>() - most);
        Reading { surprise, is_news: self.is_news(surprise) }
    }

    /// Returns level, jump, running mean and running spread with this reading.
    fn statistics(&self, value: f64) -> [Option<f64>; 4] {
        let n_before = self.run.len().min(BEFORE);
        let before: f64 = self.run.iter().rev().take(n_before).sum();
        let jump = (n_before > 0).then(|| value - before / n_before as f64);
        let run = || self.run.iter().rev().take(RUN - 1).chain([&value]);
        let is_full = self.run.len() + 1 >= RUN;
        let mean = run().sum::<f64>() / RUN as f64;
        let variance = run().map(|v| (v - mean) * (v - mean)).sum::<f64>() / RUN as f64;
        [Some(value), jump, is_full.then_some(mean), is_full.then(|| variance.sqrt())]
    }

    fn is_news(&mut self, surprise: f64) -> bool {
        while self.news.front().is_some_and(|(at, _)| at + QUIET < self.n_pushed) {
            self.news.pop_front();
        }
        let is_news = surprise > self.news.back().map_or(0.0, |(_, most)| *most);
        if is_news {
            // Whatever was less surprising no longer matters.
            self.news.clear();
            self.news.push_back((self.n_pushed, surprise));
        }
        is_news
    }
}

impl Past {
    fn push(&mut self, value: f64) {
        let value = value as f32;
        let place = |sorted: &[f32], value: f32| sorted.partition_point(|v| *v < value);
        if self.in_order.len() == HISTORY_MAX
            && let Some(oldest) = self.in_order.pop_front()
        {
            let at = place(&self.ascending, oldest);
            self.ascending.remove(at);
        }
        let at = place(&self.ascending, value);
        self.ascending.insert(at, value);
        self.in_order.push_back(value);
    }

    /// Returns −log10 of about how rare a value is, 0 where it is between the tails.
    fn surprise(&self, value: f64) -> f64 {
        let n = self.ascending.len();
        if n < KNOWN_MIN {
            return 0.0;
        }
        let at = |rank: f64| f64::from(self.ascending[((n - 1) as f64 * rank) as usize]);
        let (low, high) = (at(TAIL_SHARE), at(1.0 - TAIL_SHARE));
        let width_min = (WIDTH_MIN * (high - low)).max(1e-9);
        let mean_beyond = |sum: f64, n: usize| (sum / n.max(1) as f64).max(width_min);
        let beyond = if value > high {
            let tail = &self.ascending[self.ascending.partition_point(|v| f64::from(*v) <= high)..];
            let sum = tail.iter().map(|v| f64::from(*v) - high).sum();
            (value - high) / mean_beyond(sum, tail.len())
        } else if value < low {
            let tail = &self.ascending[..self.ascending.partition_point(|v| f64::from(*v) < low)];
            let sum = tail.iter().map(|v| low - f64::from(*v)).sum();
            (low - value) / mean_beyond(sum, tail.len())
        } else {
            return 0.0;
        };
        -libm::log10(TAIL_SHARE) + libm::log1p(SHAPE * beyond) / SHAPE / core::f64::consts::LN_10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_a_shift_and_a_silence_are_news_once() {
        let mut monitor = Monitor::default();
        let usual = |n: u64| 100.0 + ((n * 7_919) % 23) as f64;
        let calm = (0..2_000).map(|n| monitor.push(usual(n)).surprise).fold(0.0, f64::max);
        for (strange, n_news_max) in [(400.0, 2), (-50.0, 2)] {
            let spike = monitor.push(strange);
            assert!(spike.is_news && spike.surprise > calm + 1.0, "{spike:?} {calm}");
            let n_news = (0..90).filter(|n| monitor.push(usual(*n)).is_news).count();
            assert!(n_news <= n_news_max, "{n_news}");
            (0..400).for_each(|n| _ = monitor.push(usual(n)));
        }
        // A shift within what single readings reach shows in the mean.
        let shifted: Vec<Reading> = (0..50).map(|n| monitor.push(118.0 + (n % 5) as f64)).collect();
        assert!(shifted.iter().any(|r| r.is_news && r.surprise > calm), "{shifted:?}");
        assert_eq!(monitor.push(f64::NAN), Reading { surprise: 0.0, is_news: false });
    }
}
