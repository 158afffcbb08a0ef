//! One worker thread: poll, fold, and at the end of each batch one transaction.

mod commit;
mod rebalance;

use super::{cadence, checkpoints::Checkpoints, fold::Fold, partition::Partition};
use crate::{
    audit::Signer,
    kafka::{Consumer, Lookout, Patience, Reading, Standing, producer::Producer, record_of},
    model::TopicPartition,
    pipeline::{
        Observer, Params, Phase, RuntimeError,
        control::{Agreement, Feed, Inputs},
        topics,
    },
    store::{Publisher, Store},
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// How long an idle poll waits: bounds the time to notice a stop.
const IDLE: Duration = Duration::from_millis(100);

/// How long the last commit may take.
const LAST_MAX: Duration = Duration::from_millis(600);

/// How long closing all clients may take: with [`IDLE`] and [`LAST_MAX`] less than the two seconds
/// of a stop.
const CLOSE_MAX: Duration = Duration::from_millis(1_100);

/// How often a rebuild's progress is logged, and the lag observed.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// What a worker is made from.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub slot: usize,
    pub params: &'a Params,
    pub inputs: &'a Inputs,
    /// How many partitions each topic had at the start.
    pub widths: &'a BTreeMap<String, usize>,
    /// Who signs checkpoints.
    pub signer: Option<&'a Signer>,
    /// Where snapshots are; `None` when they are turned off.
    pub store: Option<&'a Store>,
    pub publisher: Option<&'a Publisher>,
    pub observer: &'a dyn Observer,
    pub agreement: &'a dyn Agreement,
    pub stop: &'a AtomicBool,
}

/// A worker with its clients.
pub struct Worker<'a> {
    ctx: Context<'a>,
    consumer: Consumer,
    /// Absent only while one is being replaced.
    producer: Option<Producer>,
    /// Messages are sent one by one, since a topic refused them together.
    is_single: bool,
    fold: Fold<'a>,
    /// Where verdicts come from, if from anywhere.
    feed: Option<Feed>,
    reading: Reading<'a>,
    /// How many partitions the topics have; only those of inputs are kept up to date.
    widths: BTreeMap<String, usize>,
    reported: Instant,
    _lookout: Option<Lookout>,
}

impl<'a> Worker<'a> {
    /// Fences this slot's past and joins the group.
    ///
    /// # Errors
    /// When a client cannot be made.
    pub fn connect(ctx: Context<'a>) -> Result<Self, RuntimeError> {
        let params = ctx.params;
        let patience = Patience::new(fence_max(params), ctx.stop);
        let producer = Producer::connect(&params.kafka, ctx.slot, patience, false)?;
        let known = ctx.inputs.now();
        let topics: Vec<&str> = known.iter().map(|i| i.topic.as_str()).collect();
        let consumer = Consumer::subscribe(&params.kafka, ctx.slot, &topics)?;
        let checkpoints =
            Checkpoints { params: &params.audit, signer: ctx.signer, group: &params.kafka.group };
        let Context { inputs, observer, agreement, .. } = ctx;
        let (batch, on_flood) = (&params.batch, params.on_flood);
        let fold = Fold::new(inputs, batch, on_flood, observer, checkpoints, agreement);
        let feed = params.verdicts.topic.as_ref().map(|topic| {
            let patience = Patience::new(fence_max(params), ctx.stop);
            Feed::connect(&params.kafka, topic, patience)
        });
        let cannot = |source| RuntimeError::Kafka { what: "cannot read the verdicts", source };
        let feed = feed.transpose().map_err(cannot)?;
        Ok(Self {
            ctx,
            consumer,
            producer: Some(producer),
            is_single: false,
            fold,
            feed,
            reading: Reading::new(observer),
            widths: ctx.widths.clone(),
            reported: Instant::now(),
            _lookout: lookout(&ctx, &topics)?,
        })
    }

