//! The snapshot store on a local directory: whole or not at all, two kept, degraded when it must.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use tempfile::TempDir;
use txwarden::{
    model::GroupPartition,
    store::{
        BODY_FORMAT, Job, Params, PublishOutcome, Publisher, Snapshot, SnapshotHeader,
        SnapshotReport, Store, StoreError, Submitted, Tell, bundle_hash,
    },
};

/// How long a test waits for the publisher's thread.
const WAIT: Duration = Duration::from_secs(60);

fn place() -> GroupPartition {
    GroupPartition {
        group: "g/1 x".to_owned(),
        topic: "ethereum.transactions".to_owned(),
        partition: 3,
    }
}

fn header(offset: i64) -> SnapshotHeader {
    SnapshotHeader {
        format: BODY_FORMAT,
        place: place(),
        offset,
        seq: 7,
        ..SnapshotHeader::default()
    }
}

fn open(url: &str) -> Store {
    Store::open(&Params { url: url.to_owned(), ..Params::default() }).unwrap().unwrap()
}

fn local() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path().join("state").to_str().unwrap());
    (dir, store)
}

fn body(offset: i64) -> Vec<u8> {
    (0..200_000_u64).flat_map(|i| (i.wrapping_mul(0x9e37) ^ offset as u64).to_le_bytes()).collect()
}

fn offsets(store: &Store) -> Vec<i64> {
    store.list(&place()).unwrap().iter().map(|entry| entry.offset).collect()
}

/// The only file of a name below a directory.
fn find(dir: &TempDir, end: &str) -> PathBuf {
    let mut todo = vec![dir.path().to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.to_str().unwrap().ends_with(end) {
                return path;
            }
        }
    }
    panic!("no file {end}");
}

#[test]
fn snapshots_come_back_and_the_newest_two_are_kept() {
    for store in [local().1, open("memory:")] {
        assert_eq!((store.list(&place()).unwrap(), store.places().unwrap()), (vec![], vec![]));
        for offset in [100, 2_000, 30_000] {
            let n_bytes = store.publish(header(offset), &body(offset)).unwrap();
            let newest = store.list(&place()).unwrap()[0];
            assert_eq!((newest.offset, newest.n_bytes), (offset, n_bytes));
        }
        assert_eq!(offsets(&store), [30_000, 2_000]);
        assert_eq!(store.places().unwrap(), [place()]);
        let loaded = store.load(&place(), 2_000).unwrap();
        assert_eq!((loaded.header.seq, loaded.header.body_bytes), (7, 1_600_000));
        assert!(loaded.body == body(2_000));
        assert!(matches!(store.load(&place(), 100), Err(StoreError::Missing { .. })));
        // Behind what is there, as after a repair: just written, so not the one that goes.
        store.publish(header(500), &body(500)).unwrap();
        assert_eq!(offsets(&store), [30_000, 2_000, 500]);
        store.remove(&place(), 30_000).unwrap();
        store.remove(&place(), 30_000).unwrap();
        assert_eq!(offsets(&store), [2_000, 500]);
    }
}

#[test]
fn damage_is_named_and_half_written_files_are_never_listed() {
    let (dir, store) = local();
    store.publish(header(1), &body(1)).unwrap();
    store.publish(header(2), &body(2)).unwrap();
    let newest = find(&dir, "2.snap");
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, &bytes).unwrap();
    let error = store.load(&place(), 2).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(store.load(&place(), 1).is_ok());
    // Under another name it would be the state of another offset.
    fs::copy(find(&dir, "1.snap"), newest.with_file_name(format!("{:020}.snap", 9))).unwrap();
    assert!(matches!(store.load(&place(), 9), Err(StoreError::Damaged { .. })));
    store.remove(&place(), 9).unwrap();
    // What a killed writer leaves behind is not listed, and swept by the next one.
    let staged = newest.with_file_name(format!("{:020}.snap#1", 3));
    fs::write(&staged, &bytes[..middle]).unwrap();
    assert_eq!(offsets(&store), [2, 1]);
    store.publish(header(3), &body(3)).unwrap();
    assert!(!staged.exists());
    assert!(store.load(&place(), 3).is_ok());
}

#[test]
fn a_newer_layout_is_refused_and_still_described() {
    let (_dir, store) = local();
    let newer =
        SnapshotHeader { format: BODY_FORMAT + 1, program: "9.9.9".to_owned(), ..header(5) };
    store.publish(newer, b"unknown").unwrap();
    let error = store.load(&place(), 5).unwrap_err();
    let is_named = matches!(
        error,
        StoreError::Newer { found, known, .. } if (found, known) == (BODY_FORMAT + 1, BODY_FORMAT)
    );
    assert!(is_named, "{error}");
    assert_eq!(store.header(&place(), 5).unwrap().program, "9.9.9");
}

#[test]
fn bundles_are_what_their_names_say() {
    let (dir, store) = local();
    let hash = bundle_hash(b"settings");
    assert!(matches!(store.get_bundle(&hash), Err(StoreError::Missing { .. })));
    assert!(matches!(store.put_bundle(&hash, b"other"), Err(StoreError::Damaged { .. })));
    store.put_bundle(&hash, b"settings").unwrap();
    store.put_bundle(&hash, b"settings").unwrap();
    assert_eq!(store.get_bundle(&hash).unwrap(), b"settings");
    assert_eq!(store.bundles().unwrap(), [(hash.clone(), 8)]);
    fs::write(find(&dir, &hash), b"settinks").unwrap();
    assert!(matches!(store.get_bundle(&hash), Err(StoreError::Damaged { .. })));
    // Storing it again mends it.
    store.put_bundle(&hash, b"settings").unwrap();
    assert_eq!(store.get_bundle(&hash).unwrap(), b"settings");
}

