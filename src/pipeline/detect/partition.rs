//! One partition that a worker owns: its engine, how far it has come, and when it goes live.

use super::{cadence::Kept, checkpoints::Cadence};
use crate::{
    audit::HashChain,
    journal::{
        Position,
        takeover::{LastRecord, Progress, Recorded, other_log, tree_text, verify},
    },
    model::{Record, TopicPartition},
    ops::{
        failpoint,
        trouble::{Trouble, TroubleKind},
    },
    pipeline::{
        Driver, Observer, PartitionPhase,
        flood::Flood,
        fruitless::{Fruitless, KINDS},
        quarantine::CrashLoop,
    },
};

/// One partition that this worker owns.
pub struct Partition {
    pub at: TopicPartition,
    pub driver: Driver,
    /// What is in force, and the turns that a rebuild still has to take.
    pub control: Position,
    /// Whether the control log says what is in force; checked once live.
    pub is_settled: bool,
    /// Of all alerts since the start, emitted or not.
    pub chain: HashChain,
    pub cadence: Cadence,
    /// Up to `next`; [`Partition::progress`] adds what the other fields say.
    pub progress: Progress,
    pub last: LastRecord,
    /// Fingerprint of the record before `next`, until it was read again and found to be the same.
    pub expected: Option<String>,
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
    /// What a snapshot holds.
    pub kept: Kept,
    pub flood: Flood,
    /// Records of which nothing comes, since this process began.
    pub fruitless: Fruitless,
    pub watch: CrashLoop,
    pub is_paused: bool,
    /// A flood had paused it before the restart.
    pub pauses_when_live: bool,
}

impl Partition {
    /// Returns how far the partition has come.
    pub fn progress(&self) -> Progress {
        Progress {
            setup: self.control.bundle().hash.clone(),
            n_control: self.control.n(),
            seq: self.chain.seq(),
            head: self.chain.head().to_string(),
            tree: tree_text(&self.chain),
            fingerprint: self.last.fingerprint(),
            is_paused: self.is_paused,
            ..self.progress.clone()
        }
    }

    /// Returns where the partition stands.
    pub fn phase(&self) -> PartitionPhase {
        let from = self.rebuilt_from;
        match (self.is_live, self.is_paused) {
            (_, true) => PartitionPhase::Paused,
            (true, _) => PartitionPhase::Live,
            _ => PartitionPhase::Rebuilding { done: self.next - from, total: self.live_at - from },
        }
    }

    /// Counts the record that was folded, of which a part may not have the format; returns whether
    /// such records have become too many. One of which something came has the format, whatever is
    /// wrong inside of it.
    pub fn is_flooded_by(&mut self, is_bad: bool) -> bool {
        let is_decoded = self.fruitless.count(self.driver.engine().stats());
        self.flood.count(is_bad && !is_decoded) && self.is_live
    }

    /// Returns what is wrong with its records, by kind.
    pub fn troubles(&self) -> impl Iterator<Item = (TroubleKind, Option<Trouble>)> + '_ {
        let trouble = |kind| match kind {
            TroubleKind::Unverified if self.fruitless.is_unverified() => {
                self.driver.engine().unverified().map(|said| Trouble::Unverified { said })
            }
            _ => self.fruitless.trouble(kind, self.is_paused),
        };
        KINDS.into_iter().map(move |kind| (kind, trouble(kind)))
    }

    /// Returns the offset to read from: one before the next, when that record proves the log.
    pub fn position(&self) -> i64 {
        if self.expected.is_some() { self.next - 1 } else { self.next }
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
        if record.offset + 1 != self.next {
            return Ok(());
        }
        let Some(then) = self.expected.take() else { return Ok(()) };
        self.last.note(record);
        let now = self.last.fingerprint().unwrap_or_default();
        if now != then {
            return Err(other_log(&self.at, &now, &then));
        }
        if !self.is_live && self.next >= self.live_at { self.go_live(observer) } else { Ok(()) }
    }

    /// Takes the turns of the control log that apply before the record at an offset.
    ///
    /// # Errors
    /// A sentence for the operator, when a bundle does not suit the engine.
    pub fn turn(&mut self, offset: i64) -> Result<(), String> {
        while let Some(turn) = self.control.take_due(offset) {
            let Some(control) = turn.step.control() else {
                self.watch.add(turn.offset);
                continue;
            };
            self.driver.control(control).map_err(|error| {
                let (topic, n) = (&self.at.topic, turn.n);
                format!("control entry {n} of topic {topic} cannot be applied again: {error}")
            })?;
        }
        Ok(())
    }

    /// Begins to emit.
    ///
    /// # Errors
    /// A sentence for the operator, when the rebuilt state is not the old one.
    pub fn go_live(&mut self, observer: &dyn Observer) -> Result<(), String> {
        failpoint::hit("restore_before_live");
        self.turn(self.next.max(self.live_at))?;
        if let Some(turn) = self.control.ahead() {
            return Err(format!(
                "control entry {} of topic {} partition {} applies at offset {}, but only {} was \
                 committed: the group's offset went back",
                turn.n, self.at.topic, self.at.partition, turn.offset, self.live_at
            ));
        }
        let TopicPartition { topic, partition } = &self.at;
        if let Some(recorded) = self.recorded.take()
            && !verify(&self.at, &self.progress(), &recorded)?
        {
            tracing::warn!(
                topic,
                partition,
                before = recorded.setup,
                now = self.control.bundle().hash,
                alerts_before = recorded.seq,
                alerts_now = self.chain.seq(),
                "settings or version changed since the last commit: history was judged anew, \
                 the sequence of alerts goes on from what was written"
            );
            if let Some(chain) = recorded.chain(topic, *partition) {
                self.chain = chain;
            }
        }
        self.is_live = true;
        self.expected = None;
        self.next = self.next.max(self.live_at);
        self.is_paused = self.pauses_when_live;
        tracing::info!(topic, partition, offset = self.next, "partition is live");
        observer.phase(topic, *partition, self.phase());
        failpoint::hit("live");
        Ok(())
    }
}
