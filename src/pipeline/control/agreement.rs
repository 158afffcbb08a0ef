//! What the partitions of a topic, in whatever processes, have to agree upon: the first entry that
//! stands in the control topic counts, because there all of them see one order.

use super::log::read_unchecked;
use crate::{
    decode::Wrapping,
    journal::{Change, ControlEntry, WHOLE_TOPIC},
    kafka::{ClientLog, Closing, Params, Patience, client_config, open},
    model::{GroupPartition, TopicPartition},
    ops::clock,
    pipeline::RuntimeError,
};
use rdkafka::{
    error::KafkaError,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

/// How long each question to the control topic may take: a transaction that somebody left open
/// hides what was written after it until it times out.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Where partitions agree.
pub trait Agreement: Send + Sync {
    /// Returns what the records of a topic are wrapped in: what was decided first, else what a
    /// record of this partition shows.
    ///
    /// # Errors
    /// A sentence for the operator, when it cannot be known.
    fn on_envelope(
        &self,
        at: &TopicPartition,
        offset: i64,
        shown: &Wrapping,
    ) -> Result<Wrapping, String>;
}

/// Agreement by the control topic. A question is asked once a topic and process.
pub struct Ballot<'a> {
    kafka: &'a Params,
    control: &'a str,
    stop: &'a AtomicBool,
    /// By topic; as many as there are inputs.
    decided: Mutex<BTreeMap<String, Wrapping>>,
}

impl<'a> Ballot<'a> {
    /// Makes a ballot that nobody has asked.
    pub fn new(kafka: &'a Params, control: &'a str, stop: &'a AtomicBool) -> Self {
        Self { kafka, control, stop, decided: Mutex::default() }
    }

    /// Returns the first entry of a topic, among at least so many.
    fn first(
        &self,
        place: &GroupPartition,
        n_expected: u64,
    ) -> Result<Option<Wrapping>, RuntimeError> {
        let patience = Patience::new(ANSWER_MAX, self.stop);
        let expected = BTreeMap::from([(place.clone(), n_expected)]);
        let log = read_unchecked(self.kafka, self.control, &expected, patience)?;
        let mut changes = log.into_values().flatten().map(|entry| entry.change);
        Ok(changes.find_map(|change| match change {
            Change::Envelope { envelope, .. } => Some(envelope),
            _ => None,
        }))
    }

    /// Writes what a record shows, outside of any transaction: whoever replays takes the setup that
    /// follows from the first of these entries, so that one too many does no harm.
    fn propose(&self, entry: &ControlEntry) -> Result<(), RuntimeError> {
        let cannot = |source| RuntimeError::Kafka { what: "cannot write a control entry", source };
        // INVARIANT: our own types always become JSON.
        let body = serde_json::to_vec(entry).map_err(|_| cannot(KafkaError::Canceled))?;
        let mut config = client_config(self.kafka)?;
        for (name, value) in [
            ("enable.idempotence", "true"),
            // All entries of a key are in one partition, whoever wrote them.
            ("partitioner", "murmur2_random"),
        ] {
            config.set(name, value);
        }
        let producer: BaseProducer<ClientLog> =
            open(&config, ClientLog::default()).map_err(cannot)?;
        let key = entry.key();
        let record = BaseRecord::to(self.control).key(&key).payload(&body);
        let sent = producer.send(record).map_err(|(error, _)| error);
        // That it arrived is known when it is read back.
        let flushed = sent.and_then(|()| producer.flush(ANSWER_MAX));
        Closing::begin(producer);
        flushed.map_err(cannot)
    }

    fn agree(
        &self,
        at: &TopicPartition,
        offset: i64,
        shown: &Wrapping,
    ) -> Result<Wrapping, RuntimeError> {
        let (group, topic) = (self.kafka.group.clone(), at.topic.clone());
        let place = GroupPartition { group, topic, partition: WHOLE_TOPIC };
        if let Some(first) = self.first(&place, 0)? {
            return Ok(first);
        }
        let change = Change::Envelope { envelope: shown.clone(), shown_in: at.partition };
        let (schema, at_ms) = (ControlEntry::SCHEMA.to_owned(), clock::now_ms());
        self.propose(&ControlEntry { schema, place: place.clone(), n: 0, offset, change, at_ms })?;
        let gone = RuntimeError::Deadline {
            what: "reading back what the records of a topic are wrapped in",
            seconds: ANSWER_MAX.as_secs(),
        };
        self.first(&place, 1)?.ok_or(gone)
    }
}

impl Agreement for Ballot<'_> {
    fn on_envelope(
        &self,
        at: &TopicPartition,
        offset: i64,
        shown: &Wrapping,
    ) -> Result<Wrapping, String> {
        // Held while asking: workers of one process do not race each other.
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = decided.get(&at.topic) {
            return Ok(known.clone());
        }
        let found = self.agree(at, offset, shown).map_err(|error| {
            format!(
                "what the records of topic {} are wrapped in cannot be agreed upon ({error}): \
                 write `envelope: {shown}` for this input, or start again",
                at.topic
            )
        })?;
        decided.insert(at.topic.clone(), found.clone());
        Ok(found)
    }
}
