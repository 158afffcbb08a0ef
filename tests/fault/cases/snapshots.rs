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

/// The directory of the snapshots turns into a file, or on Linux its disk is full: a first start,
/// which has to keep its settings there, is refused; later ones go on without.
pub fn unwritable(lab: &Lab, n: usize) -> Outcome {
    let (mut outcome, mut notes) = (Outcome::default(), Vec::new());
    for i in 0..n {
        let job = Job::new(lab, lab.medium(), "snapshot_unwritable", options());
        let state = job.dir.path().join("state");
        let watch = job.watch();
        let broken = Broken::make(&state, i % 2 == 1);
        notes.push(broken.name());
        let mut process = job.start("a");
        assert_ne!(process.await_end().code(), Some(0));
        let said = process.count("the settings cannot be kept in state (snapshots.url)");
        assert!(said > 0, "{}", process.log());
        drop(broken);

        let mut process = job.start("a");
        process.await_started();
        job.feed(0.4);
        job.await_all(&watch);
        process.stop();

        let _broken = Broken::make(&state, i % 2 == 1);
        for part in [0.7, 1.0] {
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

/// A directory that cannot be written, until this is dropped. What was in it comes back then.
enum Broken {
    /// A file is where the directory was, which has another name.
    File { at: PathBuf, aside: PathBuf },
    /// A file system without room is mounted there.
    FullDisk(PathBuf),
}

impl Broken {
    /// Breaks a directory; a full disk needs the right to mount, and is a file without it.
    fn make(at: &Path, is_full: bool) -> Self {
        if is_full && let Some(full) = Self::mount(at) {
            return full;
        }
        let aside = at.with_extension("aside");
        if at.exists() {
            fs::rename(at, &aside).unwrap();
        }
        fs::write(at, "not a directory").unwrap();
        Self::File { at: at.to_owned(), aside }
    }

    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"]).arg(at);
        if !mount.output().is_ok_and(|out| out.status.success()) {
            return None;
        }
        let full = fs::write(at.join("full"), [0; 64 << 10]);
        assert!(full.is_err(), "the disk has room");
        Some(Self::FullDisk(at.to_owned()))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::File { .. } => "no directory",
            Self::FullDisk(_) => "full disk",
        }
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        match self {
            Self::File { at, aside } => {
                let _ = fs::remove_file(&at);
                let _ = fs::rename(aside, at);
            }
            // Lazily: a process may still have files open.
            Self::FullDisk(at) => drop(Command::new("umount").arg("-l").arg(at).status()),
        }
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
