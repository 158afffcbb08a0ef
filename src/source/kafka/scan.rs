//! Reads what is committed in a topic beside every group: all of it, or one record by its position.

use super::{ConnectionError, Params, TopicPartition, record_of};
use crate::{
    model::Record,
    ops::kafka::{ClientLog, client_config},
};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{collections::BTreeSet, time::Duration};

/// How long the cluster may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

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
        read: impl FnOnce(&Record<'_>) -> T,
    ) -> Result<Option<T>, ScanError> {
        let bounds = self.consumer.fetch_watermarks(&at.topic, at.partition, ANSWER_MAX);
        let (first, end) = match bounds {
            Err(error) if is_unknown(&error) => return Ok(None),
            bounds => bounds?,
        };
        if offset < first || offset >= end {
            return Ok(None);
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&at.topic, at.partition, Offset::Offset(offset))?;
        self.consumer.assign(&list)?;
        let found = match self.consumer.poll(SILENCE_MAX) {
            None => return Err(ScanError::Silent { topic: at.topic.clone() }),
            Some(Err(KafkaError::PartitionEOF(_))) => None,
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(message)) => {
                let mut headers = Vec::new();
                let record = record_of(&message, &mut headers);
                // Compaction leaves holes: what is read then is the next record.
                (record.offset == offset).then(|| read(&record))
            }
        };
        self.consumer.assign(&TopicPartitionList::new())?;
        Ok(found)
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
