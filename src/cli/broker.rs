//! What `check` and `tail` ask the broker.

use crate::{
    model::Alert,
    ops::kafka::{ConnectionError, Params, client_config},
};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};
use std::{collections::BTreeMap, time::Duration};

/// How long the cluster may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Returns every topic of the cluster with its number of partitions.
pub(super) fn topics(params: &Params) -> Result<BTreeMap<String, usize>, ConnectionError> {
    let consumer: BaseConsumer = client_config(params)?.create()?;
    let metadata = consumer.fetch_metadata(None, ANSWER_MAX)?;
    Ok(metadata.topics().iter().map(|t| (t.name().to_owned(), t.partitions().len())).collect())
}

/// Reads the alert topic without joining a group, so that it disturbs nobody.
pub(super) struct AlertReader {
    consumer: BaseConsumer,
}

impl AlertReader {
    /// Starts at the end of the topic, or at its beginning.
    pub(super) fn open(
        params: &Params,
        topic: &str,
        is_from_beginning: bool,
    ) -> Result<Self, ConnectionError> {
        let mut config = client_config(params)?;
        config
            .set("group.id", "txwarden-tail")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed");
        let consumer: BaseConsumer = config.create()?;
        let metadata = consumer.fetch_metadata(Some(topic), ANSWER_MAX)?;
        let mut list = TopicPartitionList::new();
        let offset = if is_from_beginning { Offset::Beginning } else { Offset::End };
        for partition in metadata.topics().iter().flat_map(|t| t.partitions()) {
            list.add_partition_offset(topic, partition.id(), offset)?;
        }
        consumer.assign(&list)?;
        Ok(Self { consumer })
    }

    /// Returns the next alert, or `None` after a short wait; what is no alert is an error text.
    pub(super) fn next_alert(&self) -> Option<Result<Result<Alert, String>, KafkaError>> {
        let message = match self.consumer.poll(Duration::from_millis(200))? {
            Ok(message) => message,
            Err(error) => return Some(Err(error)),
        };
        let alert = serde_json::from_slice(message.payload().unwrap_or_default());
        Some(Ok(alert.map_err(|e| {
            format!("partition {} offset {}: no alert: {e}", message.partition(), message.offset())
        })))
    }
}
