//! The stage on Kafka: consume, merge, produce, the offsets of what went out in the transaction.
//!
//! The group shares out the *output* topics: whoever owns one reads all partitions that become it,
//! because only one place can merge them. The group's generation fences the others.

mod commit;
mod stream;

use super::run::{Observer, Setup};
use crate::{
    kafka::{self, Consumer, Patience, Reading, Rebalanced, producer::Producer},
    model::TopicPartition,
    pipeline::{RuntimeError, not_one},
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use stream::Stream;

/// How long an idle poll waits: bounds the time to notice a stop, and that a window is over.
const IDLE: Duration = Duration::from_millis(50);

/// How long closing all clients may take.
const CLOSE_MAX: Duration = Duration::from_millis(1_100);

/// How often the lag is observed.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// How often lanes that stopped at a full window are looked at, and the ends of logs.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The stage with its clients.
pub(super) struct Stage<'a> {
    setup: &'a Setup,
    kafka: kafka::Params,
    consumer: Consumer,
    /// Absent only while one is being replaced.
    producer: Option<Producer>,
    streams: Vec<Stream>,
    reading: Reading<'a>,
    observer: &'a dyn Observer,
    stop: &'a AtomicBool,
    /// The stage's clock.
    began: Instant,
    looked: Instant,
    reported: Instant,
}

impl<'a> Stage<'a> {
    /// Fences the past of this instance and joins the group.
    pub fn connect(
        setup: &'a Setup,
        stop: &'a AtomicBool,
        observer: &'a dyn Observer,
    ) -> Result<Self, RuntimeError> {
        let kafka = setup.own_kafka();
        let patience = Patience::new(fence_max(&kafka), stop);
        let producer = Some(Producer::connect(&kafka, 0, patience, false)?);
        let outputs: Vec<&str> = setup.params.streams.iter().map(|s| s.output.as_str()).collect();
        let consumer = Consumer::subscribe(&kafka, 0, &outputs)?;
        let (streams, now) = (Vec::new(), Instant::now());
        let (began, looked, reported) = (now, now, now);
        Ok(Self {
            setup,
            kafka,
            consumer,
            producer,
            streams,
            reading: Reading::new(observer),
            observer,
            stop,
            began,
            looked,
            reported,
        })
    }

    /// Works until told to stop, then leaves in good order.
    pub fn run(mut self) -> Result<(), RuntimeError> {
        let done = self.work();
        let until = Instant::now() + CLOSE_MAX;
        // On closing the client gives back what the group gave it: the outputs alone.
        let inputs: Vec<TopicPartition> = self.streams.iter().flat_map(Stream::places).collect();
        if let Err(error) = self.consumer.unassign(&inputs) {
            self.consumer.log().report(&error, "unassign before leaving");
        }
        let leaving = self.consumer.close();
        let closing = self.producer.map(|producer| producer.close(CLOSE_MAX / 2));
        let is_closed = closing.is_none_or(|closing| closing.by(until).is_some());
        if leaving.by(until).is_none() || !is_closed {
            tracing::warn!("no answer to leaving the stage's group: the session runs out");
        }
        done
    }

    fn work(&mut self) -> Result<(), RuntimeError> {
        while !self.stop.load(Ordering::Acquire) {
            self.poll()?;
            while let Some(change) = self.consumer.next_rebalance() {
                self.rebalance(change)?;
            }
            if self.looked.elapsed() >= LOOK_EVERY {
                self.look()?;
            }
            if self.reported.elapsed() >= REPORT_EVERY {
                self.report()?;
            }
            if self.streams.iter().any(|s| s.is_due(&self.setup.batch)) {
                self.flush()?;
            }
        }
        self.flush()
    }

    /// Takes in at most one record.
    fn poll(&mut self) -> Result<(), RuntimeError> {
        let now_ms = self.now_ms();
        match self.consumer.poll(IDLE) {
            Some(Ok(message)) => {
                let stream = self.streams.iter_mut().find_map(|s| {
                    use rdkafka::Message as _;
                    let lane = s.lane_of(message.topic(), message.partition())?;
                    Some((s, lane))
                });
                if let Some((stream, lane)) = stream {
                    stream.take(lane, &message, now_ms);
                }
                Ok(())
            }
            Some(Err(KafkaError::PartitionEOF(_))) | None => Ok(()),
            Some(Err(error)) => self.tolerate(error),
        }
    }

    /// Lets out what is due, and holds lanes that are too far ahead.
    fn look(&mut self) -> Result<(), RuntimeError> {
        self.looked = Instant::now();
        let now_ms = self.now_ms();
        let cannot = |source| RuntimeError::Kafka { what: "cannot pause", source };
        for stream in &mut self.streams {
            let (paused, resumed) = stream.look(&self.consumer, now_ms);
            if !paused.is_empty() {
                self.consumer.pause(&paused).map_err(cannot)?;
            }
            if !resumed.is_empty() {
                self.consumer.resume(&resumed).map_err(cannot)?;
            }
        }
        Ok(())
    }

    /// Tells the observer how far the inputs are behind, and what the clients recovered from.
    fn report(&mut self) -> Result<(), RuntimeError> {
        self.reported = Instant::now();
        let standings: Vec<_> = self.streams.iter().flat_map(Stream::standings).collect();
        self.reading.look(&self.consumer, &standings);
        let mut n_errors = self.consumer.log().take_errors();
        n_errors += self.producer.as_ref().map_or(0, |p| p.log().take_errors());
        (0..n_errors).for_each(|_| self.observer.client_error());
        for stream in &self.streams {
            match self.consumer.width_of(stream.output()) {
                Some(n) if n > 1 => return Err(not_one(stream.output(), n)),
                _ => {}
            }
        }
        self.regrow()
    }

