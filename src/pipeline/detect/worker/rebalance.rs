//! What the group gives and takes: opening partitions, and giving them back in good order.

use super::{IDLE, Worker, fence_max};
use crate::{
    journal::takeover::Recorded,
    kafka::{Patience, Rebalanced},
    model::{GroupPartition, TopicPartition},
    pipeline::{
        Phase, RuntimeError, control,
        detect::{open::open, tails::tails},
    },
};
use std::time::Duration;

/// How long to wait for the rebalance that refused a batch before trying again: one that leaves
/// our partitions alone is over without a word. Trying too early is refused once more.
const REBALANCE_MAX: Duration = Duration::from_millis(500);

impl Worker<'_> {
    pub(super) fn rebalance(&mut self, change: Rebalanced) -> Result<(), RuntimeError> {
        match change {
            Rebalanced::Assigned(partitions) => {
                self.take_over(&partitions)?;
                // A first start is recorded at once: `latest` must mean the same after a crash.
                self.end_batch()
            }
            Rebalanced::Revoked { partitions, is_lost } => {
                self.note_revoked(&partitions, is_lost);
                // A failure loses nothing: the next owner starts at what was committed.
                if !is_lost && let Err(error) = self.transact() {
                    tracing::warn!(%error, "last batch before a revocation not committed");
                    self.replace_producer(error.remedy())?;
                    self.settle(&error)?;
                }
                if !is_lost {
                    self.keep(Some(&partitions));
                    self.fold.leave(&partitions);
                }
                self.fold.release(&partitions);
                self.consumer
                    .unassign(&partitions)
                    .map_err(|source| RuntimeError::Kafka { what: "cannot unassign", source })
            }
        }
    }

    fn take_over(&mut self, places: &[TopicPartition]) -> Result<(), RuntimeError> {
        let cannot = |source| RuntimeError::Kafka { what: "cannot assign", source };
        let offsets = self.check_widths(places).and_then(|()| self.open_all(places));
        let offsets = offsets.inspect_err(|_| {
            // The group waits for an answer, and cannot be left without one.
            let anywhere: Vec<_> = places.iter().map(|at| (at.clone(), 0)).collect();
            if let Err(error) = self.consumer.assign(&anywhere) {
                self.consumer.log().report(&error, "assign before leaving");
            }
        })?;
        self.consumer.assign(&offsets).map_err(cannot)
    }

    fn open_all(
        &mut self,
        places: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, RuntimeError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        tracing::info!(slot = self.ctx.slot, partitions = %list(places), "taking over");
        let patience = Patience::new(fence_max(self.ctx.params), self.ctx.stop);
        let committed = self
            .consumer
            .committed(places, patience)
            .map_err(|source| RuntimeError::Kafka { what: "cannot read offsets", source })?;
        let patience = Patience::new(fence_max(self.ctx.params), self.ctx.stop);
        let tails = tails(&self.ctx.params.kafka, &self.ctx.params.outputs, patience)?;
        let expected = places.iter().zip(&committed).map(|(at, committed)| {
            let recorded = committed.as_ref().and_then(|(_, text)| Recorded::parse(text));
            (self.place(at), recorded.and_then(|r| r.n_control).unwrap_or_default())
        });
        let expected = expected.collect();
        let patience = Patience::new(fence_max(self.ctx.params), self.ctx.stop);
        let topic = &self.ctx.params.outputs.control;
        let log = control::read(&self.ctx.params.kafka, topic, &expected, patience)?;
        let mut offsets = Vec::with_capacity(places.len());
        for (at, committed) in places.iter().zip(committed) {
            let partition = open(&self.ctx, &self.consumer, at, committed, &tails, &log)?;
            offsets.push((at.clone(), partition.position()));
            tracing::info!(
                topic = at.topic,
                partition = at.partition,
                from = partition.next,
                live_at = partition.live_at,
                slot = self.ctx.slot,
                "partition assigned"
            );
            let engine = partition.driver.engine();
            if engine.stats().n_records > 0 {
                // What a snapshot brings with it was counted when it was first answered.
                let restoring = Phase::Rebuilding { done: 0, total: 0 };
                self.ctx.observer.phase(&at.topic, at.partition, restoring);
                self.ctx.observer.engine(&at.topic, at.partition, engine);
            }
            self.ctx.observer.phase(&at.topic, at.partition, partition.phase());
            self.fold.add(partition);
        }
        Ok(offsets)
    }

    fn note_revoked(&self, places: &[TopicPartition], is_lost: bool) {
        let partitions = list(places);
        tracing::info!(slot = self.ctx.slot, %partitions, is_lost, "partitions revoked");
    }

    fn place(&self, at: &TopicPartition) -> GroupPartition {
        let group = self.ctx.params.kafka.group.clone();
        GroupPartition { group, topic: at.topic.clone(), partition: at.partition }
    }

    /// Polls without reading until the group has told us what is ours.
    pub(super) fn await_rebalance(&mut self) -> Result<(), RuntimeError> {
        let owned: Vec<_> = self.fold.partitions.iter().map(|p| p.at.clone()).collect();
        let cannot = |source| RuntimeError::Kafka { what: "cannot pause", source };
        self.consumer.pause(&owned).map_err(cannot)?;
        let patience = Patience::new(REBALANCE_MAX, self.ctx.stop);
        while !patience.is_over() {
            self.poll(IDLE)?;
            match self.consumer.next_rebalance() {
                None => {}
                // What is revoked here was already refused: there is nothing left to commit.
                Some(Rebalanced::Revoked { partitions, is_lost }) => {
                    self.note_revoked(&partitions, is_lost);
                    // The client remembers across a revocation that a partition was paused: it
                    // would never be read again by the worker that gets it back. Resuming what was
                    // assigned a moment ago is no way out: its fetch would start out of date.
                    self.consumer.resume(&partitions).map_err(cannot)?;
                    self.fold.release(&partitions);
                    let what = "cannot unassign";
                    let unassigned = self.consumer.unassign(&partitions);
                    unassigned.map_err(|source| RuntimeError::Kafka { what, source })?;
                    break;
                }
                Some(Rebalanced::Assigned(partitions)) => {
                    self.take_over(&partitions)?;
                    break;
                }
            }
        }
        let kept = self.fold.partitions.iter().filter(|p| !p.is_paused && owned.contains(&p.at));
        let kept: Vec<_> = kept.map(|p| p.at.clone()).collect();
        self.consumer.resume(&kept).map_err(cannot)
    }
}

/// Names partitions on one line.
fn list(places: &[TopicPartition]) -> String {
    places.iter().map(|at| format!("{}/{}", at.topic, at.partition)).collect::<Vec<_>>().join(", ")
}
