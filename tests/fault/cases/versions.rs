//! Versions before and after this one, by what they leave behind.

use super::snapshots;
use crate::{
    case::Outcome,
    job::{Job, Options},
    lab::Lab,
    oracle::How,
    process::Process,
};
use std::fs;

/// Offsets as version 1 committed them, without snapshots; then snapshots that a newer version
/// wrote: both started from in turn.
pub fn older_and_newer(lab: &Lab, n: usize) -> Outcome {
    let options = Options { more: snapshots::OFTEN.to_owned(), ..Options::default() };
    let job = Job::new(lab, lab.medium(), "versions", options);
    let (watch, state) = (job.watch(), job.dir.path().join("state"));
    let step = |i: usize, is_half: bool| {
        let mut process = job.start("a");
        process.await_started();
        job.feed((i as f64 + if is_half { 0.5 } else { 1.0 }) / n as f64);
        job.await_all(&watch);
        let (status, _) = process.stop();
        assert_eq!(status.code(), Some(0), "{}", process.log());
        process
    };
    for i in 0..n {
        step(i, true);
        // Version 1 knew `s`, `n`, `c` and `p`, and no snapshots.
        watch.rewrite(&|metadata| {
            let known =
                metadata.split(';').filter(|part| ["s", "n", "c", "p"].contains(&&part[..1]));
            format!("v=1;{}", known.collect::<Vec<_>>().join(";"))
        });
        fs::remove_dir_all(&state).unwrap();
        let process: Process = step(i, false);
        assert_eq!(process.count("snapshot cannot be used"), 0, "{}", process.log());

        let found = snapshots::all(&state);
        assert!(!found.is_empty(), "no snapshots");
        for path in found {
            let mut bytes = fs::read(&path).unwrap();
            // The container's version, behind eight bytes of magic.
            bytes[8..10].copy_from_slice(&u16::MAX.to_le_bytes());
            fs::write(path, bytes).unwrap();
        }
    }
    let mut process = job.start("a");
    assert!(process.await_line("\"outcome\":\"newer\"").is_some(), "{}", process.log());
    assert!(process.await_line("partition is live").is_some(), "{}", process.log());
    process.stop();
    job.held(How::Exact)
}
