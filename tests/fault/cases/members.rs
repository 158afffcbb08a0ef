//! The group: zombies that wake up, members that come and go, one restart after the other.

use crate::{
    case::Outcome,
    job::{Job, Options},
    lab::Lab,
    oracle::How,
    process::{Process, stop_all},
};
use rand::Rng;
use std::time::{Duration, Instant};

/// A batch that is nearly always open, so that a frozen worker wakes up with records in hand.
pub fn zombie_options() -> Options {
    Options { batch: 20_000, linger_ms: 500, session_ms: 2_000, ..Options::default() }
}

/// SIGSTOP beyond the session, an heir takes over, SIGCONT.
pub fn zombie(lab: &Lab, n: usize) -> Outcome {
    let job = Job::new(lab, lab.medium(), "zombie", zombie_options());
    let (takeovers, n_fenced) = freeze(lab, &job, n, "");
    assert!(n_fenced >= n / 2, "only {n_fenced} of {n} zombies had something in hand");
    let note = format!("{n_fenced} woke up with a batch in hand and were fenced");
    job.held(How::Exact).taking_over(takeovers).noting(note)
}

/// Freezes each of two processes in turn; returns the takeover times, and how often the zombie's
/// batch was refused or its partitions were lost to it.
pub fn freeze(lab: &Lab, job: &Job<'_>, n: usize, failpoints: &str) -> (Vec<Duration>, usize) {
    let (mut rng, watch) = (lab.rng("zombie"), job.watch());
    let start = |name: &str| job.start_with(name, failpoints);
    let mut running = [start("a"), start("b")];
    running.iter().for_each(Process::await_started);
    job.feed(0.1);
    job.await_all(&watch);
    let (mut takeovers, mut n_fenced) = (Vec::new(), 0);
    for i in 0..n {
        let share = |part: f64| 0.1 + 0.9 * (i as f64 + part) / (n as f64 + 1.0);
        let victim = i % 2;
        job.feed(share(0.3));
        // Within the batch's time: what was fed is folded and not yet committed.
        std::thread::park_timeout(Duration::from_millis(rng.gen_range(100..400)));
        running[victim].signal("STOP");
        job.feed(share(0.6));
        takeovers.push(job.await_all(&watch));
        let n_before = fenced(&running[victim]);
        running[victim].signal("CONT");
        job.feed(share(1.0));
        job.await_all(&watch);
        let until = Instant::now() + Duration::from_secs(2);
        while fenced(&running[victim]) == n_before && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        n_fenced += usize::from(fenced(&running[victim]) > n_before);
        if !running[victim].is_running() {
            running[victim] = start(["a", "b"][victim]);
        }
    }
    job.feed(1.0);
    job.await_all(&watch);
    if failpoints.is_empty() {
        stop_all(&mut running);
    }
    (takeovers, n_fenced)
}

/// Counts what a fenced worker says.
fn fenced(process: &Process) -> usize {
    process.count("batch failed")
        + process.count("\"is_lost\":true")
        + process.count("cannot go on")
}

/// Members come and go every second while records trickle in.
pub fn join_leave(lab: &Lab, n: usize) -> Outcome {
    let job = Job::new(lab, lab.medium(), "join_leave", Options::default());
    let watch = job.watch();
    let first = job.start("a");
    first.await_started();
    job.feed(0.05);
    job.await_all(&watch);
    let mut guests: Vec<(String, Process)> = Vec::new();
    let mut stopped = Vec::new();
    let mut still = Stillness::new(job.fed().len());
    let began = Instant::now();
    for i in 0..n {
        // Joins and leaves alternate; up to two guests at a time.
        if guests.len() == 2 || (i % 3 == 2 && !guests.is_empty()) {
            let (_, guest) = guests.remove(0);
            guest.signal("TERM");
            stopped.push(guest);
        } else {
            let name = format!("g{i}");
            let guest = job.start(&name);
            guests.push((name, guest));
        }
        while began.elapsed() < Duration::from_secs(i as u64 + 1) {
            let passed = began.elapsed().as_secs_f64() / (n as f64 + 1.0);
            job.feed(0.05 + 0.9 * passed.min(1.0));
            still.look(&watch.committed().unwrap());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
    let waited = watch
        .wait_while(|now| now == job.fed(), || still.look(&watch.committed().unwrap_or_default()));
    waited.unwrap();
    job.feed(1.0);
    job.await_all(&watch);
    let codes: Vec<_> = stopped.iter_mut().map(|guest| guest.await_end().code()).collect();
    assert!(codes.iter().all(|code| *code == Some(0)), "{codes:?}");
    drop(guests);
    let longest = still.longest;
    assert!(longest < Duration::from_secs(10), "a partition stood still for {longest:?}");
    let note = format!("longest standstill {} ms", longest.as_millis());
    job.held(How::Exact).noting(note)
}

/// How long partitions stand still that always have something to read.
struct Stillness {
    seen: Vec<(i64, Instant)>,
    longest: Duration,
}

impl Stillness {
    fn new(n: usize) -> Self {
        Self { seen: vec![(0, Instant::now()); n], longest: Duration::ZERO }
    }

    fn look(&mut self, committed: &[i64]) {
        for (seen, now) in self.seen.iter_mut().zip(committed) {
            self.longest = self.longest.max(seen.1.elapsed());
            if seen.0 != *now {
                *seen = (*now, Instant::now());
            }
        }
    }
}

/// Replaces one process of three after the other.
pub fn rolling_restart(lab: &Lab, n: usize) -> Outcome {
    let job = Job::new(lab, lab.medium(), "rolling", Options::default());
    let (names, watch) = (["a", "b", "c"], job.watch());
    let mut running = names.map(|name| job.start(name));
    running.iter().for_each(Process::await_started);
    let mut takeovers = Vec::new();
    for i in 0..n {
        job.feed((i as f64 + 0.5) / (n as f64 + 1.0));
        let (status, _) = running[i % 3].stop();
        assert_eq!(status.code(), Some(0), "{}", running[i % 3].log());
        job.feed((i as f64 + 1.0) / (n as f64 + 1.0));
        running[i % 3] = job.start(names[i % 3]);
        takeovers.push(job.await_all(&watch));
    }
    job.feed(1.0);
    job.await_all(&watch);
    stop_all(&mut running);
    job.held(How::Exact).taking_over(takeovers)
}
