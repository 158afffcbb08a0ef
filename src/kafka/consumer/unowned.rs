//! Partitions that no member owns although the group is at rest, and how they find an owner.
//!
//! Under `cooperative-sticky` a partition moves in two rounds: its owner gives it up and joins
//! again, then the new owner gets it. A static member that dies in between and comes back within
//! its session is handed what the first round had left it, without another round: nobody owns the
//! partition any more, and nothing makes the group look again. So static members look themselves.

use crate::{
    kafka::{Closing, ConnectionError, Params, client_config, consumer_config, open},
    model::TopicPartition,
};
use rdkafka::{
    consumer::{BaseConsumer, Consumer as _, DefaultConsumerContext},
    error::KafkaResult,
};
use std::{
    collections::BTreeSet,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// How often to look; two looks in a row decide.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How long a broker may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// How long the visitor stays in the group: all others have joined again long before.
const VISIT_MAX: Duration = Duration::from_secs(10);

/// Looks for partitions without an owner, on a thread and with a client of its own: an answer may
/// take as long as a fetch waits. Ends when dropped.
pub struct Lookout {
    _alive: SyncSender<()>,
}

impl Lookout {
    /// Starts to look. `visited` is a topic that is no input.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn start(params: &Params, inputs: &[&str], visited: &str) -> Result<Self, ConnectionError> {
        let client: BaseConsumer = open(&client_config(params)?, DefaultConsumerContext)?;
        let (alive, is_over) = sync_channel(1);
        let inputs = inputs.iter().map(|topic| (*topic).to_owned()).collect();
        let look =
            AssignmentLook { client, params: params.clone(), inputs, visited: visited.to_owned() };
        let body = move || {
            look.until(&is_over);
            Closing::begin(look.client);
        };
        if let Err(error) = thread::Builder::new().name("lookout".to_owned()).spawn(body) {
            tracing::warn!(%error, "partitions without an owner go unnoticed");
        }
        Ok(Self { _alive: alive })
    }
}

struct AssignmentLook {
    client: BaseConsumer,
    params: Params,
    inputs: Vec<String>,
    visited: String,
}

impl AssignmentLook {
    /// Looks until the other end is gone; a partition without an owner at two looks in a row (a
    /// rebalance under way may look the same once) makes the group share out again.
    fn until(&self, is_over: &Receiver<()>) {
        let mut before = BTreeSet::new();
        while is_over.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            // Without an answer the next look asks again.
            let seen = self.unowned().unwrap_or_default();
            let partitions: Vec<_> = seen.intersection(&before).collect();
            if partitions.is_empty() {
                before = seen;
                continue;
            }
            tracing::warn!(?partitions, "partitions without an owner: the group shares out again");
            if let Err(error) = self.visit() {
                tracing::warn!(%error, "cannot visit the group");
            }
            before = BTreeSet::new();
        }
    }

    /// Returns the input partitions that no member owns while the group is stable.
    fn unowned(&self) -> KafkaResult<BTreeSet<TopicPartition>> {
        let group = &self.params.group;
        let list = self.client.fetch_group_list(Some(group), ANSWER_MAX)?;
        let is_stable =
            |g: &&rdkafka::groups::GroupInfo| g.name() == group && g.state() == "Stable";
        let Some(found) = list.groups().iter().find(is_stable) else {
            return Ok(BTreeSet::new());
        };
        let assignments = found.members().iter().filter_map(|m| m.assignment());
        let owned: BTreeSet<_> =
            assignments.flat_map(|bytes| AssignmentReader(bytes).read()).collect();
        let mut all = BTreeSet::new();
        for topic in &self.inputs {
            let metadata = self.client.fetch_metadata(Some(topic), ANSWER_MAX)?;
            for partition in metadata.topics().iter().flat_map(|t| t.partitions()) {
                all.insert(TopicPartition { topic: topic.clone(), partition: partition.id() });
            }
        }
        Ok(all.difference(&owned).cloned().collect())
    }

    /// Joins the group for a moment, with an interest in another topic only: that makes all members
    /// join again, and takes no input partition from anybody.
    fn visit(&self) -> Result<(), ConnectionError> {
        let dynamic = Params { is_static_member: false, ..self.params.clone() };
        let visitor: BaseConsumer = open(&consumer_config(&dynamic, 0)?, DefaultConsumerContext)?;
        visitor.subscribe(&[&self.visited])?;
        let until = Instant::now() + VISIT_MAX;
        while Instant::now() < until && visitor.assignment()?.count() == 0 {
            // Whatever it reads is of no interest.
            let _ = visitor.poll(Duration::from_millis(50));
        }
        Closing::begin(visitor);
        Ok(())
    }
}

/// Reads an assignment of the consumer protocol: version, then topics with their partitions.
struct AssignmentReader<'a>(&'a [u8]);

impl AssignmentReader<'_> {
    /// Returns what can be read: other members write it, so it need not be well-formed.
    fn read(mut self) -> Vec<TopicPartition> {
        let mut found = Vec::new();
        let Some(n_topics) = self.i16().and_then(|_version| self.i32()) else { return found };
        for _ in 0..n_topics {
            let Some(topic) = self.text() else { return found };
            let Some(n) = self.i32() else { return found };
            for _ in 0..n {
                let Some(partition) = self.i32() else { return found };
                found.push(TopicPartition { topic: topic.clone(), partition });
            }
        }
        found
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let n = usize::try_from(self.i16()?).ok()?;
        let (text, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_as_far_as_it_goes() {
        let mut bytes = vec![0, 1, 0, 0, 0, 2];
        for (topic, partitions) in [("ab", vec![0, 7]), ("c", vec![2])] {
            bytes.extend((topic.len() as i16).to_be_bytes());
            bytes.extend(topic.as_bytes());
            bytes.extend((partitions.len() as i32).to_be_bytes());
            partitions.iter().for_each(|p: &i32| bytes.extend(p.to_be_bytes()));
        }
        let at = |topic: &str, partition| TopicPartition { topic: topic.to_owned(), partition };
        let all = [at("ab", 0), at("ab", 7), at("c", 2)];
        assert_eq!(AssignmentReader(&bytes).read(), all);
        for n in 0..bytes.len() {
            let part = AssignmentReader(&bytes[..n]).read();
            assert_eq!(part, all[..part.len()], "{n} bytes");
        }
        assert!(AssignmentReader(&[0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff]).read().is_empty());
    }
}
