//! Negative controls: broken variants that the suite must notice, or it proves nothing.

use super::{members, route};
use crate::{
    case::Outcome,
    job::{Job, Options},
    lab::Lab,
    oracle::{self, How},
    stage::{self, Stage},
};

/// How often a control is tried whose fault is a race.
const TRIES: usize = 3;

/// Outputs are committed before the offsets are sent; the process dies in between.
pub fn at_least_once(lab: &Lab, n: usize) -> Outcome {
    let options = Options { is_static: true, ..Options::default() };
    let job = Job::new(lab, lab.tiny(), "control_once", options);
    let watch = job.watch();
    job.feed(1.0);
    for _ in 0..n {
        let process = job.start_with("a", "commit_before_send=on;batch_after_offsets=pause@3");
        let hit = process.await_line("failpoint batch_after_offsets");
        assert!(hit.is_some(), "{}", process.log());
        process.kill();
    }
    let mut last = job.start_with("a", "commit_before_send=on");
    let fed = job.fed();
    let (mut is_over, mut has_refused) = (false, false);
    while !is_over && !has_refused {
        is_over = watch.committed().is_some_and(|now| now == fed);
        has_refused = !last.is_running();
    }
    if has_refused {
        // The program itself has noticed: outputs that are ahead of the offsets.
        let why = last.await_line("proves progress");
        assert!(why.is_some(), "{}", last.log());
        return Outcome { n_records: job.traffic.n_records(), ..Outcome::default() }
            .noting("noticed: the next start refused, an output proves more progress");
    }
    last.stop();
    noticed(&job)
}

/// A restart writes what it replays.
pub fn emit_while_rebuilding(lab: &Lab, n: usize) -> Outcome {
    let more = "snapshots: { url: none }".to_owned();
    let job = Job::new(lab, lab.tiny(), "control_emit", Options { more, ..Options::default() });
    let watch = job.watch();
    for i in 0..=n {
        let mut process = job.start_with("a", "emit_while_rebuilding=on");
        job.feed((i + 1) as f64 / (n + 1) as f64);
        job.await_all(&watch);
        process.stop();
    }
    noticed(&job)
}

/// Outputs leave in the order of a randomly seeded hash map.
pub fn hash_order(lab: &Lab, _: usize) -> Outcome {
    let options = Options { alert_partitions: 1, batch: 2_000, ..Options::default() };
    let job = Job::new(lab, lab.tiny(), "control_order", options);
    let watch = job.watch();
    job.feed(1.0);
    let mut process = job.start_with("a", "hash_order=on");
    job.await_all(&watch);
    process.stop();
    noticed(&job)
}

/// Transactions carry the group's name alone, and a zombie wakes up.
pub fn no_generation(lab: &Lab, n: usize) -> Outcome {
    for _ in 0..TRIES {
        let job = Job::new(lab, lab.medium(), "control_generation", members::zombie_options());
        members::freeze(lab, &job, 3 * n, "no_generation=on");
        // A zombie may hear that it lost its partitions before its batch is over.
        if let Some(outcome) = difference(&job) {
            return outcome;
        }
    }
    panic!("the control passed unnoticed {TRIES} times")
}

/// Records are committed before the offsets they come from; the process dies in between.
pub fn route_at_least_once(lab: &Lab, n: usize) -> Outcome {
    let stage = Stage::new(lab, "control_route_once", stage::Options::default());
    stage.feed(1.0);
    for _ in 0..n {
        let process = stage.start_with("a", "commit_before_send=on;batch_after_offsets=pause@3");
        let hit = process.await_line("failpoint batch_after_offsets");
        assert!(hit.is_some(), "{}", process.log());
        process.kill();
    }
    stage.close_idle();
    let mut last = stage.start_with("a", "commit_before_send=on");
    stage.await_all();
    last.stop();
    let why = stage.compare().expect_err("the control passed unnoticed");
    Outcome { n_records: stage.n_records(), ..Outcome::default() }.noting(format!("noticed: {why}"))
}

/// A zombie of the stage wakes up, and its transactions carry the group's name alone.
pub fn route_no_generation(lab: &Lab, n: usize) -> Outcome {
    for _ in 0..TRIES {
        let stage = Stage::new(lab, "control_route_fence", stage::Options::slow());
        route::freeze(lab, &stage, 2 * n, "no_generation=on");
        // A zombie may hear that its stream is another's before its batch is over.
        if let Err(why) = stage.compare() {
            let outcome = Outcome { n_records: stage.n_records(), ..Outcome::default() };
            return outcome.noting(format!("noticed: {why}"));
        }
    }
    panic!("the control passed unnoticed {TRIES} times")
}

/// Fails unless the comparison fails.
fn noticed(job: &Job<'_>) -> Outcome {
    difference(job).expect("the control passed unnoticed")
}

fn difference(job: &Job<'_>) -> Option<Outcome> {
    let why = oracle::compare(job, How::Exact).err()?;
    let outcome = Outcome { n_records: job.traffic.n_records(), ..Outcome::default() };
    Some(outcome.noting(format!("noticed: {}", why.lines().next().unwrap_or_default())))
}
