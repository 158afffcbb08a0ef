//! Reads the control topic back at a takeover.

use crate::{
    journal::{ControlEntry, ENTRIES_MAX, check},
    kafka::{ClientLog, Closing, Params, Patience, client_config, open},
    model::GroupPartition,
    pipeline::RuntimeError,
};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};
use std::{collections::BTreeMap, time::Duration};

/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);

/// The entries of places, in their order.
pub type ControlLogs = BTreeMap<GroupPartition, Vec<ControlEntry>>;

/// Reads the entries of `places`, of each at least as many as `expected` says: those are committed,
/// and the broker may be a moment late to show them.
///
/// # Errors
/// When the topic cannot be read, or does not hold what it must.
pub fn read(
    params: &Params,
    topic: &str,
    expected: &BTreeMap<GroupPartition, u64>,
    patience: Patience<'_>,
) -> Result<ControlLogs, RuntimeError> {
    let mut log = read_unchecked(params, topic, expected, patience)?;
    for (place, entries) in &mut log {
        // One key, one partition, one order; unless partitions were added to the topic.
        entries.sort_by_key(|entry| entry.n);
        check(place, entries).map_err(RuntimeError::Refused)?;
    }
    Ok(log)
}

/// As [`read`], the entries of each place as they stand in the topic.
///
/// # Errors
/// When the topic cannot be read, or holds fewer.
pub(super) fn read_unchecked(
    params: &Params,
    topic: &str,
    expected: &BTreeMap<GroupPartition, u64>,
    patience: Patience<'_>,
) -> Result<ControlLogs, RuntimeError> {
    let cannot = |source| RuntimeError::Kafka { what: "cannot read the control log", source };
    let mut config = client_config(params)?;
    for (name, value) in [
        ("group.id", params.group.as_str()),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("isolation.level", "read_committed"),
        ("enable.partition.eof", "true"),
        ("queued.max.messages.kbytes", "16384"),
        ("fetch.queue.backoff.ms", "10"),
        // A partition's end is known when a fetch there returns: by default after half a second.
        ("fetch.wait.max.ms", "10"),
    ] {
        config.set(name, value);
    }
    let consumer: BaseConsumer<ClientLog> = open(&config, ClientLog::default()).map_err(cannot)?;
    let done = read_all(&consumer, topic, expected, patience);
    Closing::begin(consumer);
    done
}

fn read_all(
    consumer: &BaseConsumer<ClientLog>,
    topic: &str,
    expected: &BTreeMap<GroupPartition, u64>,
    patience: Patience<'_>,
) -> Result<ControlLogs, RuntimeError> {
    let cannot = |source| RuntimeError::Kafka { what: "cannot read the control log", source };
    let metadata =
        patience.ask(|slice| consumer.fetch_metadata(Some(topic), slice)).map_err(cannot)?;
    let n_partitions = metadata.topics().first().map_or(0, |t| t.partitions().len());
    let mut list = TopicPartitionList::with_capacity(n_partitions);
    for partition in 0..n_partitions {
        list.add_partition_offset(topic, partition as i32, Offset::Beginning).map_err(cannot)?;
    }
    consumer.assign(&list).map_err(cannot)?;
    let keys: BTreeMap<String, &GroupPartition> =
        expected.keys().map(|place| (place.to_string(), place)).collect();
    let mut log: ControlLogs = expected.keys().map(|place| (place.clone(), Vec::new())).collect();
    let mut ended = vec![n_partitions == 0; n_partitions];
    loop {
        let is_whole = |log: &ControlLogs| {
            let has = |(place, n): (&GroupPartition, &u64)| log[place].len() as u64 >= *n;
            expected.iter().all(has)
        };
        if ended.iter().all(|has_ended| *has_ended) && is_whole(&log) {
            return Ok(log);
        }
        if patience.is_stopped() {
            return Err(cannot(KafkaError::Canceled));
        }
        if patience.is_over() {
            return Err(incomplete(topic, expected, &log));
        }
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                let key = message.key().and_then(|key| std::str::from_utf8(key).ok());
                let Some(place) = key.and_then(|key| keys.get(key)) else { continue };
                let entries = log.entry((*place).clone()).or_default();
                entries.push(entry(topic, place, &message)?);
                if entries.len() > ENTRIES_MAX {
                    let what = format!("{topic} holds more than {ENTRIES_MAX} entries of {place}");
                    return Err(RuntimeError::Refused(what));
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                if let Some(has_ended) = ended.get_mut(partition as usize) {
                    *has_ended = true;
                }
            }
            Some(Err(error)) => consumer.context().report(&error, "control log"),
            None => {}
        }
    }
}

fn entry(
    topic: &str,
    place: &GroupPartition,
    message: &impl Message,
) -> Result<ControlEntry, RuntimeError> {
    let entry = ControlEntry::parse(message.payload().unwrap_or_default());
    let wrong = match &entry {
        Err(why) => why.as_str(),
        Ok(entry) if entry.place != *place => "its key is another place's",
        Ok(_) => "",
    };
    match entry {
        Ok(entry) if wrong.is_empty() => Ok(entry),
        _ => Err(RuntimeError::Refused(format!(
            "the record at {topic}/{}/{} is no control entry of {place} that this version knows: \
             {wrong}; use the version that wrote it, or restore the topic from a copy",
            message.partition(),
            message.offset()
        ))),
    }
}

fn incomplete(
    topic: &str,
    expected: &BTreeMap<GroupPartition, u64>,
    log: &ControlLogs,
) -> RuntimeError {
    let short = expected.iter().find(|(place, n)| (log[*place].len() as u64) < **n);
    match short {
        None => RuntimeError::Deadline { what: "reading the control log", seconds: 0 },
        Some((place, n)) => RuntimeError::Refused(format!(
            "{topic} holds {} control entries of {place}, but {n} were committed with its offset: \
             records of {topic} were deleted; restore them from a copy of the topic, or start a \
             new group",
            log[place].len()
        )),
    }
}
