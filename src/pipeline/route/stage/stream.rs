//! One output of the stage: its merge, the partitions that feed it, and what waits to be sent.

use super::super::StreamParams;
use crate::{
    decode::{Batch, Settings, envelope},
    kafka::{Consumer, Offset, Patience, Standing, producer::Passed, record_of},
    model::{Start, TopicPartition},
    order::{Merge, MergeCounts, PartitionLane, Place, SPAN_MAX},
    pipeline::{Batching, RuntimeError},
};
use rdkafka::{
    Message as _,
    message::{BorrowedMessage, Header, OwnedHeaders},
};
use std::time::{Duration, Instant};

/// The header of a record that came after its window was closed.
const LATE_HEADER: &str = "txwarden-late";

/// A lane with unread records is waited for this many times longer: offsets at the end of a log may
/// be transaction markers, which no consumer ever sees.
const LAG_PATIENCE: i64 = 6;

/// A lane stops being read when so many of its offsets wait, unless all wait for it.
const SPAN_AHEAD_MAX: i64 = SPAN_MAX / 2;

/// Records between two looks at what is due, however fast they come: much fewer than are held.
const SETTLE_EVERY: u64 = 256;

/// One output with what feeds it.
pub(super) struct RoutedStream {
    output: String,
    settings: Settings,
    merge: Merge<(i64, Passed)>,
    inputs: Vec<StreamInput>,
    idle_ms: i64,
    outbox: Vec<Passed>,
    n_bytes: usize,
    since: Option<Instant>,
    n_taken: u64,
    /// What the observer has been told.
    told: MergeCounts,
    batch: Batch,
}

struct StreamInput {
    at: TopicPartition,
    lane: PartitionLane,
    committed: Option<(i64, String)>,
    /// The end of its log, as far as it is known.
    end: i64,
    read_ms: i64,
    is_paused: bool,
}

