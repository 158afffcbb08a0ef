//! One transaction for each batch: records and offsets, all or nothing, however often it fails.

use super::{Stage, fence_max, stream::Offset};
use crate::{
    kafka::{
        Consumer, Patience,
        producer::{Passed, Producer, Remedy, Stage as At, Topics, Transaction, TransactionError},
    },
    model::TopicPartition,
    ops::failpoint,
    pipeline::RuntimeError,
};
use rdkafka::error::KafkaError;
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// How long a batch may fail before the process gives up.
const FLUSH_MAX: Duration = Duration::from_secs(180);

/// How long to wait for the rebalance that refused a batch before trying again.
const REBALANCE_MAX: Duration = Duration::from_millis(500);

/// How long the last commit may take.
const LAST_MAX: Duration = Duration::from_millis(600);

impl Stage<'_> {
    /// Commits what was let out, however many producers that takes.
    pub(super) fn flush(&mut self) -> Result<(), RuntimeError> {
        let until = Instant::now() + FLUSH_MAX;
        loop {
            let Err(error) = self.transact() else { return Ok(()) };
            let remedy = error.remedy();
            tracing::warn!(error = %error.source, stage = ?error.stage, ?remedy, "batch failed");
            if matches!(remedy, Remedy::Exit | Remedy::Singly) {
                return Err(given_up(error));
            }
            if self.stop.load(Ordering::Acquire) {
                return Ok(());
            }
            if Instant::now() >= until {
                let seconds = FLUSH_MAX.as_secs();
                return Err(RuntimeError::Deadline { what: "committing a batch", seconds });
            }
            self.replace_producer()?;
            self.settle(&error)?;
            if remedy == Remedy::Rebalance {
                self.await_rebalance()?;
            }
        }
    }

    /// Tries one transaction; without anything to write it does nothing.
    pub(super) fn transact(&mut self) -> Result<(), TransactionError> {
        let offsets: Vec<Offset> = self.streams.iter().flat_map(|s| s.offsets()).collect();
        if offsets.is_empty() {
            return Ok(());
        }
        let gone =
            || TransactionError { stage: At::Begin, source: KafkaError::Canceled, refused: None };
        let is_stopping = self.stop.load(Ordering::Acquire);
        let passed: Vec<&[Passed]> = self.streams.iter().map(|s| s.outbox()).collect();
        let transaction = Transaction {
            messages: &[],
            checkpoints: &[],
            topics: Topics { alerts: "", dead_letters: "", checkpoints: "", control: "" },
            passed: &passed,
            offsets: &offsets,
            now_ms: 0,
            deadline: if is_stopping { LAST_MAX } else { fence_max(&self.kafka) },
        };
        let member = if failpoint::is_on("no_generation") {
            Consumer::outsider(&self.kafka)
        } else {
            self.consumer.group_metadata()
        };
        let member = member.ok_or_else(gone)?;
        let producer = self.producer.as_mut().ok_or_else(gone)?;
        producer.transact(&transaction, member)?;
        self.committed(&offsets);
        Ok(())
    }

    fn committed(&mut self, offsets: &[Offset]) {
        for stream in &mut self.streams {
            let (counts, n_held) = stream.committed(offsets);
            self.observer.routed(stream.output(), counts, n_held);
        }
    }

    /// Finds out whether a commit whose answer was lost took place.
    fn settle(&mut self, error: &TransactionError) -> Result<(), RuntimeError> {
        let offsets: Vec<Offset> = self.streams.iter().flat_map(|s| s.offsets()).collect();
        if error.stage != At::Commit || offsets.is_empty() {
            return Ok(());
        }
        let places: Vec<TopicPartition> = offsets.iter().map(|(at, ..)| at.clone()).collect();
        let patience = Patience::new(fence_max(&self.kafka), self.stop);
        let what = "cannot read offsets";
        let found = self.consumer.committed(&places, patience);
        let found = found.map_err(|source| RuntimeError::Kafka { what, source })?;
        let is_ours = |((_, offset, text), now): (&Offset, &Option<(i64, String)>)| {
            now.as_ref().is_some_and(|now| (now.0, &now.1) == (*offset, text))
        };
        if offsets.iter().zip(&found).all(is_ours) {
            tracing::info!("the batch had been committed");
            self.committed(&offsets);
        }
        Ok(())
    }

    pub(super) fn replace_producer(&mut self) -> Result<(), RuntimeError> {
        self.observer.producer_restarted();
        if let Some(old) = self.producer.take() {
            old.retire();
        }
        let patience = Patience::new(fence_max(&self.kafka), self.stop);
        self.producer = Some(Producer::connect(&self.kafka, 0, patience, false)?);
        Ok(())
    }

    /// Polls until the rebalance has run that took streams away; what it takes is not sent again.
    fn await_rebalance(&mut self) -> Result<(), RuntimeError> {
        let until = Instant::now() + REBALANCE_MAX;
        let places =
            |stage: &Self| stage.streams.iter().flat_map(|s| s.places()).collect::<Vec<_>>();
        let cannot = |source| RuntimeError::Kafka { what: "cannot pause", source };
        // No record may come in between: it would be lost to this attempt.
        self.consumer.pause(&places(self)).map_err(cannot)?;
        while Instant::now() < until {
            if let Some(Err(error)) = self.consumer.poll(Duration::from_millis(20)) {
                self.consumer.log().report(&error, "poll");
            }
            if let Some(change) = self.consumer.next_rebalance() {
                use crate::kafka::Rebalanced::{Assigned, Revoked};
                let lost = match change {
                    // Its transaction is this very one: it would fail again.
                    Revoked { partitions, .. } => Revoked { partitions, is_lost: true },
                    Assigned(partitions) => Assigned(partitions),
                };
                self.rebalance(lost)?;
                break;
            }
        }
        self.consumer.resume(&places(self)).map_err(cannot)
    }
}

/// Says what a person has to change, where the cause is known.
fn given_up(error: TransactionError) -> RuntimeError {
    if let Some(refused) = error.refused.as_deref().filter(|refused| refused.is_too_large()) {
        return RuntimeError::Refused(format!(
            "output topic {} refuses a record of {} bytes: raise its max.message.bytes to that of \
             the input topics, and start again; nothing is lost",
            refused.topic, refused.n_bytes
        ));
    }
    RuntimeError::Kafka { what: "a transaction failed for good", source: error.source }
}
