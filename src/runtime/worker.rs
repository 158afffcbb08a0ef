//! One worker thread: poll, fold, and at the end of each batch one transaction.

use super::{
    InputSetup, Observer, Params, Phase, RuntimeError, checkpoints::Checkpoints, clock, fold::Fold,
    open::open, snapshot::Store,
};
use crate::{
    audit::Signer,
    ops::{failpoint, kafka::Patience},
    sink::kafka::{Producer, Remedy, Stage, Topics, Transaction, TransactionError},
    source::kafka::{Consumer, Rebalanced, TopicPartition, record_of},
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// How long an idle poll waits: bounds the time to notice a stop.
const IDLE: Duration = Duration::from_millis(100);

/// How long the last commit and closing each client may take: with [`IDLE`] less than the two
/// seconds of a stop.
const CLOSE_MAX: Duration = Duration::from_millis(550);

/// How long a batch may fail before the process gives up.
const FLUSH_MAX: Duration = Duration::from_secs(180);

/// How long to wait for the rebalance that took our partitions away.
const REBALANCE_MAX: Duration = Duration::from_secs(60);

/// How often a rebuild's progress is logged, and the lag observed.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// What a worker is made from.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub slot: usize,
    pub params: &'a Params,
    pub inputs: &'a [InputSetup],
    /// Of each input: hash of what can change an answer apart from the log.
    pub setup_hashes: &'a [String],
    /// Who signs checkpoints.
    pub signer: Option<&'a Signer>,
    pub observer: &'a dyn Observer,
    /// Absent when snapshots are turned off.
    pub store: Option<&'a Store>,
    pub stop: &'a AtomicBool,
}

/// A worker with its clients.
pub struct Worker<'a> {
    ctx: Context<'a>,
    consumer: Consumer,
    /// Absent only while one is being replaced.
    producer: Option<Producer>,
    fold: Fold<'a>,
    reported: Instant,
}

impl<'a> Worker<'a> {
    /// Fences this slot's past and joins the group.
    ///
    /// # Errors
    /// When a client cannot be made.
    pub fn connect(ctx: Context<'a>) -> Result<Self, RuntimeError> {
        let params = ctx.params;
        let patience = Patience::new(fence_max(params), ctx.stop);
        let producer = Producer::connect(&params.kafka, ctx.slot, patience)?;
        let topics: Vec<&str> = ctx.inputs.iter().map(|i| i.topic.as_str()).collect();
        let consumer = Consumer::subscribe(&params.kafka, ctx.slot, &topics)?;
        let checkpoints =
            Checkpoints { params: &params.audit, signer: ctx.signer, group: &params.kafka.group };
        let fold = Fold::new(ctx.inputs, &params.batch, params.on_flood, ctx.observer, checkpoints);
        Ok(Self { ctx, consumer, producer: Some(producer), fold, reported: Instant::now() })
    }

    /// Works until told to stop, then leaves in good order.
    ///
    /// # Errors
    /// When only a new process can go on.
    pub fn run(mut self) -> Result<(), RuntimeError> {
        let done = self.work();
        let owned: Vec<_> = self.fold.partitions.iter().map(|p| p.at.clone()).collect();
        self.fold.leave(&owned);
        // A failed worker closes as well: its partitions move at once.
        let is_left = self.consumer.close(CLOSE_MAX);
        let is_closed = self.producer.is_none_or(|producer| producer.retire(CLOSE_MAX));
        tracing::debug!(slot = self.ctx.slot, is_left, is_closed, "worker closed");
        done
    }

    fn work(&mut self) -> Result<(), RuntimeError> {
        while !self.ctx.stop.load(Ordering::Acquire) {
            let patience = self.fold.patience();
            if patience.is_some_and(|p| p.is_zero()) {
                self.end_batch()?;
            } else {
                self.poll(patience.unwrap_or(IDLE).min(IDLE))?;
                while let Some(change) = self.consumer.next_rebalance() {
                    self.rebalance(change)?;
                }
            }
            self.report();
        }
        self.end_batch()
    }

    /// Takes in at most one record.
    fn poll(&mut self, patience: Duration) -> Result<(), RuntimeError> {
        match self.consumer.poll(patience) {
            Some(Ok(message)) => {
                let mut headers = Vec::new();
                self.fold.take(record_of(&message, &mut headers)).map_err(RuntimeError::Refused)
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.fold.at_end(partition).map_err(RuntimeError::Refused)
            }
            Some(Err(error)) => self.tolerate(error),
            None => Ok(()),
        }
    }

