//! One transaction for each batch: messages and offsets, all or nothing, however often it fails.

use super::{
    Failure, Loop, Stage,
    retry::{Now, Retry, RetryStep},
};
use crate::{
    kafka::{
        Consumer,
        producer::{
            Answers, Passed, Producer, Remedy, Transaction, TransactionError,
            TransactionStage as At,
        },
    },
    model::TopicPartition,
    ops::failpoint,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::{Duration, Instant};

/// How long a batch may fail before the process gives up.
const FLUSH_MAX: Duration = Duration::from_secs(180);

/// How long the last commit may take.
const LAST_MAX: Duration = Duration::from_millis(600);

/// How long to abort what the group refused, before a new producer fences it.
const ABORT_MAX: Duration = Duration::from_millis(200);

/// How long to ask whether the output topics are still there.
const MISSING_MAX: Duration = Duration::from_secs(2);

/// The next offset to read of a partition, with the metadata that is committed along with it.
pub type Offset = (TopicPartition, i64, String);

/// What a stage has ready to be sent.
#[derive(Default)]
pub struct StageBatch<'s> {
    /// Go out even when no offset moves.
    pub answers: Option<Answers<'s>>,
    /// Go out only with the offsets they result from.
    pub passed: Vec<&'s [Passed]>,
}

