//! One partition that a worker owns: its engine, how far it has come, and when it goes live.

use super::{
    Driver, Observer, Phase,
    checkpoints::Cadence,
    crash_loop::CrashLoop,
    flood::Flood,
    takeover::{LastRecord, Progress, Recorded, verify},
};
use crate::{audit::Chain, model::Record, ops::failpoint, source::kafka::TopicPartition};

/// One partition that this worker owns.
pub struct Partition {
    pub at: TopicPartition,
    /// Position of the topic among the inputs.
    pub input: usize,
    pub driver: Driver,
    /// Of all alerts since the start, emitted or not.
    pub chain: Chain,
    pub cadence: Cadence,
    /// Up to `next`; [`Partition::progress`] adds what the other fields say.
    pub progress: Progress,
    pub last: LastRecord,
    /// Where the state began that is being rebuilt: a snapshot's offset, or the first of all.
    pub rebuilt_from: i64,
    /// The next offset to fold.
    pub next: i64,
    /// What the group has committed.
    pub committed: Option<i64>,
    /// Answered before: until here nothing is emitted.
    pub live_at: i64,
    pub is_live: bool,
    /// What the rebuilt state must agree with.
    pub recorded: Option<Recorded>,
    pub flood: Flood,
    pub watch: CrashLoop,
    pub is_paused: bool,
}

impl Partition {
    /// Returns how far the partition has come.
    pub fn progress(&self) -> Progress {
        let (seq, head) = (self.chain.seq(), self.chain.head().to_string());
        let (fingerprint, is_paused) = (self.last.fingerprint(), self.is_paused);
        Progress { seq, head, fingerprint, is_paused, ..self.progress.clone() }
    }

    /// Returns where the partition stands.
    pub fn phase(&self) -> Phase {
        let from = self.rebuilt_from;
        match (self.is_live, self.is_paused) {
            (_, true) => Phase::Paused,
            (true, _) => Phase::Live,
            _ => Phase::Rebuilding { done: self.next - from, total: self.live_at - from },
        }
    }

    /// Compares a record that was folded before the takeover, where it is the last such one.
    ///
    /// # Errors
    /// A sentence for the operator, when it is another record than the one that was folded.
    pub fn recognise(
        &mut self,
        record: &Record<'_>,
        observer: &dyn Observer,
    ) -> Result<(), String> {
        if self.is_live || record.offset + 1 != self.next || self.last.is_known() {
            return Ok(());
        }
        self.last.note(record);
        if self.next >= self.live_at { self.go_live(observer) } else { Ok(()) }
    }

    /// Begins to emit.
    ///
    /// # Errors
    /// A sentence for the operator, when the rebuilt state is not the old one.
    pub fn go_live(&mut self, observer: &dyn Observer) -> Result<(), String> {
        failpoint::hit("restore_before_live");
        if let Some(recorded) = self.recorded.take() {
            verify(&self.at, &self.progress(), &recorded)?;
        }
        self.is_live = true;
        self.next = self.next.max(self.live_at);
        let TopicPartition { topic, partition } = &self.at;
        tracing::info!(topic, partition, offset = self.next, "partition is live");
        observer.phase(topic, *partition, Phase::Live);
        failpoint::hit("live");
        Ok(())
    }
}
