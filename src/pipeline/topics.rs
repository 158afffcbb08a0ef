//! Checks the topics before the start, and creates the missing output topics if asked to.

use super::{Observer, Params, RuntimeError, retention};
use crate::kafka::{self, ClientLog, Closing, Codecs, Patience, client_config, open};
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

/// Checks input and output topics; returns how many partitions each topic has.
///
/// # Errors
/// A sentence for the operator when a topic is missing or has too many partitions.
pub fn prepare(
    params: &Params,
    stop: &AtomicBool,
    observer: &dyn Observer,
) -> Result<BTreeMap<String, usize>, RuntimeError> {
    let admin = connect(&params.kafka)?;
    let done = widths(&admin, stop)
        .and_then(|widths| check(params, &admin, &widths, observer).map(|()| widths));
    // Without a broker a client may take its time to end.
    Closing::begin(admin);
    done
}

fn check(
    params: &Params,
    admin: &AdminClient<ClientLog>,
    n_partitions: &BTreeMap<String, usize>,
    observer: &dyn Observer,
) -> Result<(), RuntimeError> {
    check_inputs(params, n_partitions, observer)?;
    let outputs = &params.outputs;
    let mut missing = outputs.topics().to_vec();
    missing.retain(|topic| !n_partitions.contains_key(*topic));
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

/// Checks how many partitions the inputs have, at the start and whenever one has grown.
///
/// # Errors
/// A sentence for the operator when a topic is missing or has too many partitions.
pub fn check_inputs(
    params: &Params,
    n_partitions: &BTreeMap<String, usize>,
    observer: &dyn Observer,
) -> Result<(), RuntimeError> {
    let mut of_chain: BTreeMap<&str, usize> = BTreeMap::new();
    for input in &params.inputs {
        let n = n_partitions.get(&input.topic).copied().unwrap_or_default();
        *of_chain.entry(&input.chain).or_default() += n;
    }
    // Before any refusal: that is what the metric is for.
    of_chain.iter().for_each(|(chain, n)| observer.chain_partitions(chain, *n));
    for input in &params.inputs {
        let topic = &input.topic;
        match n_partitions.get(topic) {
            None | Some(0) => return refuse(format!("input topic {topic} does not exist")),
            Some(1) => {}
            Some(_) if input.allow_partitions => {}
            Some(n) => {
                return refuse(format!(
                    "input topic {topic} has {n} partitions: a chain's accounts need one ordered \
                     partition; merge them with a stream of route:, or set allow_partitions: true \
                     to judge each partition on its own"
                ));
            }
        }
    }
    for (chain, n) in of_chain.into_iter().filter(|(_, n)| *n > 1) {
        tracing::warn!(
            chain,
            partitions = n,
            "one chain in several partitions: each is judged on its own, and no account's \
             history is whole; merge them with a stream of route:"
        );
    }
    Ok(())
}

/// Says that a topic that `route` writes has more partitions than one.
pub fn not_one(topic: &str, n: usize) -> RuntimeError {
    RuntimeError::Refused(format!(
        "{topic} has {n} partitions: what is merged needs one order; create it anew with one"
    ))
}

/// Checks the topics of a stage before `run`: inputs of any width, outputs with one partition,
/// which are created when they are missing and `is_creating`.
///
/// # Errors
/// A sentence for the operator.
pub fn prepare_topics(
    kafka: &kafka::Params,
    inputs: &[&str],
    outputs: &[&str],
    is_creating: bool,
    stop: &AtomicBool,
) -> Result<(), RuntimeError> {
    let admin = connect(kafka)?;
    let done = widths(&admin, stop).and_then(|widths| {
        let width = |topic: &str| widths.get(topic).copied().unwrap_or_default();
        if let Some(topic) = inputs.iter().find(|topic| width(topic) == 0) {
            return refuse(format!("input topic {topic} of route.streams does not exist"));
        }
        if let Some(topic) = outputs.iter().find(|topic| width(topic) > 1) {
            return Err(not_one(topic, width(topic)));
        }
        let missing: Vec<&str> = outputs.iter().copied().filter(|t| width(t) == 0).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if !is_creating {
            return refuse(format!(
                "topic {} does not exist: create it with one partition, or set \
                 outputs.create_topics: true",
                missing.join(" and ")
            ));
        }
        // -1: the cluster's default replication.
        let new = missing.iter().map(|topic| {
            let new = NewTopic::new(topic, 1, TopicReplication::Fixed(-1));
            new.set("retention.ms", ALERT_RETENTION_MS)
        });
        create(&admin, &new.collect::<Vec<_>>())
    });
    Closing::begin(admin);
    done
}

/// Makes the client, after a look at what can be read at all.
fn connect(kafka: &kafka::Params) -> Result<AdminClient<ClientLog>, RuntimeError> {
    let codecs = Codecs::ask(kafka)?;
    codecs.require_all().map_err(RuntimeError::Refused)?;
    tracing::info!(%codecs, "codecs built in");
    open(&client_config(kafka)?, ClientLog::default())
        .map_err(|source| RuntimeError::Kafka { what: "cannot create a kafka client", source })
}

/// Asks how many partitions each topic has.
fn widths(
    admin: &AdminClient<ClientLog>,
    stop: &AtomicBool,
) -> Result<BTreeMap<String, usize>, RuntimeError> {
    let client = admin.inner();
    let answer = Patience::new(ANSWER_MAX, stop).ask(|slice| {
        let answer = client.fetch_metadata(None, slice);
        answer.inspect_err(|error| client.context().report(error, "waiting for the brokers"))
    });
    let metadata = answer.map_err(|source| RuntimeError::Kafka {
        what: "no broker of kafka.brokers says which topics there are",
        source,
    })?;
    let topics = metadata.topics().iter();
    Ok(topics.map(|t| (t.name().to_owned(), t.partitions().len())).collect())
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
