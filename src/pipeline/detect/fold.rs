//! The partitions of one worker with their engines, and the batch that they are folding.

use super::{
    checkpoints::Checkpoints,
    control_writer::{Steering, set_aside, settle},
    envelope_choice::decide,
    outbox::Outbox,
    partition::Partition,
};
use crate::{
    engine::Action,
    kafka::producer::OutputTopic,
    model::{Record, TopicPartition},
    ops::failpoint,
    pipeline::{
        Batching, Observer, OnFlood, PartitionPhase,
        control::{Agreement, Inputs},
        message,
    },
};
use std::time::{Duration, Instant};

/// What one worker folds, and what it owes to Kafka.
pub struct WorkerFold<'a> {
    pub(in crate::pipeline) inputs: &'a Inputs,
    limits: &'a Batching,
    on_flood: OnFlood,
    pub(in crate::pipeline) observer: &'a dyn Observer,
    pub(in crate::pipeline) steering: Steering,
    checkpoints: Checkpoints<'a>,
    /// Where the partitions of a topic agree on what its records are wrapped in.
    agreement: &'a dyn Agreement,
    /// Who raises the alerts, as a CloudEvents source.
    source: String,
    pub partitions: Vec<Partition>,
    pub outbox: Outbox,
    actions: Vec<Action>,
    n_records: usize,
    n_bytes: usize,
    since: Option<Instant>,
    is_flooded: bool,
    /// A partition's state was just rebuilt, and is all committed.
    pub is_rebuilt: bool,
}

impl<'a> WorkerFold<'a> {
    /// Makes a fold without partitions.
    pub fn new(
        inputs: &'a Inputs,
        limits: &'a Batching,
        on_flood: OnFlood,
        observer: &'a dyn Observer,
        checkpoints: Checkpoints<'a>,
        agreement: &'a dyn Agreement,
    ) -> Self {
        Self {
            inputs,
            limits,
            on_flood,
            observer,
            steering: Steering::default(),
            checkpoints,
            agreement,
            source: format!("/txwarden/{}", checkpoints.group),
            partitions: Vec::new(),
            outbox: Outbox::default(),
            actions: Vec::new(),
            n_records: 0,
            n_bytes: 0,
            since: None,
            is_flooded: false,
            is_rebuilt: false,
        }
    }

