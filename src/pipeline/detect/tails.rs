//! Reads the ends of our own output topics: what they prove outlives a lost offset.

use crate::{
    journal::takeover::{ProgressEvidence, Tails, Witness, add},
    kafka::{Closing, Params, Patience, client_config, offset_list, open, record_of},
    model::TopicPartition,
    pipeline::{Outputs, RuntimeError},
};
use rdkafka::{
    consumer::{BaseConsumer, Consumer as _, DefaultConsumerContext},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use serde::Deserialize;
use std::collections::BTreeSet;

/// How far back the end of an output partition is read: enough to hold the last batch of each of a
/// few inputs, little enough to hold up a takeover by some tenths of a second.
const TAIL_RECORDS_MAX: i64 = 500;

/// Reads the ends of the output topics for what they say about this group's inputs.
///
/// # Errors
/// When no broker answers in time. Topics that may not be read are left out, with a warning.
pub fn tails(
    params: &Params,
    outputs: &Outputs,
    patience: Patience<'_>,
) -> Result<Tails, RuntimeError> {
    let cannot = |source| RuntimeError::Kafka { what: "cannot read the end of an output", source };
    let mut config = client_config(params)?;
    config
        .set("group.id", &params.group)
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        // The next question waits behind a fetch that waits for records: there are some twenty.
        .set("fetch.wait.max.ms", "10")
        .set("queued.max.messages.kbytes", "8192");
    let consumer: BaseConsumer = open(&config, DefaultConsumerContext).map_err(cannot)?;
    let mut found = Tails::new();
    let topics = [
        (Witness::Alert, &outputs.alerts),
        (Witness::DeadLetter, &outputs.dead_letters),
        (Witness::Checkpoint, &outputs.checkpoints),
        (Witness::Control, &outputs.control),
    ];
    let mut done = Ok(());
    for (witness, topic) in topics {
        let of = |message: &BorrowedMessage<'_>| read(witness, message, &params.group);
        match tail(&consumer, topic, patience, of, &mut found) {
            Err(error) if is_forbidden(&error) => {
                tracing::warn!(topic, %error, "output cannot be read: lost offsets go unnoticed");
            }
            other => done = done.and(other),
        }
    }
    Closing::begin(consumer);
    done.map_err(cannot)?;
    Ok(found)
}

fn tail(
    consumer: &BaseConsumer,
    topic: &str,
    patience: Patience<'_>,
    of: impl Fn(&BorrowedMessage<'_>) -> Option<(TopicPartition, ProgressEvidence)>,
    found: &mut Tails,
) -> KafkaResult<()> {
    let metadata = patience.ask(|slice| consumer.fetch_metadata(Some(topic), slice))?;
    let n = metadata.topics().first().map_or(0, |t| t.partitions().len());
    let mut starts = Vec::with_capacity(n);
    for partition in (0..).take(n) {
        let at = TopicPartition { topic: topic.to_owned(), partition };
        let (low, high) =
            patience.ask(|slice| consumer.fetch_watermarks(topic, partition, slice))?;
        if high > low {
            starts.push((at, low.max(high - TAIL_RECORDS_MAX)));
        }
    }
    consumer.assign(&offset_list(starts.iter().map(|(at, start)| (at, *start, "")))?)?;
    // A partition that grows meanwhile ends more than once.
    let mut open: BTreeSet<i32> = starts.iter().map(|(at, _)| at.partition).collect();
    while !open.is_empty() {
        match consumer.poll(patience.slice()) {
            Some(Ok(message)) => {
                if let Some((at, evidence)) = of(&message) {
                    add(found.entry(at).or_default(), evidence);
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
            Some(Err(error)) if is_forbidden(&error) || patience.is_over() => return Err(error),
            Some(Err(_)) => {}
            None if patience.is_over() => {
                return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut));
            }
            None => {}
        }
    }
    consumer.unassign()
}

/// The part of an alert, checkpoint or control entry that says where it belongs.
#[derive(Deserialize)]
struct MessageOrigin {
    group: Option<String>,
    topic: String,
    partition: i32,
    /// An alert's record, or the next record at a checkpoint or control entry.
    #[serde(alias = "next_offset")]
    offset: i64,
    seq: Option<u64>,
    #[serde(alias = "hash")]
    head: Option<String>,
}

#[derive(Deserialize)]
struct AlertBody {
    provenance: MessageOrigin,
}

/// Reads what a message proves about which input; `None` when it is another group's, or foreign.
fn read(
    witness: Witness,
    message: &BorrowedMessage<'_>,
    group: &str,
) -> Option<(TopicPartition, ProgressEvidence)> {
    let mut headers = Vec::new();
    let record = record_of(message, &mut headers);
    let header = |name: &str| {
        let found = record.headers.iter().find(|(key, _)| *key == name);
        found.and_then(|(_, value)| str::from_utf8(value).ok())
    };
    let body = record.value.unwrap_or_default();
    let (origin, next) = match witness {
        Witness::DeadLetter => {
            let is_ours = header("dlq-group")? == group;
            let place = TopicPartition {
                topic: header("dlq-topic")?.to_owned(),
                partition: header("dlq-partition")?.parse().ok()?,
            };
            let offset: i64 = header("dlq-offset")?.parse().ok()?;
            let (next, seq, head) = (offset + 1, None, None);
            return is_ours.then_some((place, ProgressEvidence { witness, next, seq, head }));
        }
        Witness::Alert => {
            if header("ce_source")? != format!("/txwarden/{group}") {
                return None;
            }
            let origin = serde_json::from_slice::<AlertBody>(body).ok()?.provenance;
            let next = origin.offset + 1;
            (origin, next)
        }
        _ => {
            let origin: MessageOrigin = serde_json::from_slice(body).ok()?;
            if origin.group.as_deref() != Some(group) {
                return None;
            }
            let next = origin.offset;
            (origin, next)
        }
    };
    let place = TopicPartition { topic: origin.topic, partition: origin.partition };
    Some((place, ProgressEvidence { witness, next, seq: origin.seq, head: origin.head }))
}

fn is_forbidden(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed)
}
