//! Reads what is committed in a topic beside every group: all of it, or one record by its position.

use super::{ConnectionError, Params, record_of};
use crate::{
    kafka::{ClientLog, client_config, open},
    model::{Record, Stamp, TopicPartition},
};
use rdkafka::{
    Message as _, Offset, Timestamp, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How long the cluster may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Offsets that are rather read than jumped over: a jump costs a question to the broker.
const SKIP_MAX: i64 = 100;

/// How long a topic may give nothing before its end.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How long one wait for a record takes.
const POLL: Duration = Duration::from_millis(100);

/// Why a topic could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    #[error("the broker cannot be asked")]
    Connection(#[from] ConnectionError),
    #[error("the topic cannot be read")]
    Kafka(#[from] KafkaError),
    #[error("topic {0} does not exist")]
    Missing(String),
    #[error("topic {topic} gave nothing for {} s", SILENCE_MAX.as_secs())]
    Silent { topic: String },
}

/// Receives an offset, and the record that is there.
type OnPlace<'f, E> = dyn FnMut(i64, Option<&Record<'_>>) -> Result<(), E> + 'f;

/// What is read of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub at: TopicPartition,
    pub from: i64,
    /// The offset behind the last one.
    pub to: i64,
}

/// Receives a record and where its time is from; returns whether to go on.
type OnSpan<'f, E> = dyn FnMut(&Record<'_>, Option<Stamp>) -> Result<bool, E> + 'f;

/// Reads topics without joining a group, so that it disturbs nobody.
pub struct Scanner {
    consumer: BaseConsumer<ClientLog>,
}

impl Scanner {
    /// Makes a reader; `name` is what the brokers' logs call it.
    ///
    /// # Errors
    /// When the configuration is refused.
    pub fn open(params: &Params, name: &str) -> Result<Self, ScanError> {
        let mut config = client_config(params)?;
        if !params.options.contains_key("fetch.wait.max.ms") {
            // Each end of a partition, and each jump, waits for a fetch that is under way.
            config.set("fetch.wait.max.ms", "10");
        }
        config
            .set("group.id", name)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("queued.max.messages.kbytes", "16384");
        Ok(Self { consumer: open(&config, ClientLog::default())? })
    }

    /// Returns the number of partitions of a topic.
    ///
    /// # Errors
    /// When it does not exist, or nobody answers.
    pub fn n_partitions(&self, topic: &str) -> Result<i32, ScanError> {
        let metadata = self.consumer.fetch_metadata(Some(topic), ANSWER_MAX)?;
        let n = metadata.topics().first().map_or(0, |t| t.partitions().len());
        match i32::try_from(n) {
            Ok(n) if n > 0 => Ok(n),
            _ => Err(ScanError::Missing(topic.to_owned())),
        }
    }

    /// Hands in every committed record of a topic, from its beginning to its present end, in the
    /// order of each partition.
    ///
    /// # Errors
    /// When the topic cannot be read, or with the first error of `on_record`.
    pub fn all<E: From<ScanError>>(
        &self,
        topic: &str,
        on_record: &mut dyn FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let n_partitions = self.n_partitions(topic)?;
        let mut list = TopicPartitionList::new();
        for partition in 0..n_partitions {
            list.add_partition_offset(topic, partition, Offset::Beginning)
                .map_err(ScanError::Kafka)?;
        }
        self.consumer.assign(&list).map_err(ScanError::Kafka)?;
        let mut ended = BTreeSet::new();
        while ended.len() < n_partitions as usize {
            match self.consumer.poll(SILENCE_MAX) {
                None => return Err(ScanError::Silent { topic: topic.to_owned() }.into()),
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(ended.insert(partition)),
                Some(Err(error)) => return Err(ScanError::Kafka(error).into()),
                Some(Ok(message)) => {
                    let mut headers = Vec::new();
                    on_record(&record_of(&message, &mut headers))?;
                }
            }
        }
        self.consumer.assign(&TopicPartitionList::new()).map_err(ScanError::Kafka)?;
        Ok(())
    }