impl<S: Stage> Loop<'_, S> {
    /// Commits the batch, however many producers that takes.
    pub(super) fn flush(&mut self) -> Result<(), S::Error> {
        let until = Instant::now() + FLUSH_MAX;
        let mut retry = Retry::default();
        loop {
            let Err(error) = self.transact() else { return Ok(()) };
            let remedy = error.remedy();
            tracing::warn!(error = %error.source, stage = ?error.stage, ?remedy, "batch failed");
            let now = Now {
                is_single: self.clients.is_single,
                is_stopping: self.is_stopping(),
                is_late: Instant::now() >= until,
            };
            let step = Retry::failed(remedy, now);
            match step {
                RetryStep::GiveUp => return Err(self.given_up(error).into()),
                RetryStep::Leave => return Ok(()),
                RetryStep::Late => {
                    let (what, seconds) = ("committing a batch", FLUSH_MAX.as_secs());
                    return Err(Failure::Deadline { what, seconds }.into());
                }
                RetryStep::Singly => {
                    // The broker's limit is for what is sent together: one may fit alone.
                    tracing::warn!("an output topic refuses a batch as too large: sending singly");
                    self.clients.is_single = true;
                }
                RetryStep::Again | RetryStep::AfterRebalance => {}
            }
            if let Some(topic) = self.missing_output()
                && retry.is_gone()
            {
                return Err(gone(&topic).into());
            }
            self.replace_producer(remedy)?;
            self.settle(&error)?;
            if step == RetryStep::AfterRebalance {
                self.await_rebalance()?;
            }
        }
    }

    /// Tries one transaction with what is ready; without anything to write it does nothing.
    pub(super) fn transact(&mut self) -> Result<(), TransactionError> {
        let (began, now_ms, is_stopping) =
            (Instant::now(), self.stage.now_ms(), self.is_stopping());
        self.stage.prepare(now_ms, is_stopping);
        let (offsets, batch) = (self.stage.offsets(), self.stage.batch());
        if offsets.is_empty() && batch.answers.is_none_or(|a| a.messages.is_empty()) {
            return Ok(());
        }
        let gone =
            || TransactionError { stage: At::Begin, source: KafkaError::Canceled, refused: None };
        let member = if failpoint::is_on("no_generation") {
            Consumer::outsider(&self.clients.params)
        } else {
            self.clients.consumer.group_metadata()
        };
        let member = member.ok_or_else(gone)?;
        let transaction = Transaction {
            answers: batch.answers,
            passed: &batch.passed,
            offsets: &offsets,
            now_ms,
            deadline: if is_stopping { LAST_MAX } else { super::fence_max(&self.clients.params) },
        };
        let producer = self.clients.producer.as_mut().ok_or_else(gone)?;
        producer.transact(&transaction, member)?;
        self.stage.committed(&offsets, now_ms, began.elapsed().as_secs_f64());
        Ok(())
    }

    /// Finds out whether a commit whose answer was lost took place.
    pub(super) fn settle(&mut self, error: &TransactionError) -> Result<(), Failure> {
        let offsets = self.stage.offsets();
        if error.stage != At::Commit || offsets.is_empty() {
            return Ok(());
        }
        let places: Vec<TopicPartition> = offsets.iter().map(|(at, ..)| at.clone()).collect();
        let what = "cannot read offsets";
        let found = self.clients.consumer.committed(&places, self.clients.patience());
        let found = found.map_err(|source| Failure::Kafka { what, source })?;
        if is_ours(&offsets, &found) {
            tracing::info!("the batch had been committed");
            let now_ms = self.stage.now_ms();
            self.stage.committed(&offsets, now_ms, 0.0);
        }
        // Otherwise nothing of it was: a transaction is all or nothing.
        Ok(())
    }

    pub(super) fn replace_producer(&mut self, remedy: Remedy) -> Result<(), Failure> {
        let clients = &mut self.clients;
        clients.observer.producer_restarted();
        if let Some(old) = clients.producer.take() {
            match remedy {
                // The group refused, the brokers are well: librdkafka's second attempt to fence
                // an open transaction comes half a second after the first.
                Remedy::Rebalance => old.close(ABORT_MAX),
                _ => old.retire(),
            };
        }
        let (patience, is_single) = (clients.patience(), clients.is_single);
        let made = Producer::connect(&clients.params, clients.slot, patience, is_single)?;
        clients.producer = Some(made);
        Ok(())
    }

    /// Returns the output topic that is gone, if one is.
    fn missing_output(&self) -> Option<String> {
        let producer = self.clients.producer.as_ref()?;
        for topic in self.stage.outputs() {
            match producer.is_missing(topic, MISSING_MAX) {
                Ok(true) => return Some(topic.to_owned()),
                Ok(false) => {}
                // Whoever does not answer this will not answer the next question either.
                Err(_) => return None,
            }
        }
        None
    }

    /// Says what a person has to change, where the cause is known.
    fn given_up(&self, error: TransactionError) -> Failure {
        if let Some(refused) = error.refused.as_deref().filter(|refused| refused.is_too_large()) {
            return Failure::Refused(self.stage.too_large(refused));
        }
        if error.code() == Some(RDKafkaErrorCode::OffsetMetadataTooLarge) {
            return Failure::Refused(
                "the broker refuses the metadata of a committed offset: raise \
                 offset.metadata.max.bytes to its default, 4096, and start again; nothing is lost"
                    .to_owned(),
            );
        }
        Failure::Kafka { what: "a transaction failed for good", source: error.source }
    }
}

/// Returns whether what is committed is what we meant to commit, with its metadata: a message that
/// goes out alone may leave the offset where it was.
fn is_ours(offsets: &[Offset], found: &[Option<(i64, String)>]) -> bool {
    offsets.iter().zip(found).all(|((_, offset, text), now)| {
        now.as_ref().is_some_and(|now| (now.0, &now.1) == (*offset, text))
    })
}

/// Says that an output topic is gone: waiting would not bring it back.
fn gone(topic: &str) -> Failure {
    Failure::Refused(format!(
        "output topic {topic} does not exist any more: create it, or set outputs.create_topics: \
         true, and start again; what was not committed is answered again then"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_answer_counts_only_with_offset_and_metadata() {
        let at = TopicPartition { topic: "in".to_owned(), partition: 0 };
        let meant = [(at, 7, "a".to_owned())];
        assert!(is_ours(&meant, &[Some((7, "a".to_owned()))]));
        assert!(!is_ours(&meant, &[Some((7, "b".to_owned()))]));
        assert!(!is_ours(&meant, &[Some((6, "a".to_owned()))]));
        assert!(!is_ours(&meant, &[None]));
    }
}
