//! What `check`, `tail` and `verify` ask the broker.

use crate::{
    audit::verify::TrailError,
    kafka::{ConnectionError, Params, ScanError, Scanner, client_config, open},
    model::Alert,
};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, DefaultConsumerContext},
    error::KafkaError,
};
use std::{collections::BTreeMap, time::Duration};

/// How long the cluster may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Returns every topic of the cluster with its number of partitions.
pub(in crate::cli) fn topics(params: &Params) -> Result<BTreeMap<String, usize>, ConnectionError> {
    let consumer: BaseConsumer = open(&client_config(params)?, DefaultConsumerContext)?;
    let metadata = consumer.fetch_metadata(None, ANSWER_MAX)?;
    Ok(metadata.topics().iter().map(|t| (t.name().to_owned(), t.partitions().len())).collect())
}

/// An alert, and the bytes in which it was written.
pub(in crate::cli) struct Received {
    pub alert: Alert,
    pub body: Vec<u8>,
}

/// Reads the alert topic without joining a group, so that it disturbs nobody.
pub(in crate::cli) struct AlertReader {
    consumer: BaseConsumer,
}

impl AlertReader {
    /// Starts at the end of the topic, or at its beginning.
    pub(in crate::cli) fn open(
        params: &Params,
        topic: &str,
        is_from_beginning: bool,
    ) -> Result<Self, ConnectionError> {
        let mut config = client_config(params)?;
        config
            .set("group.id", "txwarden-tail")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed");
        let consumer: BaseConsumer = open(&config, DefaultConsumerContext)?;
        let metadata = consumer.fetch_metadata(Some(topic), ANSWER_MAX)?;
        let mut list = TopicPartitionList::new();
        let offset = if is_from_beginning { Offset::Beginning } else { Offset::End };
        for partition in metadata.topics().iter().flat_map(|t| t.partitions()) {
            list.add_partition_offset(topic, partition.id(), offset)?;
        }
        consumer.assign(&list)?;
        Ok(Self { consumer })
    }

    /// Returns the next alert and its bytes, or `None` after a short wait; what is no alert is an
    /// error text.
    pub(in crate::cli) fn next_alert(
        &self,
    ) -> Option<Result<Result<Received, String>, KafkaError>> {
        let message = match self.consumer.poll(Duration::from_millis(200))? {
            Ok(message) => message,
            Err(error) => return Some(Err(error)),
        };
        let body = message.payload().unwrap_or_default().to_vec();
        Some(Ok(match serde_json::from_slice(&body) {
            Ok(alert) => Ok(Received { alert, body }),
            Err(e) => {
                let (partition, offset) = (message.partition(), message.offset());
                Err(format!("partition {partition} offset {offset}: no alert: {e}"))
            }
        }))
    }
}

/// Why a topic could not be verified.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum TopicError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("it cannot be verified at once")]
    Trail(#[from] TrailError),
}

/// Receives a record: `topic/partition`, offset and value.
pub(in crate::cli) type OnRecord<'a> = dyn FnMut(&str, u64, &[u8]) -> Result<(), TrailError> + 'a;

/// Reads what is committed in a topic, from its beginning to its present end.
pub(in crate::cli) fn read_topic(
    params: &Params,
    topic: &str,
    on_record: &mut OnRecord<'_>,
) -> Result<(), TopicError> {
    Scanner::open(params, "txwarden-verify")?.all(topic, &mut |record| {
        let place = format!("{topic}/{}", record.partition);
        let offset = u64::try_from(record.offset).unwrap_or_default();
        Ok(on_record(&place, offset, record.value.unwrap_or_default())?)
    })
}
