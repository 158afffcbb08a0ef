//! The broker ends, dies or freezes while transactions are under way.

use crate::{
    broker::Broker,
    case::Outcome,
    job::{Job, Options},
    lab::Lab,
    oracle::How,
    process::Process,
    watch::Watch,
};
use rand::Rng;
use std::time::{Duration, Instant};

/// How long the broker stands still.
const FROZEN: Duration = Duration::from_secs(20);

/// SIGTERM and restart.
pub fn stopped(lab: &Lab, n: usize) -> Outcome {
    disturb(lab, n, "broker_term", |broker| broker.restart("TERM"))
}

/// SIGKILL and restart.
pub fn killed(lab: &Lab, n: usize) -> Outcome {
    disturb(lab, n, "broker_kill", |broker| broker.restart("KILL"))
}

/// SIGSTOP, and SIGCONT twenty seconds later.
pub fn frozen(lab: &Lab, n: usize) -> Outcome {
    disturb(lab, n, "broker_frozen", |broker| {
        broker.signal("STOP");
        let until = Instant::now() + FROZEN;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(left);
        }
        broker.signal("CONT");
    })
}

fn disturb(lab: &Lab, n: usize, name: &str, how: impl Fn(&Broker)) -> Outcome {
    let broker = lab.own_broker("");
    let job =
        Job::on(lab, &broker, lab.medium(), name, Options { workers: 2, ..Options::default() });
    let (mut rng, watch) = (lab.rng(name), job.watch());
    let mut process = job.start("a");
    process.await_started();
    let (mut takeovers, mut n_restarts) = (Vec::new(), 0);
    for i in 0..n {
        job.feed((i as f64 + 0.9) / (n as f64 + 1.0));
        // Some transactions have been committed, and one is probably open.
        let n_before: i64 = watch.committed().unwrap().iter().sum();
        let is_moving = |now: &[i64]| now.iter().sum::<i64>() > n_before || now == job.fed();
        watch.wait(is_moving).unwrap();
        std::thread::park_timeout(Duration::from_millis(rng.gen_range(0..60)));
        how(&broker);
        job.feed((i as f64 + 1.0) / (n as f64 + 1.0));
        let (took, n) = supervise(&job, &watch, &mut process);
        takeovers.push(took);
        n_restarts += n;
    }
    job.feed(1.0);
    supervise(&job, &watch, &mut process);
    process.stop();
    // The premise of the comparison: the log holds exactly what was fed.
    for (feed, fed) in job.traffic.feeds.iter().zip(job.fed()) {
        assert_eq!(broker.end(job.topic(feed.chain), feed.partition), Some(fed));
    }
    let note = format!("{n_restarts} restarts by the supervisor");
    job.held(How::Exact).taking_over(takeovers).noting(note)
}

/// Waits until everything is answered, and restarts a process that has ended, as a supervisor does.
fn supervise(job: &Job<'_>, watch: &Watch, process: &mut Process) -> (Duration, usize) {
    let (fed, mut n_restarts) = (job.fed(), 0);
    let took = watch.wait_while(
        |committed| committed == fed,
        || {
            if !process.is_running() {
                n_restarts += 1;
                eprintln!("ended by itself, restarted:\n{}", process.log());
                *process = job.start("a");
            }
        },
    );
    (took.unwrap_or_else(|why| panic!("{why}\n{}", process.log())), n_restarts)
}