impl RoutedStream {
    /// Finds the partitions that feed an output, and where each goes on.
    pub(super) fn open<'p>(
        params: &StreamParams,
        settings: &Settings,
        consumer: &Consumer,
        start: Option<Start>,
        patience: &impl Fn() -> Patience<'p>,
        now_ms: i64,
    ) -> Result<Self, RuntimeError> {
        let failed = |source| RuntimeError::Kafka { what: "cannot open a stream", source };
        let mut places = Vec::new();
        for topic in &params.inputs {
            let numbers = consumer.partitions(topic, patience()).map_err(failed)?;
            let place = |partition| TopicPartition { topic: topic.clone(), partition };
            places.extend(numbers.into_iter().map(place));
        }
        let committed = consumer.committed(&places, patience()).map_err(failed)?;
        let mut inputs = Vec::with_capacity(places.len());
        let newest = |topic: &str| {
            let its = places.iter().zip(&committed).filter(|(at, _)| at.topic == topic);
            its.filter(|(_, committed)| committed.is_some()).map(|(at, _)| at.partition).max()
        };
        // A partition behind those that were ever routed was added since: nothing of it is missed.
        let is_added: Vec<bool> = places
            .iter()
            .map(|at| newest(&at.topic).is_some_and(|newest| at.partition > newest))
            .collect();
        for ((at, committed), is_added) in places.into_iter().zip(committed).zip(is_added) {
            let (first, end) = consumer.bounds(&at, patience()).map_err(failed)?;
            let (offset, metadata) = match (&committed, start) {
                (Some((offset, metadata)), _) => (*offset, metadata.as_str()),
                (None, _) if is_added => (first, ""),
                (None, Some(Start::Earliest)) => (first, ""),
                (None, Some(Start::Latest)) => (end, ""),
                (None, Some(Start::TimestampMs(ms))) => {
                    let found = consumer.offset_at(&at, ms, patience()).map_err(failed)?;
                    (found.unwrap_or(end), "")
                }
                (None, None) => return Err(no_start(&at)),
            };
            if offset < first || offset > end {
                return Err(lost(&at, offset, first, end));
            }
            let lane = PartitionLane::open(offset, metadata);
            inputs.push(StreamInput {
                at,
                lane,
                committed,
                end,
                read_ms: now_ms,
                is_paused: false,
            });
        }
        let frontier = inputs.iter().filter_map(|input| input.lane.frontier()).max();
        let window = params.window();
        Ok(Self {
            output: params.output.clone(),
            settings: settings.clone(),
            merge: Merge::new(window, inputs.len(), frontier, now_ms),
            inputs,
            idle_ms: window.idle_ms,
            outbox: Vec::new(),
            n_bytes: 0,
            since: None,
            n_taken: 0,
            told: MergeCounts::default(),
            batch: Batch::default(),
        })
    }

    pub(super) fn output(&self) -> &str {
        &self.output
    }

    pub(super) fn places(&self) -> impl Iterator<Item = TopicPartition> + '_ {
        self.inputs.iter().map(|input| input.at.clone())
    }

    /// Returns where each partition is to be read from.
    pub(super) fn starts(&self) -> impl Iterator<Item = (TopicPartition, i64)> + '_ {
        self.inputs.iter().map(|input| (input.at.clone(), input.lane.next()))
    }

    /// Returns where each partition stands.
    pub(super) fn standings(&self) -> impl Iterator<Item = Standing> + '_ {
        self.inputs.iter().map(|input| Standing {
            at: input.at.clone(),
            next: input.lane.next(),
            is_held: input.is_paused,
        })
    }

    /// Returns whether an input topic has partitions that are not read.
    pub(super) fn has_grown(&self, consumer: &Consumer) -> bool {
        self.inputs.iter().any(|input| {
            let n_read = self.inputs.iter().filter(|i| i.at.topic == input.at.topic).count();
            consumer.width_of(&input.at.topic).is_some_and(|n| n > n_read)
        })
    }

    pub(super) fn lane_of(&self, topic: &str, partition: i32) -> Option<usize> {
        let is_its = |i: &StreamInput| i.at.partition == partition && i.at.topic == topic;
        self.inputs.iter().position(is_its)
    }

    /// Takes in a record.
    pub(super) fn take(&mut self, lane: usize, message: &BorrowedMessage<'_>, now_ms: i64) {
        let mut headers = Vec::new();
        let record = record_of(message, &mut headers);
        if let Some(wrapping) = envelope::decide(&self.settings, &record) {
            // For as long as this owner lives: a place decides an order, which the log keeps.
            let (topic, offset) = (record.topic, record.offset);
            tracing::info!(topic, offset, envelope = %wrapping, "envelope decided");
            self.settings.envelope.wrapping = wrapping;
        }
        let place = Place::of(&self.settings, &record, &mut self.batch);
        let input = &mut self.inputs[lane];
        if record.offset < input.lane.next() {
            return;
        }
        input.read_ms = now_ms;
        if input.lane.read(record.offset) {
            return self.merge.recall(lane, place, now_ms);
        }
        let passed = Passed {
            topic: self.output.clone(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message.headers().map(|headers| headers.detach()),
            timestamp_ms: message.timestamp().to_millis(),
        };
        let n_bytes = passed.n_bytes();
        self.merge.push(lane, place, (record.offset, passed), n_bytes, now_ms);
        self.n_taken += 1;
        if self.n_taken.is_multiple_of(SETTLE_EVERY) {
            self.merge.settle(now_ms);
        }
        self.collect();
        while self.inputs[lane].lane.span() >= SPAN_MAX && self.merge.n_held() > 0 {
            self.merge.force();
            self.collect();
        }
    }

    /// Lets out what is due; returns the partitions to stop and to go on reading.
    pub(super) fn look(
        &mut self,
        consumer: &Consumer,
        now_ms: i64,
    ) -> (Vec<TopicPartition>, Vec<TopicPartition>) {
        for (n, input) in self.inputs.iter_mut().enumerate() {
            input.end = consumer.end_of(&input.at).map_or(input.end, |end| end.stable);
            let is_behind = input.end > input.lane.next() + 1 || input.is_paused;
            if is_behind && now_ms - input.read_ms < LAG_PATIENCE * self.idle_ms {
                self.merge.touch(n, now_ms);
            }
        }
        self.merge.settle(now_ms);
        self.collect();
        let (mut paused, mut resumed) = (Vec::new(), Vec::new());
        let is_alone = self.inputs.len() == 1;
        for (n, input) in self.inputs.iter_mut().enumerate() {
            let is_ahead = input.lane.span() > SPAN_AHEAD_MAX && !is_alone;
            let wants = self.merge.wants(n) && !(is_ahead && self.merge.is_ahead(n));
            match (wants, input.is_paused) {
                (false, false) => paused.push(input.at.clone()),
                (true, true) => resumed.push(input.at.clone()),
                _ => {}
            }
            input.is_paused = !wants;
        }
        (paused, resumed)
    }

    fn collect(&mut self) {
        for released in self.merge.take() {
            let (offset, mut passed) = released.item;
            self.inputs[released.lane].lane.release(offset);
            if released.is_late {
                let headers = passed.headers.take().unwrap_or_else(OwnedHeaders::new);
                passed.headers =
                    Some(headers.insert(Header { key: LATE_HEADER, value: Some("1") }));
            }
            self.n_bytes += passed.n_bytes();
            self.outbox.push(passed);
            self.since.get_or_insert_with(Instant::now);
        }
    }

    /// Returns whether what waits to be sent is to be sent now.
    pub(super) fn is_due(&self, limits: &Batching) -> bool {
        let linger = Duration::from_millis(limits.linger_ms);
        self.outbox.len() >= limits.records_max
            || self.n_bytes >= limits.bytes_max
            || self.since.is_some_and(|since| since.elapsed() >= linger)
    }

    pub(super) fn outbox(&self) -> &[Passed] {
        &self.outbox
    }

    /// Returns the offsets that what was let out has moved, and those never committed.
    pub(super) fn offsets(&self) -> Vec<Offset> {
        let frontier = self.merge.frontier();
        let is_moving = !self.outbox.is_empty();
        let entries = self.inputs.iter().filter_map(|input| {
            let now = (input.lane.floor(), input.lane.metadata(frontier));
            let is_due = input.committed.is_none() || is_moving;
            let is_news = input.committed.as_ref() != Some(&now);
            (is_due && is_news).then(|| (input.at.clone(), now.0, now.1))
        });
        entries.collect()
    }

    /// Notes that the outbox and the offsets were committed; returns what has been counted since.
    pub(super) fn committed(&mut self, offsets: &[Offset]) -> (MergeCounts, usize) {
        for (at, offset, metadata) in offsets {
            if let Some(input) = self.inputs.iter_mut().find(|input| input.at == *at) {
                input.committed = Some((*offset, metadata.clone()));
            }
        }
        self.outbox.clear();
        (self.n_bytes, self.since) = (0, None);
        let now = self.merge.counts();
        let news = now.since(&self.told);
        self.told = now;
        (news, self.merge.n_held())
    }
}

fn no_start(at: &TopicPartition) -> RuntimeError {
    RuntimeError::Refused(format!(
        "{}/{} was never routed: the first start of a group needs start: in kafka (earliest, \
         latest or a time); without it a lost offset would look like a first start",
        at.topic, at.partition
    ))
}

fn lost(at: &TopicPartition, offset: i64, first: i64, end: i64) -> RuntimeError {
    RuntimeError::Refused(format!(
        "{}/{} was routed up to offset {offset}, and the log now holds {first} to {end}: it was \
         cut or made anew; to go on without what is missing, choose another route.group and start",
        at.topic, at.partition
    ))
}
