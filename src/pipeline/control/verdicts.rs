//! Reads the verdict topic beside the inputs: without a group, from where the control log says.

use crate::{
    kafka::{ClientLog, Closing, Params, Patience, client_config, open},
    model::{Verdict, VerdictError},
};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};
use std::{collections::BTreeMap, time::Duration};

/// A consumer of the verdict topic. Dropping it may hang: use [`VerdictFeed::close`].
pub struct VerdictFeed {
    consumer: BaseConsumer<ClientLog>,
    topic: String,
    n_partitions: i32,
}

/// A record of the verdict topic.
#[derive(Debug)]
pub struct Fed {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub verdict: Result<Verdict, VerdictError>,
}

impl VerdictFeed {
    /// Connects; nothing is read before [`VerdictFeed::seek`].
    ///
    /// # Errors
    /// When no broker says which partitions the topic has, or it does not exist.
    pub fn connect(params: &Params, topic: &str, patience: Patience<'_>) -> KafkaResult<Self> {
        let mut config =
            client_config(params).map_err(|e| KafkaError::ClientCreation(e.to_string()))?;
        for (name, value) in [
            ("group.id", params.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("isolation.level", "read_committed"),
            // Retention may have removed verdicts that were never used: go on with what is left.
            ("auto.offset.reset", "earliest"),
            ("queued.max.messages.kbytes", "1024"),
        ] {
            config.set(name, value);
        }
        let consumer: BaseConsumer<ClientLog> = open(&config, ClientLog::default())?;
        let metadata = patience.ask(|slice| consumer.fetch_metadata(Some(topic), slice))?;
        let n_partitions = metadata.topics().first().map_or(0, |t| t.partitions().len()) as i32;
        if n_partitions == 0 {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition));
        }
        Ok(Self { consumer, topic: topic.to_owned(), n_partitions })
    }

    /// Reads on from the given offsets, from the beginning where none is given.
    ///
    /// # Errors
    /// When librdkafka refuses the list.
    pub fn seek(&self, next: &BTreeMap<i32, i64>) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for partition in 0..self.n_partitions {
            let next = next.get(&partition).copied();
            let offset = next.map_or(Offset::Beginning, Offset::Offset);
            list.add_partition_offset(&self.topic, partition, offset)?;
        }
        self.consumer.assign(&list)
    }

    /// Returns the next record that has arrived, without waiting.
    pub fn next(&self) -> Option<Fed> {
        match self.consumer.poll(Duration::ZERO)? {
            Ok(message) => Some(Fed {
                topic: self.topic.clone(),
                partition: message.partition(),
                offset: message.offset(),
                verdict: Verdict::parse(message.payload().unwrap_or_default()),
            }),
            Err(error) => {
                self.consumer.context().report(&error, "verdicts");
                None
            }
        }
    }

    /// Gives the consumer up.
    pub fn close(self) -> Closing {
        Closing::begin(self.consumer)
    }
}
