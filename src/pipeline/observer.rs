//! What the workers tell whoever watches them; metrics and readiness are made from it.

use super::RestoreOutcome;
use crate::{decode::Wrapping, engine::Engine, kafka::ReadObserver, store::SnapshotReport};

/// Where a partition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionPhase {
    /// Folding records that were answered before, without emitting: `done` of `total` offsets.
    Rebuilding {
        done: i64,
        total: i64,
    },
    Live,
    /// Stopped because format errors piled up.
    Paused,
    /// Another worker's.
    Released,
}

/// Receives what happens in the workers. Called from their threads: it must not block.
///
/// Topics and partitions are those of the configuration, so they may become metric labels.
pub trait Observer: ReadObserver {
    /// A partition changed its phase, or made progress in it.
    fn phase(&self, _topic: &str, _partition: i32, _phase: PartitionPhase) {}

    /// A batch ended: so many records and input bytes, rebuilding included.
    fn batch(&self, _n_records: usize, _n_bytes: usize) {}

    /// A transaction was committed, with so many alerts and dead letters, in so many seconds.
    fn committed(&self, _n_alerts: usize, _n_dead_letters: usize, _seconds: f64) {}

    /// An alert left for the topic, so long after its record's Kafka timestamp.
    fn emitted(&self, _latency_ms: i64) {}

    /// What a partition takes the topic's records to be wrapped in, after a batch.
    fn envelope(&self, _topic: &str, _wrapping: &Wrapping) {}

    /// The engine after a batch: its counts, and how full its memory is.
    fn engine(&self, _topic: &str, _partition: i32, _engine: &Engine) {}

    /// A snapshot was written, or was not.
    fn snapshot(&self, _topic: &str, _partition: i32, _report: &SnapshotReport) {}

    /// A checkpoint of a partition's alerts was committed.
    fn checkpoint(&self, _topic: &str, _partition: i32, _at_ms: i64) {}

    /// A snapshot was restored at a takeover, or was not.
    fn restored(&self, _topic: &str, _partition: i32, _outcome: RestoreOutcome) {}

    /// How many input partitions a chain comes in; more than one judges each on its own.
    fn chain_partitions(&self, _chain: &str, _n: usize) {}

    /// A record of the verdict topic is no verdict.
    fn bad_verdict(&self) {}
}

/// An observer that ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl ReadObserver for Silent {}

impl Observer for Silent {}
