//! Watches a group from outside: its committed offsets, and how long partitions stand still.

use crate::{broker::Broker, process::PATIENCE};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use std::time::{Duration, Instant};

/// Reads a group's committed offsets.
pub struct Watch {
    consumer: BaseConsumer,
    places: Vec<(String, i32)>,
}

impl Watch {
    /// Makes a watch of topics and partitions, in whose order offsets are told.
    pub fn new(broker: &Broker, group: &str, places: Vec<(String, i32)>) -> Self {
        let mut config = broker.config();
        // A pending transaction must not hold up whoever only watches.
        config.set("group.id", group).set("isolation.level", "read_uncommitted");
        Self { consumer: config.create().unwrap(), places }
    }

    /// Returns the committed offsets, 0 where there is none; `None` while no broker answers.
    pub fn committed(&self) -> Option<Vec<i64>> {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in &self.places {
            list.add_partition(topic, *partition);
        }
        let found = self.consumer.committed_offsets(list, Duration::from_secs(2)).ok()?;
        let offset = |(topic, partition): &(String, i32)| match found
            .find_partition(topic, *partition)
            .map(|e| e.offset())
        {
            Some(Offset::Offset(offset)) => offset,
            _ => 0,
        };
        Some(self.places.iter().map(offset).collect())
    }

    /// Commits every offset again with other metadata. The group must have no members.
    pub fn rewrite(&self, how: &dyn Fn(&str) -> String) {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in &self.places {
            list.add_partition(topic, *partition);
        }
        let found = self.consumer.committed_offsets(list, PATIENCE).unwrap();
        let mut list = TopicPartitionList::new();
        for element in found.elements() {
            let mut changed = list.add_partition(element.topic(), element.partition());
            changed.set_offset(element.offset()).unwrap();
            changed.set_metadata(how(element.metadata()));
        }
        self.consumer.commit(&list, CommitMode::Sync).unwrap();
    }

    /// Waits until the offsets are as wanted; says for how long, or what they are after all.
    pub fn wait(&self, is_wanted: impl Fn(&[i64]) -> bool) -> Result<Duration, String> {
        self.wait_while(is_wanted, || {})
    }

    /// As [`Watch::wait`], doing something between two looks. Gives up when nothing has moved for a
    /// while: how long a batch of one record takes is the machine's business.
    pub fn wait_while(
        &self,
        is_wanted: impl Fn(&[i64]) -> bool,
        mut meanwhile: impl FnMut(),
    ) -> Result<Duration, String> {
        let since = Instant::now();
        let (mut last, mut moved) = (None, since);
        loop {
            let found = self.committed();
            if found.is_some() && found != last {
                (last, moved) = (found.clone(), Instant::now());
            }
            if found.as_deref().is_some_and(&is_wanted) {
                return Ok(since.elapsed());
            }
            if moved.elapsed() >= PATIENCE {
                return Err(format!("the group stands at {found:?}"));
            }
            meanwhile();
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}
