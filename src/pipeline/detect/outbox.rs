//! The outputs of a batch, in the order of their records.

use crate::{
    engine::DeadLetter,
    kafka::producer::{Message, OutputTopic},
    model::{Record, TopicPartition},
    pipeline::message::{self, DeadLetterOrigin},
};
use std::hash::{BuildHasher, RandomState};

/// The outputs of a batch, in the order of their records.
#[derive(Default)]
pub struct Outbox {
    pub messages: Vec<Message>,
    /// Drawn anew for every attempt to commit.
    pub checkpoints: Vec<Message>,
    /// Of each checkpoint: its partition.
    pub covered: Vec<TopicPartition>,
    /// Of each message: its partition, and its record's Kafka time where it is an alert.
    origins: Vec<(TopicPartition, Option<i64>)>,
    n_bytes: usize,
}

impl Outbox {
    /// Adds a dead letter.
    pub fn dead_letter(
        &mut self,
        letter: &DeadLetter,
        group: &str,
        at: &TopicPartition,
        record: Record<'_>,
    ) {
        let coordinates = DeadLetterOrigin {
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            key: record.key,
            reason: letter.reason.as_str(),
            disposition: letter.disposition.as_str(),
        };
        let made = message::of_dead_letter(letter, coordinates);
        // INVARIANT: our own types always become JSON; losing a letter silently is worse.
        assert!(made.is_ok(), "a dead letter cannot be written as JSON");
        if let Ok(mut message) = made {
            message.headers.push(("dlq-group", group.to_owned()));
            self.push(message, at, None);
        }
    }

    /// Adds a message of a partition; `kafka_ms` is the time of the record that raised an alert.
    pub fn push(&mut self, message: Message, at: &TopicPartition, kafka_ms: Option<i64>) {
        self.n_bytes += message.body.len();
        self.messages.push(message);
        self.origins.push((at.clone(), kafka_ms));
    }

    /// Returns how many bytes of bodies there are.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Returns how many messages there are for an output.
    pub fn count(&self, output: OutputTopic) -> usize {
        self.messages.iter().filter(|m| m.output == output).count()
    }

    /// Returns the Kafka times of the records that raised alerts.
    pub fn alerted_at(&self) -> impl Iterator<Item = i64> {
        self.origins.iter().filter_map(|(_, ms)| *ms)
    }

    /// Forgets what belongs to partitions that are gone.
    pub fn remove(&mut self, gone: &[TopicPartition]) {
        let kept = self.origins.iter().map(|(at, _)| !gone.contains(at)).collect::<Vec<_>>();
        let mut keep = kept.iter();
        self.messages.retain(|_| keep.next() == Some(&true));
        self.origins.retain(|(at, _)| !gone.contains(at));
        self.n_bytes = self.messages.iter().map(|m| m.body.len()).sum();
    }

    /// Puts the messages into a random order: a negative control of the fault suite.
    pub fn scramble(&mut self) {
        let random = RandomState::new();
        let messages = self.messages.drain(..).zip(self.origins.drain(..));
        let mut pairs: Vec<_> = messages.collect();
        pairs.sort_by_cached_key(|(message, _)| random.hash_one(&message.body));
        (self.messages, self.origins) = pairs.into_iter().unzip();
    }
}
