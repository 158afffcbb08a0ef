//! Checks the topics before the start, and creates the missing output topics if asked to.

use super::{Params, RuntimeError, retention};
use crate::ops::kafka::{ClientLog, Closing, Patience, client_config};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{collections::BTreeMap, sync::atomic::AtomicBool, time::Duration};

/// How long the cluster may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Partitions of a created alert topic: enough for a few consumers side by side.
const ALERT_PARTITIONS: i32 = 3;

/// Alerts are kept for 30 days, and so is what proves them.
const ALERT_RETENTION_MS: &str = "2592000000";

/// The control log is kept for ever: every replay needs it from its start.
const CONTROL_RETENTION_MS: &str = "-1";

/// Checks input and output topics.
///
/// # Errors
/// A sentence for the operator when a topic is missing or has too many partitions.
pub fn prepare(params: &Params, stop: &AtomicBool) -> Result<(), RuntimeError> {
    let admin: AdminClient<ClientLog> = client_config(&params.kafka)?
        .create_with_context(ClientLog::default())
        .map_err(|source| RuntimeError::Kafka { what: "cannot create a kafka client", source })?;
    let done = check(params, &admin, stop);
    // Without a broker a client may take its time to end.
    Closing::begin(admin);
    done
}

fn check(
    params: &Params,
    admin: &AdminClient<ClientLog>,
    stop: &AtomicBool,
) -> Result<(), RuntimeError> {
    let client = admin.inner();
    let answer = Patience::new(ANSWER_MAX, stop).ask(|slice| {
        let answer = client.fetch_metadata(None, slice);
        answer.inspect_err(|error| client.context().report(error, "waiting for the brokers"))
    });
    let metadata = answer.map_err(|source| RuntimeError::Kafka {
        what: "no broker of kafka.brokers says which topics there are",
        source,
    })?;
    let n_partitions: BTreeMap<&str, usize> =
        metadata.topics().iter().map(|t| (t.name(), t.partitions().len())).collect();
    for input in &params.inputs {
        let topic = &input.topic;
        match n_partitions.get(topic.as_str()) {
            None | Some(0) => return refuse(format!("input topic {topic} does not exist")),
            Some(1) => {}
            Some(n) if input.allow_partitions => {
                tracing::warn!(topic, n, "accounts are judged by partition, not by chain");
            }
            Some(n) => {
                return refuse(format!(
                    "input topic {topic} has {n} partitions: a chain's accounts need one ordered \
                     partition; merge them first, or set allow_partitions: true to judge each \
                     partition on its own"
                ));
            }
        }
    }
    let outputs = &params.outputs;
    let mut missing = outputs.topics().to_vec();
    missing.retain(|topic| !n_partitions.contains_key(topic));
    if missing.is_empty() {
        retention::compare(admin, outputs);
        return Ok(());
    }
    if !outputs.create_topics {
        return refuse(format!(
            "output topic {} does not exist: create it, or set outputs.create_topics: true",
            missing.join(" and ")
        ));
    }
    let new: Vec<NewTopic<'_>> = missing
        .iter()
        .map(|&topic| {
            let n = if topic == outputs.alerts { ALERT_PARTITIONS } else { 1 };
            let is_control = topic == outputs.control;
            let retention = if is_control { CONTROL_RETENTION_MS } else { ALERT_RETENTION_MS };
            // -1: the cluster's default replication.
            NewTopic::new(topic, n, TopicReplication::Fixed(-1)).set("retention.ms", retention)
        })
        .collect();
    create(admin, &new)
}

fn create(admin: &AdminClient<ClientLog>, topics: &[NewTopic<'_>]) -> Result<(), RuntimeError> {
    let failed = |source| RuntimeError::Kafka { what: "cannot create the output topics", source };
    let options = AdminOptions::new().operation_timeout(Some(ANSWER_MAX));
    let waiting = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(RuntimeError::Thread)?
        .block_on(admin.create_topics(topics, &options))
        .map_err(failed)?;
    for result in waiting {
        match result {
            Ok(topic) => tracing::info!(topic, "topic created"),
            // Another process was faster.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(failed(KafkaError::AdminOp(code))),
        }
    }
    Ok(())
}

fn refuse(sentence: String) -> Result<(), RuntimeError> {
    Err(RuntimeError::Refused(sentence))
}