    /// Opens those streams anew whose inputs have grown: the new partitions are read from their
    /// beginning, the others from what is committed.
    fn regrow(&mut self) -> Result<(), RuntimeError> {
        if !self.streams.iter().any(|s| s.has_grown(&self.consumer)) {
            return Ok(());
        }
        self.flush()?;
        let grown: Vec<TopicPartition> = self
            .streams
            .iter()
            .filter(|s| s.has_grown(&self.consumer))
            .map(|s| TopicPartition { topic: s.output().to_owned(), partition: 0 })
            .collect();
        let outputs: Vec<&str> = grown.iter().map(|at| at.topic.as_str()).collect();
        tracing::info!(?outputs, "inputs have grown: their streams are opened anew");
        let is_grown = |s: &Stream| grown.iter().any(|at| at.topic == s.output());
        let places: Vec<TopicPartition> =
            self.streams.iter().filter(|s| is_grown(s)).flat_map(Stream::places).collect();
        self.streams.retain(|s| !is_grown(s));
        let what = "cannot assign";
        let cannot = |source| RuntimeError::Kafka { what, source };
        self.consumer.resume(&places).map_err(cannot)?;
        self.consumer.unassign(&places).map_err(cannot)?;
        let mut opened = self.open_all(&grown)?;
        // The outputs stay what they are in the group.
        opened.retain(|(at, _)| !grown.contains(at));
        self.consumer.assign(&opened).map_err(cannot)?;
        self.flush()
    }

    fn tolerate(&mut self, source: KafkaError) -> Result<(), RuntimeError> {
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
                if !self.reading.note(&source, &self.consumer) {
                    self.consumer.log().report(&source, "poll");
                }
                return Ok(());
            }
        };
        Err(RuntimeError::Kafka { what, source })
    }

    fn rebalance(&mut self, change: Rebalanced) -> Result<(), RuntimeError> {
        match change {
            Rebalanced::Assigned(outputs) => self.take_over(&outputs),
            Rebalanced::Revoked { partitions, is_lost } => {
                let outputs: Vec<&str> = partitions.iter().map(|at| at.topic.as_str()).collect();
                tracing::info!(?outputs, is_lost, "streams revoked");
                if !is_lost && let Err(error) = self.transact() {
                    // Nothing is lost: the next owner starts at what was committed.
                    tracing::warn!(%error, "last batch before a revocation not committed");
                    self.replace_producer()?;
                }
                let is_gone = |s: &&Stream| partitions.iter().any(|at| at.topic == s.output());
                let mut gone: Vec<TopicPartition> =
                    self.streams.iter().filter(is_gone).flat_map(Stream::places).collect();
                self.streams.retain(|s| !is_gone(&s));
                // The client remembers across a revocation that a partition was paused.
                let what = "cannot unassign";
                let given = self.consumer.resume(&gone);
                gone.extend(partitions);
                let given = given.and_then(|()| self.consumer.unassign(&gone));
                given.map_err(|source| RuntimeError::Kafka { what, source })
            }
        }
    }

    fn take_over(&mut self, outputs: &[TopicPartition]) -> Result<(), RuntimeError> {
        let opened = self.open_all(outputs).inspect_err(|_| {
            // The group waits for an answer, and cannot be left without one.
            let anywhere: Vec<_> = outputs.iter().map(|at| (at.clone(), 0)).collect();
            if let Err(error) = self.consumer.assign(&anywhere) {
                self.consumer.log().report(&error, "assign before leaving");
            }
        })?;
        let what = "cannot assign";
        let cannot = |source| RuntimeError::Kafka { what, source };
        self.consumer.assign(&opened).map_err(cannot)?;
        // The outputs stand for their streams in the group; they are not read.
        self.consumer.pause(outputs).map_err(cannot)?;
        // A first start is recorded at once: `latest` must mean the same after a crash.
        self.flush()?;
        self.observer.settled();
        Ok(())
    }

    /// Opens the streams of outputs; returns where all partitions begin, the outputs among them.
    fn open_all(
        &mut self,
        outputs: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, RuntimeError> {
        let now_ms = self.now_ms();
        let patience = || Patience::new(fence_max(&self.kafka), self.stop);
        let mut offsets = Vec::new();
        for output in outputs {
            if output.partition > 0 {
                let n = usize::try_from(output.partition).unwrap_or_default() + 1;
                let n = self.consumer.width_of(&output.topic).unwrap_or(n).max(n);
                return Err(not_one(&output.topic, n));
            }
            let what = "cannot find the end of an output";
            let bounds = self.consumer.bounds(output, patience());
            let (_, end) = bounds.map_err(|source| RuntimeError::Kafka { what, source })?;
            offsets.push((output.clone(), end));
            let mut known = self.setup.params.streams.iter().zip(&self.setup.settings);
            let Some((params, settings)) = known.find(|(s, _)| s.output == output.topic) else {
                continue;
            };
            let start = self.kafka.start;
            let stream = Stream::open(params, settings, &self.consumer, start, &patience, now_ms)?;
            offsets.extend(stream.starts());
            let n_inputs = stream.places().count();
            tracing::info!(output = output.topic, n_inputs, "stream taken over");
            self.streams.push(stream);
        }
        Ok(offsets)
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// How long an abandoned transaction may hold things up, and a little more.
fn fence_max(kafka: &kafka::Params) -> Duration {
    Duration::from_millis(u64::from(kafka.transaction_timeout_ms)) + Duration::from_secs(20)
}
