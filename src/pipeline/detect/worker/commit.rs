//! One transaction for each batch: messages and offsets, all or nothing, however often it fails.

use super::{LAST_MAX, Worker, fence_max};
use crate::{
    kafka::{
        Consumer, Patience,
        producer::{Producer, Refused, Remedy, Stage, Topics, Transaction, TransactionError},
    },
    model::TopicPartition,
    ops::{clock, failpoint},
    pipeline::RuntimeError,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// How long a batch may fail before the process gives up.
const FLUSH_MAX: Duration = Duration::from_secs(180);

/// How long to abort what the group refused, before a new producer fences it.
const ABORT_MAX: Duration = Duration::from_millis(200);

/// How long to ask whether the output topics are still there.
const MISSING_MAX: Duration = Duration::from_secs(2);

impl Worker<'_> {
    /// Commits the batch, however many producers that takes.
    pub(super) fn flush(&mut self) -> Result<(), RuntimeError> {
        let until = Instant::now() + FLUSH_MAX;
        let mut n_missing = 0;
        loop {
            let Err(error) = self.transact() else { return Ok(()) };
            let remedy = error.remedy();
            tracing::warn!(error = %error.source, stage = ?error.stage, ?remedy, "batch failed");
            if remedy == Remedy::Exit || (remedy == Remedy::Singly && self.is_single) {
                return Err(self.given_up(error));
            }
            if self.ctx.stop.load(Ordering::Acquire) {
                // Nothing is lost: the next start reads these records again.
                return Ok(());
            }
            if Instant::now() >= until {
                let seconds = FLUSH_MAX.as_secs();
                return Err(RuntimeError::Deadline { what: "committing a batch", seconds });
            }
            if remedy == Remedy::Singly {
                // The broker's limit is for what is sent together: a message may fit alone.
                tracing::warn!("an output topic refuses a batch as too large: sending singly");
                self.is_single = true;
            }
            if let Some(topic) = self.missing_output() {
                // Twice: a broker that has just started may not know all topics yet.
                if n_missing > 0 {
                    return Err(gone(topic));
                }
                n_missing += 1;
            }
            self.replace_producer(remedy)?;
            self.settle(&error)?;
            if remedy == Remedy::Rebalance {
                self.await_rebalance()?;
            }
        }
    }

    /// Tries one transaction with what is buffered; without anything to write it does nothing.
    pub(super) fn transact(&mut self) -> Result<(), TransactionError> {
        // From here on nothing is any record's fault.
        self.fold.partitions.iter_mut().for_each(|p| p.watch.between());
        let (began, now_ms) = (Instant::now(), clock::now_ms());
        let is_stopping = self.ctx.stop.load(Ordering::Acquire);
        self.fold.draw_checkpoints(now_ms, is_stopping);
        let offsets = self.fold.offsets();
        if offsets.is_empty() && self.fold.outbox.messages.is_empty() {
            return Ok(());
        }
        let gone = |stage| TransactionError { stage, source: KafkaError::Canceled, refused: None };
        let producer = self.producer.as_mut().ok_or_else(|| gone(Stage::Begin))?;
        let member = if failpoint::is_on("no_generation") {
            Consumer::outsider(&self.ctx.params.kafka)
        } else {
            self.consumer.group_metadata()
        };
        let member = member.ok_or_else(|| gone(Stage::Begin))?;
        if failpoint::is_on("hash_order") {
            self.fold.outbox.scramble();
        }
        let outputs = &self.ctx.params.outputs;
        let transaction = Transaction {
            messages: &self.fold.outbox.messages,
            checkpoints: &self.fold.outbox.checkpoints,
            passed: &[],
            topics: Topics {
                alerts: &outputs.alerts,
                dead_letters: &outputs.dead_letters,
                checkpoints: &outputs.checkpoints,
                control: &outputs.control,
            },
            offsets: &offsets,
            now_ms,
            deadline: if is_stopping { LAST_MAX } else { fence_max(self.ctx.params) },
        };
        producer.transact(&transaction, member)?;
        self.fold.committed(&offsets, now_ms, began.elapsed().as_secs_f64());
        Ok(())
    }

    /// Finds out whether a commit whose answer was lost took place.
    pub(super) fn settle(&mut self, error: &TransactionError) -> Result<(), RuntimeError> {
        let offsets = self.fold.offsets();
        if error.stage != Stage::Commit || offsets.is_empty() {
            return Ok(());
        }
        let places: Vec<TopicPartition> = offsets.iter().map(|(at, ..)| at.clone()).collect();
        let found = self
            .consumer
            .committed(&places, Patience::new(fence_max(self.ctx.params), self.ctx.stop))
            .map_err(|source| RuntimeError::Kafka { what: "cannot read offsets", source })?;
        // With its metadata: a checkpoint or a control entry may leave the offset where it was.
        let is_ours = |((_, offset, text), now): (&(_, i64, String), &Option<(i64, String)>)| {
            now.as_ref().is_some_and(|now| (now.0, &now.1) == (*offset, text))
        };
        if offsets.iter().zip(&found).all(is_ours) {
            tracing::info!("the batch had been committed");
            self.fold.committed(&offsets, clock::now_ms(), 0.0);
        }
        // Otherwise nothing of it was: a transaction is all or nothing.
        Ok(())
    }

    pub(super) fn replace_producer(&mut self, remedy: Remedy) -> Result<(), RuntimeError> {
        self.ctx.observer.producer_restarted();
        if let Some(old) = self.producer.take() {
            match remedy {
                // The group refused, the brokers are well: librdkafka's second attempt to fence
                // an open transaction comes half a second after the first.
                Remedy::Rebalance => old.close(ABORT_MAX),
                _ => old.retire(),
            };
        }
        let patience = Patience::new(fence_max(self.ctx.params), self.ctx.stop);
        let kafka = &self.ctx.params.kafka;
        self.producer = Some(Producer::connect(kafka, self.ctx.slot, patience, self.is_single)?);
        Ok(())
    }

    /// Returns the output topic that is gone, if one is.
    fn missing_output(&self) -> Option<&str> {
        let producer = self.producer.as_ref()?;
        for topic in self.ctx.params.outputs.topics() {
            match producer.is_missing(topic, MISSING_MAX) {
                Ok(true) => return Some(topic),
                Ok(false) => {}
                // Whoever does not answer this will not answer the next question either.
                Err(_) => return None,
            }
        }
        None
    }

    /// Says what a person has to change, where the cause is known.
    fn given_up(&self, error: TransactionError) -> RuntimeError {
        let code = error.code();
        if let Some(Refused { topic, n_bytes, .. }) =
            error.refused.as_deref().filter(|refused| refused.is_too_large())
        {
            return RuntimeError::Refused(format!(
                "output topic {topic} refuses a message of {n_bytes} bytes: raise its \
                 max.message.bytes (1 MiB holds everything that is sent), and start again; nothing \
                 is lost"
            ));
        }
        if code == Some(RDKafkaErrorCode::OffsetMetadataTooLarge) {
            return RuntimeError::Refused(
                "the broker refuses the metadata of a committed offset: raise \
                 offset.metadata.max.bytes to its default, 4096, and start again; nothing is lost"
                    .to_owned(),
            );
        }
        let what = "a transaction failed for good";
        RuntimeError::Kafka { what, source: error.source }
    }
}

/// Says that an output topic is gone: waiting would not bring it back.
fn gone(topic: &str) -> RuntimeError {
    RuntimeError::Refused(format!(
        "output topic {topic} does not exist any more: create it, or set outputs.create_topics: \
         true, and start again; what was not committed is answered again then"
    ))
}
