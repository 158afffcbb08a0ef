//! What the demo's threads know of each other: records fed and folded, when incidents were sent.

use crate::{
    cli::serve::exporter::Exporter,
    engine::Engine,
    kafka::ReadObserver,
    ops::trouble::{Trouble, TroubleKind},
    pipeline::{Observer, PartitionPhase},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Shared counters; every lock is held for a few instructions only.
#[derive(Debug, Default)]
pub(super) struct DemoProgress {
    inner: Mutex<DemoCounts>,
}

/// A copy of the counters.
#[derive(Clone, Debug, Default)]
pub(super) struct DemoCounts {
    /// Records produced and folded, by topic.
    pub(super) fed: BTreeMap<String, u64>,
    pub(super) folded: BTreeMap<String, u64>,
    pub(super) n_transactions: u64,
    /// Alerts (and revisions) committed to the alert topic.
    pub(super) n_committed: u64,
    pub(super) n_dead_letters: u64,
    pub(super) is_fed: bool,
    /// When the latest record of each incident was produced.
    pub(super) sent: BTreeMap<usize, Instant>,
}

impl DemoCounts {
    /// Returns how many records of a topic wait to be folded.
    pub(super) fn backlog(&self, topic: &str) -> u64 {
        let of = |map: &BTreeMap<String, u64>| map.get(topic).copied().unwrap_or(0);
        of(&self.fed).saturating_sub(of(&self.folded))
    }

    /// Returns whether everything has been fed and folded.
    pub(super) fn is_done(&self) -> bool {
        self.is_fed && self.fed.keys().all(|topic| self.backlog(topic) == 0)
    }
}

impl DemoProgress {
    /// Changes the counters.
    pub(super) fn update(&self, change: impl FnOnce(&mut DemoCounts)) {
        change(&mut self.lock());
    }

    /// Looks at the counters.
    pub(super) fn look<T>(&self, look: impl FnOnce(&DemoCounts) -> T) -> T {
        look(&self.lock())
    }

    /// A panicked thread leaves plain counters behind: they stay usable.
    fn lock(&self) -> MutexGuard<'_, DemoCounts> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The demo's observer: its own counters, and the metrics as in `run`.
pub(super) struct Observers {
    pub(super) progress: Arc<DemoProgress>,
    pub(super) exporter: Exporter,
}

impl Observer for Observers {
    fn phase(&self, topic: &str, partition: i32, phase: PartitionPhase) {
        self.exporter.phase(topic, partition, phase);
    }

    fn batch(&self, n_records: usize, n_bytes: usize) {
        self.exporter.batch(n_records, n_bytes);
    }

    fn committed(&self, n_alerts: usize, n_dead_letters: usize, seconds: f64) {
        self.exporter.committed(n_alerts, n_dead_letters, seconds);
        self.progress.update(|c| {
            c.n_committed += n_alerts as u64;
            c.n_dead_letters += n_dead_letters as u64;
        });
    }

    fn emitted(&self, latency_ms: i64) {
        self.exporter.emitted(latency_ms);
    }

    fn engine(&self, topic: &str, partition: i32, engine: &Engine) {
        self.exporter.engine(topic, partition, engine);
        self.progress.update(|c| {
            c.folded.insert(topic.to_owned(), engine.stats().n_records);
        });
    }
}

impl ReadObserver for Observers {
    fn consumer_lag(&self, topic: &str, partition: i32, n_offsets: i64) {
        self.exporter.consumer_lag(topic, partition, n_offsets);
    }

    fn trouble(&self, topic: &str, partition: i32, kind: TroubleKind, trouble: Option<&Trouble>) {
        self.exporter.trouble(topic, partition, kind, trouble);
    }

    fn producer_restarted(&self) {
        self.exporter.producer_restarted();
    }

    fn client_error(&self) {
        self.exporter.client_error();
    }
}