    /// Returns what `read` makes of the record at a position; `None` when it is no longer, or not
    /// yet, there.
    ///
    /// # Errors
    /// When the topic cannot be read.
    pub fn one<T>(
        &self,
        at: &TopicPartition,
        offset: i64,
        mut read: impl FnMut(&Record<'_>) -> T,
    ) -> Result<Option<T>, ScanError> {
        let mut found = None;
        self.some::<ScanError>(at, &[offset], &mut |_, record| {
            found = record.map(&mut read);
            Ok(())
        })?;
        Ok(found)
    }

    /// Hands in the records at some positions of a partition, which rise; those that are no longer,
    /// or not yet, there as `None`.
    ///
    /// # Cost
    /// One way through the partition, which jumps over what lies far between two of them.
    ///
    /// # Errors
    /// When the topic cannot be read, or with the first error of `on_record`.
    pub fn some<E: From<ScanError>>(
        &self,
        at: &TopicPartition,
        offsets: &[i64],
        on_record: &mut OnPlace<'_, E>,
    ) -> Result<(), E> {
        let (first, end) = match self.consumer.fetch_watermarks(&at.topic, at.partition, ANSWER_MAX)
        {
            Err(error) if is_unknown(&error) => (0, 0),
            bounds => bounds.map_err(ScanError::Kafka)?,
        };
        // What was read and is still to be compared, and the offset behind it.
        let (mut ahead, mut next) = (None::<BorrowedMessage<'_>>, None);
        for &offset in offsets {
            if offset < first || offset >= end {
                on_record(offset, None)?;
                continue;
            }
            if next.is_none_or(|next| offset - next > SKIP_MAX) {
                self.go_to(at, offset).map_err(ScanError::Kafka)?;
                ahead = None;
            }
            while ahead.as_ref().is_none_or(|message| message.offset() < offset) {
                ahead = self.next_of(at)?;
                if ahead.is_none() {
                    break;
                }
            }
            next = Some(ahead.as_ref().map_or(end, |message| message.offset() + 1));
            // Compaction and aborted transactions leave holes: what is read then is the next one.
            match ahead.as_ref().filter(|message| message.offset() == offset) {
                None => on_record(offset, None)?,
                Some(message) => {
                    let mut headers = Vec::new();
                    on_record(offset, Some(&record_of(message, &mut headers)))?;
                }
            }
        }
        drop(ahead);
        self.consumer.assign(&TopicPartitionList::new()).map_err(ScanError::Kafka)?;
        Ok(())
    }

    /// Returns the first offset that a partition still has, and the one behind all whose outcome
    /// is known.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn bounds(&self, at: &TopicPartition) -> Result<(i64, i64), ScanError> {
        Ok(self.consumer.fetch_watermarks(&at.topic, at.partition, ANSWER_MAX)?)
    }

    /// Returns the first offset of a partition whose record has this time or a later one, in
    /// milliseconds since the epoch; `None` when there is none.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn offset_at(&self, at: &TopicPartition, ms: i64) -> Result<Option<i64>, ScanError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&at.topic, at.partition, Offset::Offset(ms))?;
        let found = self.consumer.offsets_for_times(list, ANSWER_MAX)?;
        let element = found.find_partition(&at.topic, at.partition);
        Ok(element.and_then(|element| match element.offset() {
            Offset::Offset(offset) if offset >= 0 => Some(offset),
            _ => None,
        }))
    }

    /// Hands in every committed record of some spans, in the order of each partition, with where
    /// its time is from; ends early when told so with `false`.
    ///
    /// # Errors
    /// When a topic cannot be read, or with the first error of `on_record`.
    pub fn spans<E: From<ScanError>>(
        &self,
        spans: &[Span],
        on_record: &mut OnSpan<'_, E>,
    ) -> Result<(), E> {
        let mut ahead: BTreeMap<(&str, i32), i64> = BTreeMap::new();
        let mut list = TopicPartitionList::new();
        for Span { at, from, to } in spans.iter().filter(|span| span.from < span.to) {
            ahead.insert((&at.topic, at.partition), *to);
            list.add_partition_offset(&at.topic, at.partition, Offset::Offset(*from))
                .map_err(ScanError::Kafka)?;
        }
        self.consumer.assign(&list).map_err(ScanError::Kafka)?;
        let mut silent = Duration::ZERO;
        while !ahead.is_empty() && silent < SILENCE_MAX {
            let message = match self.consumer.poll(POLL) {
                // A partition may end in markers, which are no records: its position passes them.
                None => {
                    silent += POLL;
                    self.drop_passed(&mut ahead).map_err(ScanError::Kafka)?;
                    continue;
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.drop_passed(&mut ahead).map_err(ScanError::Kafka)?;
                    continue;
                }
                Some(message) => message.map_err(ScanError::Kafka)?,
            };
            silent = Duration::ZERO;
            let place = (message.topic(), message.partition());
            let Some(&to) = ahead.get(&place) else { continue };
            if message.offset() < to {
                let mut headers = Vec::new();
                if !on_record(&record_of(&message, &mut headers), stamp_of(&message))? {
                    break;
                }
            }
            if message.offset() + 1 >= to {
                ahead.retain(|known, _| *known != place);
                let mut done = TopicPartitionList::new();
                done.add_partition(place.0, place.1);
                self.consumer.pause(&done).map_err(ScanError::Kafka)?;
            }
        }
        self.consumer.assign(&TopicPartitionList::new()).map_err(ScanError::Kafka)?;
        match ahead.first_key_value().filter(|_| silent >= SILENCE_MAX) {
            Some(((topic, _), _)) => Err(ScanError::Silent { topic: (*topic).to_owned() }.into()),
            None => Ok(()),
        }
    }

    /// Forgets the spans whose end the client's position has passed.
    fn drop_passed(&self, ahead: &mut BTreeMap<(&str, i32), i64>) -> Result<(), KafkaError> {
        let positions = self.consumer.position()?;
        ahead.retain(|(topic, partition), to| {
            let offset = positions.find_partition(topic, *partition).map(|e| e.offset());
            !matches!(offset, Some(Offset::Offset(offset)) if offset >= *to)
        });
        Ok(())
    }

    fn go_to(&self, at: &TopicPartition, offset: i64) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&at.topic, at.partition, Offset::Offset(offset))?;
        self.consumer.assign(&list)
    }

    /// Returns the next record of the one partition that is assigned, `None` at its end.
    fn next_of(&self, at: &TopicPartition) -> Result<Option<BorrowedMessage<'_>>, ScanError> {
        match self.consumer.poll(SILENCE_MAX) {
            None => Err(ScanError::Silent { topic: at.topic.clone() }),
            Some(Err(KafkaError::PartitionEOF(_))) => Ok(None),
            Some(Err(error)) => Err(error.into()),
            Some(Ok(message)) => Ok(Some(message)),
        }
    }
}

fn stamp_of(message: &BorrowedMessage<'_>) -> Option<Stamp> {
    match message.timestamp() {
        Timestamp::NotAvailable => None,
        Timestamp::CreateTime(_) => Some(Stamp::Create),
        Timestamp::LogAppendTime(_) => Some(Stamp::Append),
    }
}

fn is_unknown(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopicOrPartition
        )
    )
}
