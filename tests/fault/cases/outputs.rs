//! Outputs that cannot be written: stated, nothing lost, and identical once the cause is gone.

use crate::{
    case::Outcome,
    job::{Job, Options},
    lab::Lab,
    oracle::How,
};

/// The alert topic is missing at the start, then deleted under way and made again.
pub fn missing(lab: &Lab, n: usize) -> Outcome {
    let mut outcome = Outcome::default();
    for _ in 0..n {
        let job = Job::new(lab, lab.tiny(), "output_missing", Options::default());
        job.broker.delete_topic(&job.alerts);
        await_deleted(&job);
        let mut process = job.start("a");
        assert_ne!(process.await_end().code(), Some(0));
        let said = process.await_line("does not exist: create it").unwrap_or_default();
        assert!(said.contains(&job.alerts), "{}", process.log());
        job.broker.create_topic(&job.alerts, 1);
        let (watch, mut process) = (job.watch(), job.start("a"));
        process.await_started();
        // The group has started, and nothing has been written yet.
        assert!(process.await_line("partition is live").is_some(), "{}", process.log());
        job.broker.delete_topic(&job.alerts);
        await_deleted(&job);
        job.feed(1.0);
        let said =
            process.await_line("batch failed").or_else(|| process.await_line("cannot go on"));
        assert!(said.is_some(), "{}", process.log());
        job.broker.create_topic(&job.alerts, 1);
        if !process.is_running() {
            process = job.start("a");
        }
        job.await_all(&watch);
        process.stop();
        outcome = outcome.and(job.held(How::Exact));
    }
    outcome
}

fn await_deleted(job: &Job<'_>) {
    let until = std::time::Instant::now() + crate::process::PATIENCE;
    while job.broker.end(&job.alerts, 0).is_some() {
        assert!(std::time::Instant::now() < until, "{} is still there", job.alerts);
    }
}

/// The alert topic takes only small messages.
pub fn too_large(lab: &Lab, n: usize) -> Outcome {
    let mut outcome = Outcome::default();
    for _ in 0..n {
        let job = Job::new(lab, lab.tiny(), "record_too_large", Options::default());
        job.broker.delete_topic(&job.alerts);
        await_deleted(&job);
        job.broker.create_topic_with(&job.alerts, 1, &[("max.message.bytes", "300")]);
        let (watch, mut process) = (job.watch(), job.start("a"));
        job.feed(1.0);
        let said = process.await_line("MessageSizeTooLarge");
        assert!(said.is_some(), "{}", process.log());
        assert!(job.broker.read_committed(&job.alerts).is_empty());
        job.broker.alter_topic(&job.alerts, &[("max.message.bytes", "1048588")]);
        if !process.is_running() {
            process = job.start("a");
        }
        job.await_all(&watch);
        process.stop();
        outcome = outcome.and(job.held(How::Exact));
    }
    outcome
}

/// The broker takes less metadata beside an offset than we write.
pub fn metadata_too_long(lab: &Lab, n: usize) -> Outcome {
    let broker = lab.own_broker("offset.metadata.max.bytes=16\n");
    let job = Job::on(lab, &broker, lab.tiny(), "metadata_too_long", Options::default());
    for _ in 0..n {
        let mut process = job.start("a");
        job.feed(1.0);
        let said = process.await_line("raise offset.metadata.max.bytes");
        assert!(said.is_some(), "{}", process.log());
        process.stop();
        assert!(job.broker.read_committed(&job.alerts).is_empty());
        assert!(job.broker.read_committed(&job.dead_letters).is_empty());
    }
    Outcome { n_records: job.traffic.n_records(), ..Outcome::default() }
}
