//! The detectors' algorithms on published series: a bench in which a broken one cannot hide.
//!
//! What is asked is not that they win: it is that each stays where it was when it was right. The
//! floors are the least of three shuffles, less a hundredth.

mod files;
mod midas;
mod monitor;
mod nab;
mod vectors;

use crate::data;
use files::Points;
use midas::{MidasF, Params};
use monitor::Monitor;
use std::{fmt::Write as _, io::Write as _};
use vectors::Algorithm;

const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("kmeans", vectors::kmeans),
    ("spot", vectors::spot),
    ("soft_and", vectors::soft_and),
    ("dbscan", vectors::dbscan),
];

/// A series and the least area under the ROC curve of each algorithm on it.
const VECTORS: [(&str, [f64; 4]); 4] = [
    ("16_http.npz", [0.99, 0.99, 0.97, 0.65]),
    ("34_smtp.npz", [0.84, 0.87, 0.86, 0.65]),
    ("32_shuttle.npz", [0.95, 0.86, 0.96, 0.52]),
    ("23_mammography.npz", [0.79, 0.84, 0.86, 0.72]),
];

const SEEDS: [u64; 3] = [1, 2, 3];

/// Returns the area under the ROC curve, ties counting half.
fn auc(scores: &[f64], is_positive: impl Fn(usize) -> bool) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut rank_sum, mut n_positive, mut n_below) = (0.0, 0.0, 0.0);
    for ties in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let n = ties.len() as f64;
        let n_here = ties.iter().filter(|idx| is_positive(**idx)).count() as f64;
        rank_sum += n_here * (n_below + (n + 1.0) / 2.0);
        n_positive += n_here;
        n_below += n;
    }
    let n_negative = n_below - n_positive;
    (rank_sum - n_positive * (n_positive + 1.0) / 2.0) / (n_positive * n_negative)
}

fn print(table: &str) {
    // A failed write to stderr must not fail the test.
    let _ = std::io::stderr().lock().write_all(table.as_bytes());
}

#[test]
fn outliers_among_vectors_are_found() {
    let name = "streams::outliers_among_vectors_are_found";
    let mut table = format!("{:<20}{:>9}{:>9}", "least AUC of 3", "n", "outliers");
    ALGORITHMS.iter().for_each(|(name, _)| _ = write!(table, "{name:>10}"));
    let mut misses = Vec::new();
    for (file, floors) in VECTORS {
        let Some(path) = data::shared(name, &format!("streams/{file}")) else { return };
        let points = Points::read(&path);
        let n_outliers = points.is_outlier.iter().filter(|is| **is).count();
        let _ = write!(table, "\n{file:<20}{:>9}{n_outliers:>9}", points.len());
        for ((name, algorithm), floor) in ALGORITHMS.iter().zip(floors) {
            let area = |seed: &u64| {
                let order = vectors::shuffled(points.len(), *seed);
                let scores = algorithm(&points, &order);
                auc(&scores, |at| points.is_outlier[order[at]])
            };
            let least = SEEDS.iter().map(area).fold(1.0, f64::min);
            let _ = write!(table, "{least:>10.4}");
            if least < floor {
                misses.push(format!("{name} on {file}: {least:.4}, floor {floor}"));
            }
        }
    }
    print(&(table + "\n"));
    assert!(misses.is_empty(), "{misses:?}");
}

#[test]
fn changes_of_a_rate_are_found() {
    let name = "streams::changes_of_a_rate_are_found";
    let Some(path) = data::shared(name, "streams/nab_data_labels.tar.xz") else { return };
    let all = nab::read(&path);
    let news = |monitor: &mut Monitor, value: f64| {
        let reading = monitor.push(value);
        if reading.is_news { reading.surprise } else { 0.0 }
    };
    let surprises: Vec<Vec<f64>> = all
        .iter()
        .map(|series| {
            let mut monitor = Monitor::default();
            series.values.iter().map(|value| news(&mut monitor, *value)).collect()
        })
        .collect();
    let (score, threshold, n_windows) = nab::standard_score(&all, &surprises);
    // The controls: nothing detected, and a detection at random places.
    let nothing: Vec<Vec<f64>> = surprises.iter().map(|s| vec![0.0; s.len()]).collect();
    let by_chance =
        |s: &Vec<f64>| vectors::shuffled(s.len(), 5).iter().map(|n| *n as f64).collect();
    let chance: Vec<Vec<f64>> = surprises.iter().map(by_chance).collect();
    let (none, ..) = nab::standard_score(&all, &nothing);
    let (chance, ..) = nab::standard_score(&all, &chance);
    print(&format!(
        "NAB: {} files, {n_windows} windows; standard score {score:.1} at a surprise of \
         {threshold:.2}; by chance {chance:.1}\n",
        all.len()
    ));
    assert_eq!((all.len(), n_windows, none), (58, 116, 0.0));
    assert!(score >= 58.0 && chance < 20.0, "{score} {chance}");
}

#[test]
fn bursts_of_edges_are_found() {
    let name = "streams::bursts_of_edges_are_found";
    let Some(path) = data::shared(name, "streams/darpa_original.zip") else { return };
    let text = String::from_utf8(files::member(&path, "darpa_original.csv")).unwrap();
    let key = |address: &str| address.bytes().filter(u8::is_ascii_digit).fold(0, digit);
    let (mut minute, mut tick) = ("", 0);
    let mut edges = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.splitn(4, ',').collect();
        tick += u64::from(fields[2] != minute);
        minute = fields[2];
        edges.push((key(fields[0]), key(fields[1]), tick, fields[3] != "-"));
    }
    let area = |params| {
        let mut midas = MidasF::new(params);
        let scores: Vec<f64> = edges.iter().map(|e| midas.push(e.0, e.1, e.2)).collect();
        auc(&scores, |at| edges[at].3)
    };
    let filtered = area(Params::default());
    let unfiltered = area(Params { threshold: f32::INFINITY, ..Params::default() });
    let (n, n_attacks) = (edges.len(), edges.iter().filter(|e| e.3).count());
    print(&format!(
        "DARPA: {n} edges, {n_attacks} of attacks, {tick} minutes; AUC of MIDAS-F {filtered:.4} \
         (published .984), without the filter {unfiltered:.4} (MIDAS-R: .951)\n"
    ));
    assert_eq!((n, n_attacks), (4_554_344, 2_737_209));
    assert!(filtered >= 0.98 && unfiltered < filtered - 0.02, "{filtered} {unfiltered}");
}

fn digit(sum: u64, digit: u8) -> u64 {
    sum * 10 + u64::from(digit - b'0')
}