#[test]
fn markers_are_written_replaced_and_removed() {
    let (_dir, store) = local();
    assert_eq!(store.get_marker(&place(), "inflight").unwrap(), None);
    store.put_marker(&place(), "inflight", "one").unwrap();
    store.put_marker(&place(), "inflight", "two").unwrap();
    assert_eq!(store.get_marker(&place(), "inflight").unwrap().as_deref(), Some("two"));
    assert!(offsets(&store).is_empty(), "a marker is no snapshot");
    store.remove_marker(&place(), "inflight").unwrap();
    store.remove_marker(&place(), "inflight").unwrap();
    assert_eq!(store.get_marker(&place(), "inflight").unwrap(), None);
}

/// Keeps what the publisher tells.
#[derive(Default)]
struct Watch(Mutex<Vec<SnapshotReport>>);

impl Watch {
    /// Starts a publisher that tells this watch.
    fn start(self: &Arc<Self>, store: &Store) -> Publisher {
        let watch = Arc::clone(self);
        let tell: Tell = Arc::new(move |at, report| {
            assert_eq!((at.topic.as_str(), at.partition), ("ethereum.transactions", 3));
            watch.0.lock().unwrap().push(*report);
        });
        Publisher::start(store.clone(), tell).unwrap()
    }
}

fn job(offset: i64) -> Job {
    Job { header: header(offset), encode: Box::new(move || Ok(body(offset))) }
}

#[test]
fn the_publisher_writes_the_newest_and_drops_what_waited_too_long() {
    let (_dir, store) = local();
    let watch = Arc::new(Watch::default());
    let publisher = watch.start(&store);
    // The first one holds the thread until the others are queued.
    let (has_begun, begun) = mpsc::channel();
    let (open_gate, gate) = mpsc::channel();
    let encode = Box::new(move || {
        has_begun.send(())?;
        gate.recv()?;
        Ok(body(1))
    });
    assert_eq!(publisher.submit(Job { header: header(1), encode }), Submitted::Queued);
    begun.recv_timeout(WAIT).unwrap();
    assert_eq!(publisher.submit(job(2)), Submitted::Queued);
    assert_eq!(publisher.submit(job(3)), Submitted::Replaced);
    assert!(publisher.is_busy(&place()));
    open_gate.send(()).unwrap();
    assert!(publisher.close(WAIT));
    assert_eq!(offsets(&store), [3, 1]);
    let reports = watch.0.lock().unwrap();
    let told: Vec<_> = reports.iter().map(|r| (r.offset, r.outcome, r.n_bytes > 0)).collect();
    use PublishOutcome::{Published, Superseded};
    assert_eq!(told, [(2, Superseded, false), (1, Published, true), (3, Published, true)]);
}

#[test]
fn a_store_that_cannot_be_written_fails_aloud_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    // A file where the directory should be: not even root can write below it.
    fs::write(&state, "in the way").unwrap();
    let store = open(state.to_str().unwrap());
    let error = store.publish(header(1), &body(1)).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }) && error.is_retryable(), "{error}");
    let watch = Arc::new(Watch::default());
    let publisher = watch.start(&store);
    publisher.submit(job(2));
    // Closing cuts the pauses between attempts short.
    assert!(publisher.close(WAIT));
    let failed = watch.0.lock().unwrap()[0];
    assert_eq!((failed.outcome, failed.offset, failed.n_bytes), (PublishOutcome::Failed, 2, 0));
    fs::remove_file(&state).unwrap();
    let publisher = watch.start(&store);
    publisher.submit(job(4));
    assert!(publisher.close(WAIT));
    assert_eq!(watch.0.lock().unwrap()[1].outcome, PublishOutcome::Published);
    assert_eq!(offsets(&store), [4]);
}

#[test]
fn snapshots_can_be_turned_off() {
    let off = Params::off();
    assert!(!off.is_enabled() && Params::default().is_enabled());
    assert!(Store::open(&off).unwrap().is_none());
}

/// A file of each released layout around header and body; never written anew.
const RELEASED: [&str; 1] = ["container-v1.snap"];

#[test]
fn files_of_released_layouts_still_load() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/snapshots");
    let text = "a body that every later version must give back\n".repeat(20);
    for name in RELEASED {
        let (dir, store) = local();
        let file = folder.join(name);
        if env::var_os("UPDATE_SNAPSHOTS").is_some() && !file.exists() {
            store.publish(header(42), text.as_bytes()).unwrap();
            fs::create_dir_all(&folder).unwrap();
            fs::copy(find(&dir, "42.snap"), &file).unwrap();
        }
        store.publish_file(&place(), 42, fs::read(&file).unwrap()).unwrap();
        let Snapshot { header, body } = store.load(&place(), 42).unwrap();
        assert_eq!((header.place, header.offset, header.seq), (place(), 42, 7), "{name}");
        assert_eq!(body, text.as_bytes(), "{name}");
    }
}