    /// Folds one record.
    ///
    /// # Errors
    /// A sentence for the operator, when a rebuilt state is not the old one.
    pub fn take(&mut self, record: Record<'_>) -> Result<(), String> {
        let is_its =
            |p: &Partition| p.at.partition == record.partition && p.at.topic == record.topic;
        let Some(at) = self.partitions.iter().position(is_its) else { return Ok(()) };
        let partition = &mut self.partitions[at];
        if record.offset < partition.next {
            partition.recognise(&record, self.observer)?;
            self.is_flooded |= partition.is_paused;
            return Ok(());
        }
        if !partition.is_live && record.offset >= partition.live_at {
            partition.go_live(self.observer)?;
        }
        if partition.is_live && !partition.is_settled {
            settle(partition, &mut self.outbox, self.inputs)?;
        }
        partition.turn(record.offset)?;
        if partition.is_live {
            decide(partition, &mut self.outbox, self.inputs, &record, self.agreement)?;
        }
        let is_set_aside = set_aside(partition, &mut self.outbox, record.offset);
        if partition.is_live {
            note(&mut self.partitions, at, record.offset);
        }
        let partition = &mut self.partitions[at];
        let settings = &partition.control.bundle().settings;
        let is_emitting = partition.is_live || failpoint::is_on("emit_while_rebuilding");
        if is_set_aside {
            partition.driver.set_aside(settings, record, &mut self.actions);
        } else {
            failpoint::record(record.value);
            partition.driver.feed(settings, record, &mut self.actions);
        }
        partition.next = record.offset + 1;
        partition.last.note(&record);
        let (mut is_bad, group) = (false, self.checkpoints.group);
        for action in self.actions.drain(..) {
            match action {
                Action::Alert(mut alert) => {
                    let body = partition.chain.seal(&mut alert);
                    // INVARIANT: our own types always become JSON; a gap in the chain is worse.
                    assert!(body.is_ok(), "an alert cannot be written as JSON");
                    if let (Ok(body), true) = (body, is_emitting) {
                        let message = message::of_alert(&alert, body, &self.source);
                        self.outbox.push(message, &partition.at, record.kafka_ms);
                    }
                }
                Action::DeadLetter(letter) => {
                    is_bad |= partition.fruitless.note(&letter);
                    if is_emitting {
                        self.outbox.dead_letter(&letter, group, &partition.at, record);
                    }
                }
                // The driver keeps fits; findings and scores were not asked for.
                Action::Fit(_) | Action::Finding(_) | Action::Scored(_) => {}
            }
        }
        if partition.is_flooded_by(is_bad) && self.on_flood == OnFlood::Pause {
            partition.is_paused = true;
            self.is_flooded = true;
        }
        self.n_records += 1;
        self.n_bytes += record.value.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len);
        self.since.get_or_insert_with(Instant::now);
        // The committed offset follows the last record that was folded.
        if !partition.is_live && partition.next >= partition.live_at {
            partition.go_live(self.observer)?;
            self.is_flooded |= partition.is_paused;
            self.is_rebuilt = true;
        }
        Ok(())
    }

    /// Marks partitions as complete whose log was read to its end.
    ///
    /// The client does not say which topic's, so that a number shared by two topics has to wait
    /// for its next record.
    ///
    /// # Errors
    /// As [`WorkerFold::take`].
    pub fn at_end(&mut self, partition: i32) -> Result<(), String> {
        let mut same = self.partitions.iter_mut().filter(|p| p.at.partition == partition);
        if let (Some(only), None) = (same.next(), same.next())
            && !only.is_live
        {
            only.go_live(self.observer)?;
            self.is_flooded |= only.is_paused;
            self.is_rebuilt = true;
        }
        Ok(())
    }

    /// Returns how long the batch may still wait; zero when it is over or a checkpoint is due,
    /// `None` when there is nothing to commit.
    pub fn patience(&self) -> Option<Duration> {
        if self.is_flooded {
            return Some(Duration::ZERO);
        }
        let Some(since) = self.since else {
            let is_due = self.partitions.iter().any(|p| self.checkpoints.is_due(p));
            return is_due.then_some(Duration::ZERO);
        };
        let is_full = self.n_records >= self.limits.records_max
            || self.n_bytes >= self.limits.bytes_max
            || self.outbox.n_bytes() >= self.limits.bytes_max;
        if is_full {
            return Some(Duration::ZERO);
        }
        Some(Duration::from_millis(self.limits.linger_ms).saturating_sub(since.elapsed()))
    }

    /// Writes the checkpoints that are due; at the end, those of all partitions with news.
    pub fn draw_checkpoints(&mut self, now_ms: i64, is_last: bool) {
        let is_due = |p: &&Partition| {
            let is_news = is_last && p.is_live && p.cadence.is_behind(p.chain.seq());
            is_news || self.checkpoints.is_due(p)
        };
        let due: Vec<&Partition> = self.partitions.iter().filter(is_due).collect();
        self.outbox.checkpoints = due.iter().map(|p| self.checkpoints.message(p, now_ms)).collect();
        self.outbox.covered = due.iter().map(|p| p.at.clone()).collect();
    }

    /// Returns the offsets to be committed, of live partitions: those that moved, and those with a
    /// checkpoint, so that whoever lost the partition is fenced from writing one.
    pub fn offsets(&self) -> Vec<(TopicPartition, i64, String)> {
        let is_due = |p: &&Partition| {
            let is_owed = p.control.is_owed() || self.outbox.covered.contains(&p.at);
            p.is_live && (p.committed != Some(p.next) || is_owed)
        };
        let entry = |p: &Partition| (p.at.clone(), p.next, p.progress().render());
        self.partitions.iter().filter(is_due).map(entry).collect()
    }

    /// Notes that offsets and outbox were committed.
    pub fn committed(&mut self, offsets: &[(TopicPartition, i64, String)], now_ms: i64, took: f64) {
        for (at, offset, _) in offsets {
            if let Some(partition) = self.partitions.iter_mut().find(|p| p.at == *at) {
                partition.committed = Some(*offset);
                partition.control.committed();
                if self.outbox.covered.contains(at) {
                    partition.cadence.note(partition.chain.seq());
                    self.observer.checkpoint(&at.topic, at.partition, now_ms);
                }
            }
        }
        for kafka_ms in self.outbox.alerted_at() {
            self.observer.emitted(now_ms.saturating_sub(kafka_ms));
        }
        let n_dead_letters = self.outbox.count(OutputTopic::DeadLetters);
        self.observer.committed(self.outbox.count(OutputTopic::Alerts), n_dead_letters, took);
        self.outbox = Outbox::default();
    }

    /// Ends the batch for the observer; returns the partitions that have to be paused.
    pub fn end_batch(&mut self) -> Vec<TopicPartition> {
        if self.n_records > 0 {
            self.observer.batch(self.n_records, self.n_bytes);
        }
        let is_flooded = std::mem::take(&mut self.is_flooded);
        (self.n_records, self.n_bytes, self.since) = (0, 0, None);
        for p in &self.partitions {
            let (topic, number) = (&p.at.topic, p.at.partition);
            self.observer.envelope(topic, &p.control.bundle().settings.envelope.wrapping);
            self.observer.engine(topic, number, p.driver.engine());
            self.observer.phase(topic, number, p.phase());
        }
        let paused = self.partitions.iter().filter(|p| is_flooded && p.is_paused);
        paused.map(|p| p.at.clone()).collect()
    }

    /// Takes away what would tell the next owner that these partitions were left in disorder.
    pub fn leave(&mut self, gone: &[TopicPartition]) {
        self.partitions.iter_mut().filter(|p| gone.contains(&p.at)).for_each(|p| p.watch.close());
    }

    /// Adds a partition.
    pub fn add(&mut self, partition: Partition) {
        self.is_flooded |= partition.is_paused;
        self.steering.partition_came();
        self.partitions.push(partition);
    }

    /// Forgets partitions, and what they have not committed.
    pub fn release(&mut self, gone: &[TopicPartition]) {
        self.partitions.iter_mut().filter(|p| gone.contains(&p.at)).for_each(|p| p.watch.lose());
        self.partitions.retain(|p| !gone.contains(&p.at));
        self.outbox.remove(gone);
        for at in gone {
            self.observer.phase(&at.topic, at.partition, PartitionPhase::Released);
        }
    }
}

/// Notes, where there is reason to, that a record is folded now: of all partitions only this one.
fn note(partitions: &mut [Partition], at: usize, offset: i64) {
    let Partition { watch, committed, next, .. } = &mut partitions[at];
    if watch.before(committed.unwrap_or(*next), offset) {
        let others = partitions.iter_mut().enumerate().filter(|(i, _)| *i != at);
        others.for_each(|(_, other)| other.watch.between());
    }
}
