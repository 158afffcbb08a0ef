//! One background thread that encodes and publishes snapshots: detection never waits for it.

use super::{StoreError, contents::Store, header::SnapshotHeader};
use crate::{model::GroupPartition, ops::clock};
use std::{
    collections::BTreeMap,
    error::Error,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Attempts at one snapshot, unless a newer one is waiting.
const ATTEMPTS_MAX: u32 = 4;

/// The first pause between attempts; each further one is four times as long.
const BACKOFF: Duration = Duration::from_millis(500);

/// Makes the body of a snapshot, on the publisher's thread.
pub type Encode = Box<dyn FnOnce() -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> + Send>;

/// A snapshot that was taken and has to be encoded and written.
pub struct Job {
    pub header: SnapshotHeader,
    pub encode: Encode,
}

/// What became of a job that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submitted {
    Queued,
    /// Instead of one that was still waiting.
    Replaced,
    /// The publisher is closed.
    Refused,
}

/// What became of a snapshot; the label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PublishOutcome {
    Published,
    Failed,
    /// A newer one of the same place was taken before it was written.
    Superseded,
}

impl PublishOutcome {
    pub const ALL: [Self; 3] = [Self::Published, Self::Failed, Self::Superseded];

    /// Returns the name used as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
        }
    }
}

/// What is told about a snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SnapshotReport {
    pub outcome: PublishOutcome,
    pub offset: i64,
    /// Of the file; 0 unless published.
    pub n_bytes: u64,
    /// From the first attempt to the end.
    pub seconds: f64,
    /// When it was taken, by the wall clock.
    pub taken_ms: i64,
}

/// Who is told what became of each snapshot; called from any thread, it must not block.
pub type Tell = Arc<dyn Fn(&GroupPartition, &SnapshotReport) + Send + Sync>;

/// The publisher. One process has one; at most one job of each place waits.
pub struct Publisher {
    shared: Arc<PublisherShared>,
    tell: Tell,
    thread: Option<JoinHandle<()>>,
}

struct PublisherShared {
    queue: Mutex<JobQueue>,
    changed: Condvar,
}

#[derive(Default)]
struct JobQueue {
    /// Bounded by the partitions that this process owns.
    waiting: BTreeMap<GroupPartition, Job>,
    at_work: Option<GroupPartition>,
    is_closed: bool,
    is_done: bool,
}

impl PublisherShared {
    fn lock(&self) -> MutexGuard<'_, JobQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Publisher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(store: Store, tell: Tell) -> io::Result<Self> {
        let shared = Arc::new(PublisherShared {
            queue: Mutex::new(JobQueue::default()),
            changed: Condvar::new(),
        });
        let worker = PublisherThread {
            shared: Arc::clone(&shared),
            store,
            tell: Arc::clone(&tell),
            is_failing: false,
        };
        let body = move || worker.run();
        let thread = thread::Builder::new().name("snapshots".to_owned()).spawn(body)?;
        Ok(Self { shared, tell, thread: Some(thread) })
    }

    /// Returns whether a snapshot of this place waits or is being written: another would only
    /// cost memory.
    pub fn is_busy(&self, place: &GroupPartition) -> bool {
        let queue = self.shared.lock();
        queue.at_work.as_ref() == Some(place) || queue.waiting.contains_key(place)
    }

    /// Hands over a snapshot; never waits.
    pub fn submit(&self, mut job: Job) -> Submitted {
        if job.header.taken_ms == 0 {
            job.header.taken_ms = clock::now_ms();
        }
        let mut queue = self.shared.lock();
        if queue.is_closed {
            return Submitted::Refused;
        }
        let place = job.header.place.clone();
        let before = queue.waiting.insert(place, job);
        self.shared.changed.notify_all();
        drop(queue);
        let Some(Job { header, .. }) = before else { return Submitted::Queued };
        let report = SnapshotReport {
            outcome: PublishOutcome::Superseded,
            offset: header.offset,
            n_bytes: 0,
            seconds: 0.0,
            taken_ms: header.taken_ms,
        };
        (self.tell)(&header.place, &report);
        Submitted::Replaced
    }

    /// Finishes what was handed over and stops, within `max`; returns whether all was written.
    pub fn close(mut self, max: Duration) -> bool {
        let until = Instant::now() + max;
        let mut queue = self.shared.lock();
        queue.is_closed = true;
        self.shared.changed.notify_all();
        while !queue.is_done {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // The thread is left to itself: a half-written snapshot is never listed.
                return false;
            }
            let waited = self.shared.changed.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(queue);
        self.thread.take().is_none_or(|thread| thread.join().is_ok())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_all();
    }
}

