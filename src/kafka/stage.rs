//! The loop's order of steps, and what a stage has to say.

mod clients;
mod commit;
mod rebalance;
mod retry;

use crate::{
    kafka::{Closing, Refused, Standing},
    model::TopicPartition,
};
pub use clients::{Clients, Failure, fence_max};
pub use commit::{Offset, StageBatch};
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// How long closing all clients may take: with the last commit less than two seconds.
const CLOSE_MAX: Duration = Duration::from_millis(1_100);

/// How often the lag is observed.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// What differs between the loops: what a batch does to a record, and what goes out.
pub trait Stage {
    type Error: From<Failure>;

    /// How long an idle poll waits: bounds the time to notice a stop.
    const IDLE: Duration;

    /// Takes in a record.
    ///
    /// # Errors
    /// When no record may be read behind it.
    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<(), Self::Error>;

    /// Notes that the end of a partition was reached.
    ///
    /// # Errors
    /// As [`Stage::take`].
    fn at_end(&mut self, _partition: i32) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Follows each poll.
    fn polled(&mut self) {}

    /// Returns how long the batch may still wait, if there is anything in it.
    fn patience(&self) -> Option<Duration>;

    /// Returns whether to commit although nothing waits by [`Stage::patience`].
    fn has_turns(&mut self) -> bool;

    /// Completes what is to be sent. Called before each attempt.
    fn prepare(&mut self, _now_ms: i64, _is_stopping: bool) {}

    /// Returns what is to be sent.
    fn batch(&self) -> StageBatch<'_>;

    /// Returns the offsets that go with it.
    fn offsets(&self) -> Vec<Offset>;

    /// Notes that these offsets are committed and the batch with them, in so many seconds.
    fn committed(&mut self, offsets: &[Offset], now_ms: i64, seconds: f64);

