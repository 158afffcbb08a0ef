//! SIGTERM: under load, and twice.

use crate::{
    case::Outcome,
    job::{Job, Options},
    lab::Lab,
    oracle::How,
};
use rand::Rng;
use std::time::{Duration, Instant};

/// Two seconds are promised; the rest is for a machine that does other things as well.
const STOP_MAX: Duration = Duration::from_millis(2_500);

/// SIGTERM under load, again and again.
pub fn terminate(lab: &Lab, n: usize) -> Outcome {
    let job = Job::new(lab, lab.medium(), "sigterm", Options { workers: 2, ..Options::default() });
    let (mut rng, watch) = (lab.rng("sigterm"), job.watch());
    let mut longest = Duration::ZERO;
    for i in 0..n {
        let mut process = job.start("a");
        process.await_started();
        job.feed((i as f64 + 0.5) / (n as f64 + 1.0));
        let before = watch.committed().unwrap();
        job.feed((i as f64 + 1.0) / (n as f64 + 1.0));
        watch.wait(|now| now != before.as_slice() || now == job.fed()).unwrap();
        std::thread::park_timeout(Duration::from_millis(rng.gen_range(0..200)));
        let (status, took) = process.stop();
        assert_eq!(status.code(), Some(0), "stop {i}:\n{}", process.log());
        assert!(took < STOP_MAX, "stop {i} took {took:?}:\n{}", process.log());
        longest = longest.max(took);
    }
    let mut last = job.start("a");
    job.feed(1.0);
    job.await_all(&watch);
    last.stop();
    job.held(How::Exact).noting(format!("longest stop {} ms", longest.as_millis()))
}

/// A second SIGTERM to a process that waits for a frozen broker.
pub fn second(lab: &Lab, n: usize) -> Outcome {
    let broker = lab.own_broker("");
    let job = Job::on(lab, &broker, lab.tiny(), "second_signal", Options::default());
    let watch = job.watch();
    let mut longest = Duration::ZERO;
    for i in 0..n {
        let mut process = job.start("a");
        process.await_started();
        job.feed((i as f64 + 0.5) / (n as f64 + 1.0));
        job.await_all(&watch);
        broker.signal("STOP");
        let began = Instant::now();
        process.signal("TERM");
        std::thread::park_timeout(Duration::from_millis(100));
        let first = began.elapsed();
        let (status, took) = process.stop();
        broker.signal("CONT");
        // Whoever stops in a tenth of a second needs no second signal.
        assert!(matches!(status.code(), Some(0 | 1)), "{status}\n{}", process.log());
        assert!(
            took < Duration::from_millis(500),
            "the second signal took {took:?} after {first:?}"
        );
        longest = longest.max(took);
    }
    let mut last = job.start("a");
    job.feed(1.0);
    job.await_all(&watch);
    last.stop();
    job.held(How::Exact).noting(format!("longest {} ms", longest.as_millis()))
}