    /// Works until told to stop, then leaves in good order.
    ///
    /// # Errors
    /// When only a new process can go on.
    pub fn run(mut self) -> Result<(), RuntimeError> {
        let done = self.work();
        let owned = self.places();
        self.fold.leave(&owned);
        // A failed worker closes as well: its partitions move at once.
        let until = Instant::now() + CLOSE_MAX;
        let leaving = self.consumer.close();
        let closing = self.producer.map(|producer| producer.close(CLOSE_MAX / 2));
        let feed = self.feed.map(Feed::close);
        let is_closed = closing.into_iter().chain(feed).all(|closing| closing.by(until).is_some());
        let is_left = leaving.by(until).is_some();
        tracing::debug!(slot = self.ctx.slot, is_left, is_closed, "worker closed");
        if !is_left {
            tracing::warn!(slot = self.ctx.slot, "no answer to leaving: the session runs out");
        }
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
                if patience.is_none() && self.has_turns() {
                    self.end_batch()?;
                }
            }
            self.report()?;
        }
        self.end_batch()?;
        let places = self.places();
        self.keep(Some(&places));
        Ok(())
    }

    /// Takes in at most one record.
    fn poll(&mut self, patience: Duration) -> Result<(), RuntimeError> {
        let done = match self.consumer.poll(patience) {
            Some(Ok(message)) => {
                let mut headers = Vec::new();
                self.fold.take(record_of(&message, &mut headers)).map_err(RuntimeError::Refused)
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.fold.at_end(partition).map_err(RuntimeError::Refused)
            }
            Some(Err(error)) => self.tolerate(error),
            None => Ok(()),
        };
        if std::mem::take(&mut self.fold.is_rebuilt) {
            self.keep(None);
        }
        done
    }

    fn tolerate(&mut self, source: KafkaError) -> Result<(), RuntimeError> {
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
                if !self.reading.note(&source, &self.consumer) {
                    self.consumer.log().report(&source, "poll");
                }
                Ok(())
            }
        }
    }

    /// Returns whether an idle worker has something to write all the same.
    fn has_turns(&mut self) -> bool {
        let Fold { steering, partitions, observer, .. } = &mut self.fold;
        if let Some(feed) = &self.feed {
            steering.read(feed, partitions, *observer);
        }
        self.fold.has_turns()
    }

    fn end_batch(&mut self) -> Result<(), RuntimeError> {
        self.fold.steer(self.feed.as_ref()).map_err(RuntimeError::Refused)?;
        self.flush()?;
        self.keep(None);
        let flooded = self.fold.end_batch();
        self.tell();
        if !flooded.is_empty() {
            self.consumer
                .pause(&flooded)
                .map_err(|source| RuntimeError::Kafka { what: "cannot pause", source })?;
        }
        Ok(())
    }

    /// Has snapshots taken where they are due, or of all partitions that we are about to lose.
    fn keep(&mut self, ending: Option<&[TopicPartition]>) {
        let Some(publisher) = self.ctx.publisher else { return };
        let Params { snapshots, kafka, .. } = self.ctx.params;
        let partitions = self.fold.partitions.iter_mut();
        let wanted = partitions.filter(|p| ending.is_none_or(|ending| ending.contains(&p.at)));
        cadence::take(publisher, snapshots, &kafka.group, wanted, ending.is_some());
    }

    fn places(&self) -> Vec<TopicPartition> {
        self.fold.partitions.iter().map(|p| p.at.clone()).collect()
    }

    /// Tells what is wrong with the records that were read.
    fn tell(&mut self) {
        for p in self.fold.partitions.iter().filter(|p| p.is_live) {
            p.troubles().for_each(|(kind, trouble)| self.reading.set(&p.at, kind, trouble));
        }
    }

    /// Refuses to go on when a topic has grown that must not: as a start would.
    fn check_widths(&mut self, assigned: &[TopicPartition]) -> Result<(), RuntimeError> {
        let mut widths = self.widths.clone();
        for input in &self.ctx.params.inputs {
            let its = assigned.iter().filter(|at| at.topic == input.topic);
            let assigned = its.filter_map(|at| usize::try_from(at.partition + 1).ok()).max();
            let told = self.consumer.width_of(&input.topic);
            let before = widths.get(&input.topic).copied();
            if let Some(n) = told.max(assigned).max(before) {
                widths.insert(input.topic.clone(), n);
            }
        }
        if widths == self.widths {
            return Ok(());
        }
        topics::check_inputs(self.ctx.params, &widths, self.ctx.observer)?;
        self.widths = widths;
        Ok(())
    }

    fn report(&mut self) -> Result<(), RuntimeError> {
        if self.reported.elapsed() < REPORT_EVERY {
            return Ok(());
        }
        self.reported = Instant::now();
        // What came in before the input fell silent is worth keeping too.
        self.keep(None);
        let mut n_errors = self.consumer.log().take_errors();
        n_errors += self.producer.as_ref().map_or(0, |p| p.log().take_errors());
        for _ in 0..n_errors {
            self.ctx.observer.client_error();
        }
        let standing =
            |p: &Partition| Standing { at: p.at.clone(), next: p.next, is_held: p.is_paused };
        let standings: Vec<Standing> = self.fold.partitions.iter().map(standing).collect();
        self.reading.look(&self.consumer, &standings);
        self.tell();
        for p in &self.fold.partitions {
            let (topic, partition) = (&p.at.topic, p.at.partition);
            if let Phase::Rebuilding { done, total } = p.phase() {
                tracing::info!(topic, partition, done, total, "rebuilding state");
            }
        }
        self.check_widths(&[])
    }
}

/// A static member that died between two rounds of a rebalance may leave partitions that nobody
/// owns: each instance of static members looks for them.
fn lookout(ctx: &Context<'_>, topics: &[&str]) -> Result<Option<Lookout>, RuntimeError> {
    let Params { kafka, outputs, .. } = ctx.params;
    let is_due = kafka.is_static_member && ctx.slot == 0;
    Ok(is_due.then(|| Lookout::start(kafka, topics, &outputs.alerts)).transpose()?)
}

/// How long an abandoned transaction may hold things up, and a little more.
fn fence_max(params: &Params) -> Duration {
    Duration::from_millis(u64::from(params.kafka.transaction_timeout_ms)) + Duration::from_secs(20)
}
