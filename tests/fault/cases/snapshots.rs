//! Snapshots that cannot be written or read: said, and the log makes up for them.

use crate::{
    case::Outcome,
    job::{Job, Options},
    lab::Lab,
    oracle::{self, How},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A snapshot every few batches.
pub const OFTEN: &str = "snapshots: { url: state, every_records: 400, every_ms: 1000 }";

/// A snapshot now and then: some takeovers start from one, some replay most of the log.
pub const RARELY: &str = "snapshots: { url: state, every_records: 3000, every_ms: 4000 }";

fn options() -> Options {
    Options { is_static: true, more: OFTEN.to_owned(), ..Options::default() }
}

/// The directory of the snapshots turns into a file, and on Linux a full disk.
pub fn unwritable(lab: &Lab, n: usize) -> Outcome {
    let (mut outcome, mut notes) = (Outcome::default(), Vec::new());
    for i in 0..n {
        let job = Job::new(lab, lab.medium(), "snapshot_unwritable", options());
        let state = job.dir.path().join("state");
        let full = (i % 2 == 1).then(|| FullDisk::mount(&state)).flatten();
        if full.is_none() {
            fs::write(&state, "not a directory").unwrap();
        }
        notes.push(if full.is_some() { "full disk" } else { "no directory" });
        let watch = job.watch();
        for part in [0.5, 1.0] {
            let process = job.start("a");
            process.await_started();
            job.feed(part);
            job.await_all(&watch);
            assert!(process.count("snapshot") > 0, "nothing was said:\n{}", process.log());
            process.kill();
        }
        outcome = outcome.and(job.held(How::Exact));
    }
    outcome.noting(notes.join(", "))
}

/// A file system without room; needs the right to mount.
struct FullDisk(PathBuf);

impl FullDisk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"]).arg(at).output();
        if mounted.is_ok_and(|out| out.status.success()) {
            return Some(Self(at.to_owned()));
        }
        fs::remove_dir(at).unwrap();
        None
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        // Lazily: a process may still have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The newest snapshot of every partition is damaged, then every snapshot.
pub fn damaged(lab: &Lab, n: usize) -> Outcome {
    let job = Job::new(lab, lab.medium(), "snapshot_damaged", options());
    let watch = job.watch();
    for i in 0..n {
        let process = job.start("a");
        process.await_started();
        job.feed((i as f64 + 1.0) / (n as f64 + 1.0));
        job.await_all(&watch);
        process.kill();
        let found = all(&job.dir.path().join("state"));
        assert!(found.len() >= 4, "only {} snapshots", found.len());
        for path in found.iter().filter(|path| i % 2 == 1 || is_newest(path)) {
            let mut bytes = fs::read(path).unwrap();
            let at = bytes.len() / 2;
            bytes[at] ^= 0x40;
            fs::write(path, bytes).unwrap();
        }
    }
    let mut process = job.start("a");
    process.await_started();
    job.feed(1.0);
    job.await_all(&watch);
    assert!(process.count("damaged") > 0, "nothing was said:\n{}", process.log());
    process.stop();
    job.held(How::Exact)
}

/// Returns every snapshot below a directory.
pub fn all(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![dir.to_path_buf()]);
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => left.push(entry),
                false if entry.extension().is_some_and(|e| e == "snap") => found.push(entry),
                false => {}
            }
        }
    }
    found.sort();
    found
}

fn is_newest(path: &Path) -> bool {
    all(path.parent().unwrap()).last().is_some_and(|newest| newest == path)
}

/// The pure engine, restored from its own image again and again.
pub fn restored_often(lab: &Lab, n: usize) -> Outcome {
    let (traffic, mut n_alerts) = (lab.medium(), 0);
    for every in [1_000, 250, 100].into_iter().take(n) {
        n_alerts += oracle::restored(traffic, every).unwrap_or_else(|why| panic!("{why}"));
    }
    Outcome { n_records: n * traffic.n_records(), n_alerts, ..Outcome::default() }
}
