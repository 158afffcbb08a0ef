//! What must not matter: batching, workers, where a replay starts, doubled input, the clock.

use crate::{
    case::Outcome,
    job::{Job, Options},
    lab::Lab,
    oracle::How,
    traffic::{Feed, Traffic},
};

/// One day, in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// How often the stretch that arrives again later does so, and how long it is.
const AGAIN_EVERY: usize = 500;
const AGAIN: usize = 100;

/// The same input again and again from the start, in other batches and with other workers.
pub fn batches_and_workers(lab: &Lab, n: usize) -> Outcome {
    let combinations =
        [(1, 4), (5_000, 1), (37, 2), (1, 1), (7, 4), (100, 1), (500, 4), (1_000, 2), (5_000, 4)];
    let first = Job::new(lab, lab.tiny(), "batches", Options::default());
    first.feed(1.0);
    let mut outcome = Outcome::default();
    for (batch, workers) in combinations.into_iter().take(n) {
        let options = Options { batch, workers, ..Options::default() };
        let job = first.beside(&format!("batches-{batch}-{workers}"), options);
        let (watch, mut process) = (job.watch(), job.start("a"));
        job.await_all(&watch);
        process.stop();
        outcome = outcome.and(job.held(How::Exact));
    }
    outcome
}

/// Every record twice, and some stretches once more later on.
pub fn duplicated(lab: &Lab, n: usize) -> Outcome {
    let once = lab.tiny();
    let mut outcome = Outcome::default();
    for _ in 0..n {
        let doubled = Traffic::of(once.feeds.iter().map(double).collect());
        doubled.expect(once);
        let job = Job::new(lab, &doubled, "duplicated", Options::default());
        job.feed(1.0);
        let (watch, mut process) = (job.watch(), job.start("a"));
        job.await_all(&watch);
        process.stop();
        outcome = outcome.and(job.held(How::Canonical));
    }
    outcome
}

fn double(feed: &Feed) -> Feed {
    let mut lines = Vec::new();
    for (i, line) in feed.lines.iter().enumerate() {
        lines.extend([line.clone(), line.clone()]);
        if i % AGAIN_EVERY == AGAIN_EVERY - 1 {
            lines.extend_from_slice(&feed.lines[i - AGAIN..i]);
        }
    }
    Feed { chain: feed.chain, partition: feed.partition, lines }
}

/// The clock jumps between two starts, a day forwards and back.
pub fn clock_jumps(lab: &Lab, n: usize) -> Outcome {
    let job = Job::new(lab, lab.tiny(), "clock", Options::default());
    let watch = job.watch();
    for i in 0..n {
        let offset = [DAY_MS, -DAY_MS, 0][i % 3];
        let mut process = job.start_with("a", &format!("clock={offset}"));
        job.feed((i + 1) as f64 / n as f64);
        job.await_all(&watch);
        process.stop();
    }
    job.held(How::Exact)
}
