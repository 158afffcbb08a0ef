//! Reads what is committed in a topic beside every group: all of it, or one record by its position.

use super::{ConnectionError, Params, record_of};
use crate::{
    kafka::{ClientLog, client_config},
    model::{Record, TopicPartition},
};
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use std::{collections::BTreeSet, time::Duration};

/// How long the cluster may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Offsets that are rather read than jumped over: a jump costs a question to the broker.
const SKIP_MAX: i64 = 100;

/// How long a topic may give nothing before its end.
const SILENCE_MAX: Duration = Duration::from_secs(30);

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
        Ok(Self { consumer: config.create_with_context(ClientLog::default())? })
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
