//! Partitions as lists that librdkafka takes.

use crate::model::TopicPartition;
use rdkafka::{Offset, TopicPartitionList, error::KafkaResult};

/// Makes a list of offsets with metadata.
///
/// # Errors
/// When an offset is negative.
pub fn offset_list<'a>(
    offsets: impl IntoIterator<Item = (&'a TopicPartition, i64, &'a str)>,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (at, offset, metadata) in offsets {
        let mut element = list.add_partition(&at.topic, at.partition);
        element.set_offset(Offset::Offset(offset))?;
        if !metadata.is_empty() {
            // At most once for each element: a second text would leak the first.
            element.set_metadata(metadata);
        }
    }
    Ok(list)
}

/// Makes a list without offsets.
pub fn plain_list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for at in partitions {
        list.add_partition(&at.topic, at.partition);
    }
    list
}