    fn tolerate(&self, source: KafkaError) -> Result<(), RuntimeError> {
        let is_fatal = matches!(source, KafkaError::MessageConsumptionFatal(_));
        let code = source.rdkafka_error_code();
        if is_fatal {
            return Err(RuntimeError::Kafka { what: "the consumer failed for good", source });
        }
        match code {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                Err(RuntimeError::Kafka { what: "the log lost the records to be read", source })
            }
            Some(
                RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::UnknownTopicOrPartition,
            ) => Err(RuntimeError::Kafka { what: "the input cannot be read", source }),
            _ => {
                // While a broker is down these stream; the client goes on trying by itself.
                self.consumer.log().report(&source, "poll");
                Ok(())
            }
        }
    }

    fn rebalance(&mut self, change: Rebalanced) -> Result<(), RuntimeError> {
        match change {
            Rebalanced::Assigned(partitions) => {
                self.take_over(&partitions)?;
                // A first start is recorded at once: `latest` must mean the same after a crash.
                self.end_batch()
            }
            Rebalanced::Revoked { partitions, is_lost } => {
                tracing::info!(slot = self.ctx.slot, ?partitions, is_lost, "partitions revoked");
                // A failure loses nothing: the next owner starts at what was committed.
                if !is_lost && let Err(error) = self.transact() {
                    tracing::warn!(%error, "last batch before a revocation not committed");
                    self.replace_producer()?;
                    self.settle(&error)?;
                }
                if !is_lost {
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
        let offsets = self.open_all(places).inspect_err(|_| {
            // The group waits for an answer, and cannot be left without one.
            let anywhere: Vec<_> = places.iter().map(|at| (at.clone(), 0)).collect();
            if let Err(error) = self.consumer.assign(&anywhere) {
                self.consumer.log().report(&error, "assign before leaving");
            }
        })?;
        self.consumer.assign(&offsets).map_err(cannot)?;
        // The client remembers across a revocation that a partition was paused: one that was
        // revoked while a refused batch waited for the rebalance would never be read again.
        self.consumer.resume(places).map_err(cannot)
    }

    fn open_all(
        &mut self,
        places: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, RuntimeError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let patience = Patience::new(fence_max(self.ctx.params), self.ctx.stop);
        let committed = self
            .consumer
            .committed(places, patience)
            .map_err(|source| RuntimeError::Kafka { what: "cannot read offsets", source })?;
        let mut offsets = Vec::with_capacity(places.len());
        for (at, committed) in places.iter().zip(committed) {
            let partition = open(&self.ctx, &self.consumer, at, committed)?;
            offsets.push((at.clone(), partition.next));
            tracing::info!(
                topic = at.topic,
                partition = at.partition,
                from = partition.next,
                live_at = partition.live_at,
                slot = self.ctx.slot,
                "partition assigned"
            );
            self.ctx.observer.phase(&at.topic, at.partition, partition.phase());
            self.fold.partitions.push(partition);
        }
        Ok(offsets)
    }

    fn end_batch(&mut self) -> Result<(), RuntimeError> {
        self.flush()?;
        let flooded = self.fold.end_batch();
        if !flooded.is_empty() {
            tracing::error!(
                partitions = ?flooded,
                "partition paused: too many records do not have the configured format; \
                 correct the format of the input, then restart (or set on_flood: continue)"
            );
            self.consumer
                .pause(&flooded)
                .map_err(|source| RuntimeError::Kafka { what: "cannot pause", source })?;
        }
        Ok(())
    }

    /// Commits the batch, however many producers that takes.
    fn flush(&mut self) -> Result<(), RuntimeError> {
        let until = Instant::now() + FLUSH_MAX;
        loop {
            let Err(error) = self.transact() else { return Ok(()) };
            let remedy = error.remedy();
            tracing::warn!(error = %error.source, stage = ?error.stage, ?remedy, "batch failed");
            if remedy == Remedy::Exit {
                let what = "a transaction failed for good";
                return Err(RuntimeError::Kafka { what, source: error.source });
            }
            if self.ctx.stop.load(Ordering::Acquire) {
                // Nothing is lost: the next start reads these records again.
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

    /// Tries one transaction with what is buffered; without anything to write it does nothing.
    fn transact(&mut self) -> Result<(), TransactionError> {
        // From here on nothing is any record's fault.
        self.fold.partitions.iter_mut().for_each(|p| p.watch.between());
        let (began, now_ms) = (Instant::now(), clock::now_ms());
        let is_stopping = self.ctx.stop.load(Ordering::Acquire);
        self.fold.draw_checkpoints(now_ms, is_stopping);
        let offsets = self.fold.offsets();
        if offsets.is_empty() && self.fold.outbox.messages.is_empty() {
            return Ok(());
        }
        let gone = |stage| TransactionError { stage, source: KafkaError::Canceled };
        let producer = self.producer.as_ref().ok_or_else(|| gone(Stage::Begin))?;
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
            topics: Topics {
                alerts: &outputs.alerts,
                dead_letters: &outputs.dead_letters,
                checkpoints: &outputs.checkpoints,
                control: &outputs.control,
            },
            offsets: &offsets,
            now_ms,
            deadline: if is_stopping { CLOSE_MAX } else { fence_max(self.ctx.params) },
        };
        producer.transact(&transaction, &member)?;
        self.fold.committed(&offsets, now_ms, began.elapsed().as_secs_f64());
        Ok(())
    }

    /// Finds out whether a commit whose answer was lost took place.
    fn settle(&mut self, error: &TransactionError) -> Result<(), RuntimeError> {
        let offsets = self.fold.offsets();
        if error.stage != Stage::Commit || offsets.is_empty() {
            return Ok(());
        }
        let places: Vec<TopicPartition> = offsets.iter().map(|(at, ..)| at.clone()).collect();
        let found = self
            .consumer
            .committed(&places, Patience::new(fence_max(self.ctx.params), self.ctx.stop))
            .map_err(|source| RuntimeError::Kafka { what: "cannot read offsets", source })?;
        let mut is_done = offsets.iter().zip(&found);
        if is_done.all(|((_, ours, _), now)| now.as_ref().map(|(o, _)| o) == Some(ours)) {
            tracing::info!("the batch had been committed");
            self.fold.committed(&offsets, clock::now_ms(), 0.0);
        }
        // Otherwise nothing of it was: a transaction is all or nothing.
        Ok(())
    }

    fn replace_producer(&mut self) -> Result<(), RuntimeError> {
        self.ctx.observer.producer_restarted();
        if let Some(old) = self.producer.take() {
            old.retire(CLOSE_MAX);
        }
        let patience = Patience::new(fence_max(self.ctx.params), self.ctx.stop);
        self.producer = Some(Producer::connect(&self.ctx.params.kafka, self.ctx.slot, patience)?);
        Ok(())
    }

    /// Polls without reading until the group has told us what is ours.
    fn await_rebalance(&mut self) -> Result<(), RuntimeError> {
        let owned: Vec<_> = self.fold.partitions.iter().map(|p| p.at.clone()).collect();
        let cannot = |source| RuntimeError::Kafka { what: "cannot pause", source };
        self.consumer.pause(&owned).map_err(cannot)?;
        let patience = Patience::new(REBALANCE_MAX, self.ctx.stop);
        while !patience.is_over() {
            self.poll(IDLE)?;
            match self.consumer.next_rebalance() {
                None => {}
                // What is revoked here was already refused: there is nothing left to commit.
                Some(Rebalanced::Revoked { partitions, .. }) => {
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
        self.resume_unpaused().map_err(cannot)
    }

    fn resume_unpaused(&self) -> Result<(), KafkaError> {
        let running = self.fold.partitions.iter().filter(|p| !p.is_paused);
        self.consumer.resume(&running.map(|p| p.at.clone()).collect::<Vec<_>>())
    }

    fn report(&mut self) {
        if self.reported.elapsed() < REPORT_EVERY {
            return;
        }
        self.reported = Instant::now();
        let mut n_errors = self.consumer.log().take_errors();
        n_errors += self.producer.as_ref().map_or(0, |p| p.log().take_errors());
        for _ in 0..n_errors {
            self.ctx.observer.client_error();
        }
        for p in &self.fold.partitions {
            let (topic, partition) = (&p.at.topic, p.at.partition);
            if let Some(end) = self.consumer.end_of(&p.at) {
                self.ctx.observer.consumer_lag(topic, partition, (end - p.next).max(0));
            }
            if let Phase::Rebuilding { done, total } = p.phase() {
                tracing::info!(topic, partition, done, total, "rebuilding state");
            }
        }
    }
}

/// How long an abandoned transaction may hold things up, and a little more.
fn fence_max(params: &Params) -> Duration {
    Duration::from_millis(u64::from(params.kafka.transaction_timeout_ms)) + Duration::from_secs(20)
}
