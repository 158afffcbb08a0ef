//! Taking over partitions: opening them at what is committed, with what the outputs hold.

use super::Detect;
use crate::{
    journal::takeover::Recorded,
    kafka::Clients,
    model::{GroupPartition, TopicPartition},
    pipeline::{
        PartitionPhase, RuntimeError, control,
        detect::{open::open, tails::tails},
    },
};

impl Detect<'_> {
    pub(super) fn open_all(
        &mut self,
        clients: &Clients<'_>,
        places: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, RuntimeError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        tracing::info!(slot = self.ctx.slot, partitions = %list(places), "taking over");
        let committed = clients
            .consumer
            .committed(places, clients.patience())
            .map_err(|source| RuntimeError::Kafka { what: "cannot read offsets", source })?;
        let tails = tails(&self.ctx.params.kafka, &self.ctx.params.outputs, clients.patience())?;
        let expected = places.iter().zip(&committed).map(|(at, committed)| {
            let recorded = committed.as_ref().and_then(|(_, text)| Recorded::parse(text));
            (self.place(at), recorded.and_then(|r| r.n_control).unwrap_or_default())
        });
        let expected = expected.collect();
        let topic = &self.ctx.params.outputs.control;
        let log = control::read(&self.ctx.params.kafka, topic, &expected, clients.patience())?;
        let mut offsets = Vec::with_capacity(places.len());
        for (at, committed) in places.iter().zip(committed) {
            let partition = open(&self.ctx, &clients.consumer, at, committed, &tails, &log)?;
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
                let restoring = PartitionPhase::Rebuilding { done: 0, total: 0 };
                self.ctx.observer.phase(&at.topic, at.partition, restoring);
                self.ctx.observer.engine(&at.topic, at.partition, engine);
            }
            self.ctx.observer.phase(&at.topic, at.partition, partition.phase());
            self.fold.add(partition);
        }
        Ok(offsets)
    }

    fn place(&self, at: &TopicPartition) -> GroupPartition {
        let group = self.ctx.params.kafka.group.clone();
        GroupPartition { group, topic: at.topic.clone(), partition: at.partition }
    }
}

/// Names partitions on one line.
fn list(places: &[TopicPartition]) -> String {
    places.iter().map(|at| format!("{}/{}", at.topic, at.partition)).collect::<Vec<_>>().join(", ")
}