    /// Comes before the commit at a batch's end.
    ///
    /// # Errors
    /// When the stage cannot go on.
    fn before_commit(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Comes after the commit at a batch's end.
    ///
    /// # Errors
    /// When the stage cannot go on.
    fn after_commit(&mut self, _clients: &mut Clients<'_>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Takes over partitions of the group; returns where all that it needs begin.
    ///
    /// # Errors
    /// When they cannot be taken over.
    fn open(
        &mut self,
        clients: &mut Clients<'_>,
        places: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, Self::Error>;

    /// Follows the assignment of what was opened.
    ///
    /// # Errors
    /// When the client refuses.
    fn assigned(
        &mut self,
        _clients: &mut Clients<'_>,
        _places: &[TopicPartition],
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    /// What was assigned is taken over and its start is committed.
    fn settled(&mut self) {}

    /// Drops partitions of the group; returns those that were read for them.
    fn release(&mut self, places: &[TopicPartition], is_lost: bool) -> Vec<TopicPartition>;

    /// Returns the partitions of the group that must be opened anew.
    fn grown(&self, _clients: &Clients<'_>) -> Vec<TopicPartition> {
        Vec::new()
    }

    /// Returns where each partition stands that is read.
    fn standings(&self) -> Vec<Standing>;

    /// Returns the output topics.
    fn outputs(&self) -> Vec<&str>;

    /// Says what to change when an output topic refuses even a single message.
    fn too_large(&self, refused: &Refused) -> String;

    /// Follows each turn of the loop.
    ///
    /// # Errors
    /// When the stage cannot go on.
    fn tick(&mut self, _clients: &mut Clients<'_>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Follows each look at the lag.
    ///
    /// # Errors
    /// When the stage cannot go on.
    fn report(&mut self, clients: &mut Clients<'_>) -> Result<(), Self::Error>;

    /// Follows the last commit of a loop that was told to stop.
    fn stopped(&mut self) {}

    /// Prepares for the clients' closing, after a failure too.
    fn leave(&mut self, _clients: &mut Clients<'_>) {}

    /// Closes what the stage has opened itself.
    fn close(&mut self) -> Option<Closing> {
        None
    }

    /// Returns the stage's clock.
    fn now_ms(&self) -> i64;
}

/// A stage with its clients.
pub struct Loop<'a, S> {
    pub(super) clients: Clients<'a>,
    pub(super) stage: S,
    reported: Instant,
}

impl<'a, S: Stage> Loop<'a, S> {
    /// Makes a loop that has not begun.
    pub fn new(clients: Clients<'a>, stage: S) -> Self {
        Self { clients, stage, reported: Instant::now() }
    }

    /// Works until told to stop, then leaves in good order.
    ///
    /// # Errors
    /// When only a new process can go on.
    pub fn run(mut self) -> Result<(), S::Error> {
        let done = self.work();
        self.stage.leave(&mut self.clients);
        // A failed loop closes as well: its partitions move at once.
        let until = Instant::now() + CLOSE_MAX;
        let Clients { consumer, producer, slot, .. } = self.clients;
        let leaving = consumer.close();
        let closing = producer.map(|producer| producer.close(CLOSE_MAX / 2));
        let others = self.stage.close();
        let mut all = closing.into_iter().chain(others);
        let is_closed = all.all(|closing| closing.by(until).is_some());
        let is_left = leaving.by(until).is_some();
        tracing::debug!(slot, is_left, is_closed, "clients closed");
        if !is_left {
            tracing::warn!(slot, "no answer to leaving: the session runs out");
        }
        done
    }

    fn work(&mut self) -> Result<(), S::Error> {
        while !self.is_stopping() {
            let patience = self.stage.patience();
            if patience.is_some_and(|p| p.is_zero()) {
                self.end_batch()?;
            } else {
                self.poll(patience.unwrap_or(S::IDLE).min(S::IDLE))?;
                while let Some(change) = self.clients.consumer.next_rebalance() {
                    self.rebalance(change)?;
                }
                if patience.is_none() && self.stage.has_turns() {
                    self.end_batch()?;
                }
            }
            self.stage.tick(&mut self.clients)?;
            self.report()?;
        }
        self.end_batch()?;
        self.stage.stopped();
        Ok(())
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.clients.stop().load(Ordering::Acquire)
    }

    /// Takes in at most one record.
    pub(super) fn poll(&mut self, patience: Duration) -> Result<(), S::Error> {
        let done = match self.clients.consumer.poll(patience) {
            Some(Ok(message)) => self.stage.take(&message),
            Some(Err(KafkaError::PartitionEOF(partition))) => self.stage.at_end(partition),
            Some(Err(error)) => tolerate(&mut self.clients, error).map_err(S::Error::from),
            None => Ok(()),
        };
        self.stage.polled();
        done
    }

    pub(super) fn end_batch(&mut self) -> Result<(), S::Error> {
        self.stage.before_commit()?;
        self.flush()?;
        self.stage.after_commit(&mut self.clients)
    }

    fn report(&mut self) -> Result<(), S::Error> {
        if self.reported.elapsed() < REPORT_EVERY {
            return Ok(());
        }
        self.reported = Instant::now();
        let clients = &mut self.clients;
        let mut n_errors = clients.consumer.log().take_errors();
        n_errors += clients.producer.as_ref().map_or(0, |p| p.log().take_errors());
        (0..n_errors).for_each(|_| clients.observer.client_error());
        clients.reading.look(&clients.consumer, &self.stage.standings());
        self.stage.report(clients)?;
        self.reopen()
    }
}

/// Lets the client recover by itself where it can.
fn tolerate(clients: &mut Clients<'_>, source: KafkaError) -> Result<(), Failure> {
    let what = match source.rdkafka_error_code() {
        _ if matches!(source, KafkaError::MessageConsumptionFatal(_)) => {
            "the consumer failed for good"
        }
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
            "the log lost the records to be read"
        }
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::UnknownTopicOrPartition,
        ) => "the input cannot be read",
        _ => {
            // While a broker is down these stream; the client goes on trying by itself.
            if !clients.reading.note(&source, &clients.consumer) {
                clients.consumer.log().report(&source, "poll");
            }
            return Ok(());
        }
    };
    Err(Failure::Kafka { what, source })
}
