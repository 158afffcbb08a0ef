//! SIGKILL: at random, and at each named point of a batch, a snapshot and a takeover.

use super::snapshots;
use crate::{
    case::Outcome,
    job::{Job, Options},
    lab::Lab,
    oracle::How,
    process::{Process, stop_all},
};
use rand::Rng;
use std::time::Duration;
use txwarden::ops::failpoint;

/// The share of the input that is there before the first kill: those kills hit a worker that
/// catches up, the later ones a worker that is up to date.
const BACKLOG: f64 = 0.3;

/// SIGKILL at random, to one of two processes of two workers each.
pub fn random(lab: &Lab, n: usize) -> Outcome {
    let more = snapshots::RARELY.to_owned();
    let options = Options { workers: 2, session_ms: 3_000, more, ..Options::default() };
    let job = Job::new(lab, lab.long(), "kill_random", options);
    kill(lab, &job, n, 2)
}

/// SIGKILL and restart with the default membership.
pub fn takeover_dynamic(lab: &Lab, n: usize) -> Outcome {
    let options = Options { more: snapshots::RARELY.to_owned(), ..Options::default() };
    let job = Job::new(lab, lab.medium(), "takeover_dynamic", options);
    kill(lab, &job, n, 2)
}

/// SIGKILL and restart as a static member, within the session.
pub fn takeover_static(lab: &Lab, n: usize) -> Outcome {
    let more = snapshots::RARELY.to_owned();
    let options = Options { is_static: true, more, ..Options::default() };
    let job = Job::new(lab, lab.medium(), "takeover_static", options);
    kill(lab, &job, n, 2)
}

fn kill(lab: &Lab, job: &Job<'_>, n: usize, n_processes: usize) -> Outcome {
    let (mut rng, watch) = (lab.rng(&job.group), job.watch());
    let name = |i: usize| ["a", "b", "c", "d"][i];
    let mut running: Vec<Process> = (0..n_processes).map(|i| job.start(name(i))).collect();
    running.iter().for_each(Process::await_started);
    let mut takeovers = Vec::new();
    for i in 0..n {
        let share = |part: f64| BACKLOG + (1.0 - BACKLOG) * (i as f64 + part) / (n as f64 + 1.0);
        job.feed(share(0.5));
        std::thread::park_timeout(Duration::from_millis(rng.gen_range(0..400)));
        let victim = rng.gen_range(0..n_processes);
        running.remove(victim).kill();
        let before = watch.committed().unwrap();
        job.feed(share(1.0));
        let fed = job.fed();
        running.insert(victim, job.start(name(victim)));
        // One in three is killed again before the group has come to rest.
        if i % 3 != 2 {
            let is_moving = |now: &[i64]| {
                now.iter()
                    .zip(&before)
                    .zip(&fed)
                    .all(|((now, before), fed)| now > before || now == fed)
            };
            takeovers.push(watch.wait(is_moving).unwrap_or_else(|why| {
                panic!("kill {i}: {why}, not beyond {before:?}\n{}", logs(&running))
            }));
        }
    }
    job.feed(1.0);
    job.await_all(&watch);
    stop_all(&mut running);
    assert!(!takeovers.is_empty());
    job.held(How::Exact).taking_over(takeovers)
}

/// Returns the ends of some logs.
fn logs(running: &[Process]) -> String {
    running.iter().map(Process::log).collect::<Vec<_>>().join("\n---\n")
}

/// SIGKILL to the only process at each point in turn, `n` times each.
pub fn at_points(lab: &Lab, n: usize) -> Outcome {
    let more = "snapshots: { url: state, every_records: 100 }".to_owned();
    let options = Options { is_static: true, more, ..Options::default() };
    let job = Job::new(lab, lab.medium(), "kill_at_points", options);
    let (mut rng, watch) = (lab.rng("kill_at_points"), job.watch());
    let n_kills = n * failpoint::POINTS.len();
    for i in 0..n_kills {
        let point = failpoint::POINTS[i % failpoint::POINTS.len()];
        // A batch's points are passed once a batch, a takeover's once a partition.
        let nth = if point.starts_with("batch") { rng.gen_range(2..=4) } else { 1 };
        let process = job.start_with("a", &format!("{point}=pause@{nth}"));
        process.await_started();
        job.feed((i + 1) as f64 / (n_kills + 1) as f64);
        let hit = process.await_line(&format!("failpoint {point}"));
        assert!(hit.is_some(), "kill {i}: {point} was not passed:\n{}", process.log());
        process.kill();
        if i % 2 == 1 {
            // Three ends at one committed offset are a crash loop, which may cost a record.
            let mut clean = job.start("a");
            job.await_all(&watch);
            clean.stop();
        }
    }
    let mut last = job.start("a");
    job.feed(1.0);
    job.await_all(&watch);
    last.stop();
    job.held(How::Exact).noting(format!("{n_kills} kills"))
}
