//! The stage `route` under SIGKILL and SIGSTOP.

use crate::{
    case::Outcome,
    lab::Lab,
    process::{Process, stop_all},
    stage::{Options, Stage},
};
use rand::Rng;
use std::time::{Duration, Instant};
use txwarden::ops::failpoint;

/// SIGKILL by turns at a random moment and at a point of a transaction; late records at the end.
pub fn killed(lab: &Lab, n: usize) -> Outcome {
    let stage = Stage::new(lab, "route_kill", Options::default());
    let mut rng = lab.rng("route_kill");
    let points: Vec<&str> =
        failpoint::POINTS.into_iter().filter(|name| name.starts_with("batch")).collect();
    let (mut takeovers, mut killed) = (Vec::new(), Instant::now());
    for i in 0..n {
        let share = |part: f64| (i as f64 + part) / (n as f64 + 1.0);
        let point = points[(i / 2) % points.len()];
        let is_at_point = i % 2 == 1;
        let pause = format!("{point}=pause@{}", rng.gen_range(1..=2));
        let process = stage.start_with("a", if is_at_point { &pause } else { "" });
        assert!(is_up(&process), "kill {i}:\n{}", process.log());
        if i > 0 {
            let before = stage.n_committed().unwrap();
            stage.feed(share(0.4));
            // A pause may come before the first commit.
            if !is_at_point {
                let moved = stage.await_more(before);
                moved.unwrap_or_else(|why| panic!("{why}\n{}", process.log()));
                takeovers.push(killed.elapsed());
            }
        }
        stage.feed(share(1.0));
        if is_at_point {
            let hit = process.await_line(&format!("failpoint {point}"));
            assert!(hit.is_some(), "kill {i}: {pause} was not passed:\n{}", process.log());
        } else {
            std::thread::park_timeout(Duration::from_millis(rng.gen_range(0..400)));
        }
        killed = Instant::now();
        process.kill();
    }
    finish(&stage);
    stage.held().taking_over(takeovers)
}

/// SIGSTOP beyond the session, an heir takes over, SIGCONT.
pub fn zombie(lab: &Lab, n: usize) -> Outcome {
    let stage = Stage::new(lab, "route_zombie", Options::slow());
    let (takeovers, n_fenced) = freeze(lab, &stage, n, "");
    assert!(n_fenced >= n / 2, "only {n_fenced} of {n} zombies were told that they had lost");
    let note = format!("{n_fenced} woke up and were told that the stream is another's");
    stage.held().taking_over(takeovers).and(Outcome::default().noting(note))
}

/// The output is deleted under way, before anything is in it, and made again.
pub fn missing(lab: &Lab, n: usize) -> Outcome {
    let mut outcome = Outcome::default();
    for _ in 0..n {
        let stage = Stage::new(lab, "route_output_missing", Options::default());
        let mut process = stage.start("a");
        assert!(is_up(&process), "{}", process.log());
        stage.delete_output();
        stage.feed(0.5);
        let said = ["batch failed", "cannot go on", "partitions revoked"];
        let until = Instant::now() + crate::process::PATIENCE;
        while said.iter().all(|text| process.count(text) == 0) {
            assert!(Instant::now() < until, "nothing is said:\n{}", process.log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
        stage.create_output();
        if process.is_running() {
            let (status, _) = process.stop();
            assert_eq!(status.code(), Some(0), "{}", process.log());
        }
        finish(&stage);
        outcome = outcome.and(stage.held());
    }
    outcome
}

/// Freezes the owner of the stream again and again; returns the takeover times, and how often the
/// zombie's batch was refused or its stream was lost to it.
pub fn freeze(lab: &Lab, stage: &Stage<'_>, n: usize, failpoints: &str) -> (Vec<Duration>, usize) {
    let mut rng = lab.rng("route_zombie");
    let start = |name: &str| stage.start_with(name, failpoints);
    let first = start("a");
    assert!(is_up(&first), "{}", first.log());
    let mut running = [first, start("b")];
    let (mut takeovers, mut n_fenced) = (Vec::new(), 0);
    for i in 0..n {
        let share = |part: f64| (i as f64 + part) / (n as f64 + 1.0);
        let victim = i % 2;
        let before = stage.n_committed().unwrap();
        stage.feed(share(0.3));
        stage.await_more(before).unwrap();
        stage.feed(share(0.6));
        // Within the batch's time: what was fed is merged and not yet committed.
        std::thread::park_timeout(Duration::from_millis(rng.gen_range(100..400)));
        let frozen = Instant::now();
        running[victim].signal("STOP");
        let before = stage.n_committed().unwrap();
        stage.feed(share(0.8));
        stage.await_more(before).unwrap();
        takeovers.push(frozen.elapsed());
        let n_before = fenced(&running[victim]);
        running[victim].signal("CONT");
        stage.feed(share(1.0));
        let until = Instant::now() + Duration::from_secs(5);
        while fenced(&running[victim]) == n_before && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        n_fenced += usize::from(fenced(&running[victim]) > n_before);
        if !running[victim].is_running() {
            running[victim] = start(["a", "b"][victim]);
        }
    }
    if failpoints.is_empty() {
        stop_all(&mut running);
    }
    drop(running);
    finish(stage);
    (takeovers, n_fenced)
}

/// Lets everything out, kills once more, and brings what is too late by then.
fn finish(stage: &Stage<'_>) {
    stage.close_idle();
    let process = stage.start("a");
    stage.feed(1.0);
    stage.await_all();
    process.kill();
    let mut last = stage.start("a");
    stage.feed_late();
    stage.await_all();
    let (status, _) = last.stop();
    assert_eq!(status.code(), Some(0), "{}", last.log());
}

fn is_up(process: &Process) -> bool {
    process.await_line("stream taken over").is_some()
}

/// Counts what a fenced stage says.
fn fenced(process: &Process) -> usize {
    process.count("batch failed")
        + process.count("\"is_lost\":true")
        + process.count("cannot go on")
}