struct PublisherThread {
    shared: Arc<PublisherShared>,
    store: Store,
    tell: Tell,
    /// Whether the last snapshot could not be written: said once, not every time.
    is_failing: bool,
}

impl PublisherThread {
    fn run(mut self) {
        while let Some(job) = self.next() {
            self.write(job);
            self.shared.lock().at_work = None;
        }
        self.shared.lock().is_done = true;
        self.shared.changed.notify_all();
    }

    /// Waits for a job; `None` when the publisher is closed and all is done.
    fn next(&self) -> Option<Job> {
        let mut queue = self.shared.lock();
        loop {
            if let Some((place, job)) = queue.waiting.pop_first() {
                queue.at_work = Some(place);
                return Some(job);
            }
            if queue.is_closed {
                return None;
            }
            queue = self.shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write(&mut self, job: Job) {
        let Job { header, encode } = job;
        let (place, began) = (header.place.clone(), Instant::now());
        let mut report = SnapshotReport {
            outcome: PublishOutcome::Failed,
            offset: header.offset,
            n_bytes: 0,
            seconds: 0.0,
            taken_ms: header.taken_ms,
        };
        let body = encode()
            .map_err(|source| StoreError::Encode { what: format!("snapshot {place}"), source });
        match body.and_then(|body| self.attempts(&header, &body)) {
            Ok(Some(n_bytes)) => {
                (report.outcome, report.n_bytes) = (PublishOutcome::Published, n_bytes);
                self.recovered(&place);
            }
            Ok(None) => report.outcome = PublishOutcome::Superseded,
            Err(error) => self.failed(&place, &error),
        }
        report.seconds = began.elapsed().as_secs_f64();
        tracing::debug!(%place, ?report, "snapshot");
        (self.tell)(&place, &report);
    }

    /// Tries a few times; `None` when a newer snapshot made this one superfluous.
    fn attempts(&self, header: &SnapshotHeader, body: &[u8]) -> Result<Option<u64>, StoreError> {
        let mut pause = BACKOFF;
        for n in 1.. {
            match self.store.publish(header.clone(), body) {
                Ok(n_bytes) => return Ok(Some(n_bytes)),
                Err(error) if n == ATTEMPTS_MAX || !error.is_retryable() => return Err(error),
                Err(error) => tracing::debug!(place = %header.place, %error, "snapshot retried"),
            }
            if self.is_superseded(&header.place, pause) {
                return Ok(None);
            }
            pause *= 4;
        }
        Ok(None)
    }

    /// Waits before the next attempt; returns whether a newer snapshot arrived. Closing ends the
    /// wait, not the attempts.
    fn is_superseded(&self, place: &GroupPartition, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut queue = self.shared.lock();
        while !queue.is_closed && !queue.waiting.contains_key(place) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.waiting.contains_key(place)
    }

    fn failed(&mut self, place: &GroupPartition, error: &StoreError) {
        if !std::mem::replace(&mut self.is_failing, true) {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            tracing::error!(
                %place, url = self.store.url(), code = error.code(), %error, cause,
                "snapshots cannot be written: detection goes on, but the next start replays more \
                 of the log; see snapshots.url"
            );
        }
    }

    fn recovered(&mut self, place: &GroupPartition) {
        if std::mem::replace(&mut self.is_failing, false) {
            tracing::info!(%place, url = self.store.url(), "snapshots are written again");
        }
    }
}
