//! A record that brings the process down whenever it is folded.

use crate::{
    case::Outcome,
    job::{Job, Options},
    lab::Lab,
    oracle::How,
    process::Process,
};

/// Processes that may end: three at one committed offset, and before them those whose other
/// partitions still moved.
const PROCESSES_MAX: usize = 12;

/// The poison is set aside after three ends, and nothing else is.
pub fn crash_loop(lab: &Lab, n: usize) -> Outcome {
    let mut rng = lab.rng("crash_loop");
    let (mut outcome, mut n_ends) = (Outcome::default(), 0);
    for _ in 0..n {
        let (traffic, text) = lab.tiny().poisoned(&mut rng);
        // Nobody waits for the session of a process that has ended.
        let options = Options { is_static: true, ..Options::default() };
        let job = Job::new(lab, &traffic, "crash_loop", options);
        let watch = job.watch();
        job.feed(1.0);
        let poison = format!("record=abort:{text}");
        let (mut process, mut ended) = (job.start_with("a", &poison), 0);
        let fed = job.fed();
        let waited = watch.wait_while(
            |now| now == fed,
            || {
                if !process.is_running() {
                    assert!(process.await_line("failpoint record").is_some(), "{}", process.log());
                    ended += 1;
                    assert!(ended <= PROCESSES_MAX, "it still ends:\n{}", process.log());
                    process = job.start_with("a", &poison);
                }
            },
        );
        waited.unwrap_or_else(|why| panic!("{why} after {ended} ends\n{}", process.log()));
        assert!(ended >= 3, "only {ended} processes ended");
        stop(process);
        // A later replay does not trip over it either.
        let process = job.start_with("a", &poison);
        process.await_started();
        assert!(process.await_line("partition is live").is_some(), "{}", process.log());
        stop(process);
        n_ends += ended;
        outcome = outcome.and(job.held(How::Exact));
    }
    outcome.noting(format!("{n_ends} processes ended, {n} records set aside"))
}

fn stop(mut process: Process) {
    let (status, _) = process.stop();
    assert_eq!(status.code(), Some(0), "{}", process.log());
}
