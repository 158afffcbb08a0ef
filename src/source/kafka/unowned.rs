//! Partitions that no member owns although the group is at rest, and how they find an owner.
//!
//! Under `cooperative-sticky` a partition moves in two rounds: its owner gives it up and joins
//! again, then the new owner gets it. A static member that dies in between and comes back within
//! its session is handed what the first round had left it, without another round: nobody owns the
//! partition any more, and nothing makes the group look again. So static members look themselves.

use super::Consumer;
use crate::ops::kafka::{ConnectionError, Params, TopicPartition, consumer_config, drop_in_time};
use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaResult,
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a broker may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// How long the visitor stays in the group: all others have joined again long before.
const VISIT_MAX: Duration = Duration::from_secs(10);

/// How long closing the visitor may take.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// Looks for partitions without an owner, and has the group share them out.
#[derive(Default)]
pub struct Unowned {
    /// What had no owner at the last look: a rebalance under way may look the same once.
    seen: BTreeSet<TopicPartition>,
    is_visiting: Arc<AtomicBool>,
}

impl Unowned {
    /// Looks once; a partition without an owner at two looks in a row makes the group rebalance.
    ///
    /// Returns the partitions because of which it does.
    ///
    /// # Errors
    /// When no broker answers in time, or no client can be made.
    pub fn look(
        &mut self,
        consumer: &Consumer,
        params: &Params,
        inputs: &[&str],
        visited: &str,
    ) -> Result<Vec<TopicPartition>, ConnectionError> {
        if self.is_visiting.load(Ordering::Acquire) {
            return Ok(Vec::new());
        }
        let before = std::mem::take(&mut self.seen);
        self.seen = consumer.unowned(&params.group, inputs)?;
        let both: Vec<_> = self.seen.intersection(&before).cloned().collect();
        if !both.is_empty() {
            self.seen.clear();
            visit(params, visited, Arc::clone(&self.is_visiting))?;
        }
        Ok(both)
    }
}

impl Consumer {
    /// Returns the partitions of some topics that no member owns while the group is stable.
    fn unowned(&self, group: &str, topics: &[&str]) -> KafkaResult<BTreeSet<TopicPartition>> {
        let list = self.inner.fetch_group_list(Some(group), ANSWER_MAX)?;
        let Some(found) = list.groups().iter().find(|g| g.name() == group) else {
            return Ok(BTreeSet::new());
        };
        if found.state() != "Stable" {
            return Ok(BTreeSet::new());
        }
        let assignments = found.members().iter().filter_map(|m| m.assignment());
        let owned: BTreeSet<_> = assignments.flat_map(|bytes| Reader(bytes).read()).collect();
        let mut all = BTreeSet::new();
        for topic in topics {
            let metadata = self.inner.fetch_metadata(Some(topic), ANSWER_MAX)?;
            for partition in metadata.topics().iter().flat_map(|t| t.partitions()) {
                let topic = (*topic).to_owned();
                all.insert(TopicPartition { topic, partition: partition.id() });
            }
        }
        Ok(all.difference(&owned).cloned().collect())
    }
}

/// Joins the group for a moment, with an interest in another topic only: that makes all members
/// join again, and takes no input partition from anybody.
fn visit(params: &Params, topic: &str, flag: Arc<AtomicBool>) -> Result<(), ConnectionError> {
    let dynamic = Params { is_static_member: false, ..params.clone() };
    let config = consumer_config(&dynamic, 0)?;
    let visitor: BaseConsumer = config.create()?;
    visitor.subscribe(&[topic])?;
    flag.store(true, Ordering::Release);
    let done = Arc::clone(&flag);
    let body = move || {
        let until = Instant::now() + VISIT_MAX;
        let is_assigned = || visitor.assignment().is_ok_and(|list| list.count() > 0);
        while !is_assigned() && Instant::now() < until {
            // Nothing is read: its records are of no interest.
            let _ = visitor.poll(Duration::from_millis(50));
        }
        drop_in_time(visitor, CLOSE_MAX);
        done.store(false, Ordering::Release);
    };
    if thread::Builder::new().name("visitor".to_owned()).spawn(body).is_err() {
        // The next look tries again.
        flag.store(false, Ordering::Release);
    }
    Ok(())
}

/// Reads an assignment of the consumer protocol: version, then topics with their partitions.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
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
        assert_eq!(Reader(&bytes).read(), all);
        for n in 0..bytes.len() {
            let part = Reader(&bytes[..n]).read();
            assert_eq!(part, all[..part.len()], "{n} bytes");
        }
        assert!(Reader(&[0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff]).read().is_empty());
    }
}
