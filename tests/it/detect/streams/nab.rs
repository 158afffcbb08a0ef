//! The Numenta anomaly benchmark: its files, and its score.
//!
//! # Source
//! Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms", ICMLA 2015; the standard
//! profile of NAB 1.1 (one true positive 1, false positive −0.11, missed window −1).

use lzma_rust2::XzReader;
use std::{collections::BTreeMap, fs::File, io::Read, ops::RangeInclusive, path::Path};

const FALSE_POSITIVE: f64 = 0.11;
/// Share of a file that nothing is judged in, at most that of 5,000 rows.
const PROBATION: f64 = 0.15;

/// One file with its windows of anomalies.
pub struct Series {
    pub values: Vec<f64>,
    windows: Vec<RangeInclusive<usize>>,
}

/// Reads all series of the archive.
pub fn read(archive: &Path) -> Vec<Series> {
    let mut bytes = Vec::new();
    XzReader::new(File::open(archive).unwrap(), true).read_to_end(&mut bytes).unwrap();
    let members = untar(&bytes);
    let labels: BTreeMap<String, Vec<[String; 2]>> =
        serde_json::from_slice(members["labels/combined_windows.json"]).unwrap();
    let series = labels.iter().map(|(name, windows)| {
        let text = std::str::from_utf8(members[&*format!("data/{name}")]).unwrap();
        let rows: Vec<(&str, f64)> = text
            .lines()
            .skip(1)
            .map(|line| line.split_once(',').unwrap())
            .map(|(time, value)| (time, value.trim().parse().unwrap()))
            .collect();
        // Times are written alike up to the second: they compare as text.
        let window = |[from, to]: &[String; 2]| {
            let first = rows.iter().position(|(time, _)| *time >= &from[..19]).unwrap();
            first..=rows.iter().rposition(|(time, _)| *time <= &to[..19]).unwrap()
        };
        let windows = windows.iter().map(window).collect();
        Series { values: rows.iter().map(|(_, value)| *value).collect(), windows }
    });
    series.collect()
}

/// Lists the files of a tar archive.
///
/// # Source
/// POSIX.1-1988 (ustar): blocks of 512 bytes, the size in octal digits.
fn untar(bytes: &[u8]) -> BTreeMap<&str, &[u8]> {
    let mut members = BTreeMap::new();
    let mut at = 0;
    while bytes.get(at).is_some_and(|first| *first != 0) {
        let text = |from: usize, n: usize| {
            let field = bytes[at + from..][..n].split(|b| *b == 0).next().unwrap();
            std::str::from_utf8(field).unwrap().trim()
        };
        let n_bytes = usize::from_str_radix(text(124, 12), 8).unwrap();
        let body = &bytes[at + 512..][..n_bytes];
        members.insert(text(0, 100), body);
        at += 512 + n_bytes.div_ceil(512) * 512;
    }
    members
}

/// Returns the standard score of detections, 0 for none at all and 100 for all at once and nothing
/// else, at the threshold that is best over all files; also that threshold, and how many windows
/// there are.
pub fn standard_score(all: &[Series], surprises: &[Vec<f64>]) -> (f64, f64, usize) {
    let n_windows: usize = all.iter().map(|series| series.windows.len()).sum();
    // What each detection is worth: to a window, of which the best counts, or against the whole.
    let mut worth: Vec<(f64, Option<usize>, f64)> = Vec::new();
    let mut n_before = 0;
    for (series, surprises) in all.iter().zip(surprises) {
        let n = series.values.len();
        let probation = (PROBATION * n.min(5_000) as f64) as usize;
        for (at, surprise) in surprises.iter().enumerate().skip(probation) {
            if *surprise > 0.0 {
                let (window, weight) = series.worth(at);
                worth.push((*surprise, window.map(|w| n_before + w), weight));
            }
        }
        n_before += series.windows.len();
    }
    worth.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best = vec![-1.0f64; n_windows];
    let mut sum = -(n_windows as f64);
    let (mut most, mut threshold) = (sum, f64::INFINITY);
    for ties in worth.chunk_by(|a, b| a.0 == b.0) {
        for (_, window, weight) in ties {
            match window {
                Some(window) if *weight > best[*window] => {
                    sum += weight - best[*window];
                    best[*window] = *weight;
                }
                Some(_) => {}
                None => sum += weight,
            }
        }
        if sum > most {
            (most, threshold) = (sum, ties[0].0);
        }
    }
    let n = n_windows as f64;
    (100.0 * (most + n) / (2.0 * n), threshold, n_windows)
}

impl Series {
    /// Returns what a detection is worth: the earlier in a window the more, and the further behind
    /// one the worse.
    fn worth(&self, at: usize) -> (Option<usize>, f64) {
        let width = |w: &RangeInclusive<usize>| (w.end() - w.start() + 1) as f64;
        if let Some(window) = self.windows.iter().position(|w| w.contains(&at)) {
            let left = (self.windows[window].end() - at + 1) as f64;
            let weight = sigmoid(-left / width(&self.windows[window])) / sigmoid(-1.0);
            return (Some(window), weight);
        }
        let before = self.windows.iter().rev().find(|w| *w.end() < at);
        let weight = before.map_or(-1.0, |w| sigmoid((at - w.end()) as f64 / (width(w) - 1.0)));
        (None, FALSE_POSITIVE * weight)
    }
}

/// Scaled sigmoid: nearly 1 at the start of a window, 0 at its end, −1 far behind it.
fn sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + libm::exp(5.0 * position)) - 1.0 }
}
