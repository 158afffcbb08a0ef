//! When a partition's next checkpoint is due, and how it is written: every so many alerts, every so
//! often, and idle too, so that consumers have a heartbeat.

use super::partition::Partition;
use crate::{
    audit::{self, Checkpoint, Deciders, Signer},
    kafka::producer::Message,
    pipeline::message,
};
use std::time::{Duration, Instant};

/// What the checkpoints of all partitions share.
#[derive(Clone, Copy)]
pub struct Checkpoints<'a> {
    pub params: &'a audit::Params,
    pub signer: Option<&'a Signer>,
    pub group: &'a str,
}

/// The last checkpoint of a partition since it was taken over; the first is due at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cadence(Option<(u64, Instant)>);

impl Cadence {
    /// Notes that a checkpoint was committed.
    pub fn note(&mut self, seq: u64) {
        self.0 = Some((seq, Instant::now()));
    }

    /// Returns whether there were alerts since the last checkpoint.
    pub fn is_behind(&self, seq: u64) -> bool {
        self.0.is_none_or(|(last, _)| last != seq)
    }
}

impl Checkpoints<'_> {
    /// Returns whether a partition's next checkpoint is due.
    pub fn is_due(&self, partition: &Partition) -> bool {
        let Some((seq, at)) = partition.cadence.0 else { return partition.is_live };
        partition.is_live
            && (partition.chain.seq().saturating_sub(seq) >= self.params.checkpoint_alerts
                || at.elapsed() >= Duration::from_millis(self.params.checkpoint_ms))
    }

    /// Writes a partition's checkpoint.
    pub fn message(&self, partition: &Partition, now_ms: i64) -> Message {
        let identity = partition.driver.engine().triage().identity();
        let by = Deciders {
            config_hash: &identity.config_hash,
            rules_hash: &identity.rules_hash,
            model_id: &identity.model_id,
            version: &identity.version,
        };
        let (chain, next) = (&partition.chain, partition.next);
        let checkpoint = Checkpoint::of(chain, self.group, next, by, now_ms);
        let body = checkpoint.render(self.signer);
        // INVARIANT: our own types always become JSON.
        assert!(body.is_ok(), "a checkpoint cannot be written as JSON");
        message::of_checkpoint(&checkpoint, body.unwrap_or_default())
    }
}
