//! What the demo's threads know of each other: records fed and folded, when incidents were sent.

use crate::{
    engine::Stats,
    runtime::{Observer, Phase},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Shared counters; every lock is held for a few instructions only.
#[derive(Debug, Default)]
pub(super) struct Progress {
    inner: Mutex<Counts>,
}

/// A copy of the counters.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
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

impl Counts {
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

impl Progress {
    /// Changes the counters.
    pub(super) fn update(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.lock());
    }

    /// Looks at the counters.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Counts) -> T) -> T {
        look(&self.lock())
    }

    /// A panicked thread leaves plain counters behind: they stay usable.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn phase(&self, topic: &str, partition: i32, phase: Phase) {
        tracing::debug!(topic, partition, ?phase, "phase changed");
    }

    fn committed(&self, n_alerts: usize, n_dead_letters: usize, _seconds: f64) {
        self.update(|c| {
            c.n_committed += n_alerts as u64;
            c.n_dead_letters += n_dead_letters as u64;
        });
    }

    fn engine(&self, topic: &str, _partition: i32, stats: &Stats) {
        self.update(|c| {
            c.folded.insert(topic.to_owned(), stats.n_records);
        });
    }
}
