//! A worker's consumer: rebalances are handed to the caller, who assigns with explicit offsets.

#[cfg(feature = "kafka")]
pub(super) mod reading;
#[cfg(feature = "kafka")]
pub(super) mod unowned;

use crate::{
    kafka::{
        ClientLog, Closing, ConnectionError, Params, Patience, consumer_config, offset_list, open,
        plain_list,
    },
    model::TopicPartition,
};
use rdkafka::{
    ClientContext, Message, Offset, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers},
    topic_partition_list::TopicPartitionListElem,
    types::RDKafkaRespErr,
};
use std::{
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// A change of what the group has given to this consumer.
#[derive(Debug, PartialEq, Eq)]
pub enum Rebalanced {
    Assigned(Vec<TopicPartition>),
    /// `is_lost`: they already belong to another member, nothing can be committed for them.
    Revoked {
        partitions: Vec<TopicPartition>,
        is_lost: bool,
    },
}

/// A consumer of the group. Dropping it may hang: use [`Consumer::close`].
pub struct Consumer {
    inner: BaseConsumer<RebalanceContext>,
    /// A static member keeps its place when it stops.
    is_static: bool,
}

/// The end of a partition's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionEnd {
    /// Behind what can be read: before the first transaction that is open.
    pub stable: i64,
    /// Behind everything.
    pub high: i64,
}

#[derive(Default)]
struct RebalanceContext {
    log: ClientLog,
    is_closing: AtomicBool,
    rebalances: Mutex<VecDeque<Rebalanced>>,
    ends: Mutex<BTreeMap<TopicPartition, PartitionEnd>>,
    /// How many partitions each topic has, as the client knows from its last look.
    widths: Mutex<BTreeMap<String, usize>>,
    /// The newest error, in the client's own words.
    said: Mutex<Option<(String, Instant)>>,
}

impl Consumer {
    /// Joins the group and subscribes.
    ///
    /// # Errors
    /// When the configuration is refused.
    pub fn subscribe(
        params: &Params,
        slot: usize,
        topics: &[&str],
    ) -> Result<Self, ConnectionError> {
        let config = consumer_config(params, slot)?;
        let inner: BaseConsumer<RebalanceContext> = open(&config, RebalanceContext::default())?;
        inner.subscribe(topics)?;
        Ok(Self { inner, is_static: params.is_static_member })
    }

    /// Waits for a record, an error or a rebalance; see [`Consumer::next_rebalance`] afterwards.
    pub fn poll(&self, patience: Duration) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        self.inner.poll(patience)
    }

    /// Returns the oldest rebalance that has not been answered. The caller answers it with
    /// [`Consumer::assign`] or [`Consumer::unassign`].
    pub fn next_rebalance(&self) -> Option<Rebalanced> {
        lock(&self.inner.context().rebalances).pop_front()
    }

    /// Takes over partitions, reading from the given offsets.
    ///
    /// # Errors
    /// When librdkafka refuses the list.
    pub fn assign(&self, offsets: &[(TopicPartition, i64)]) -> KafkaResult<()> {
        self.inner.incremental_assign(&offset_list(offsets.iter().map(|(at, o)| (at, *o, "")))?)
    }

    /// Gives partitions back.
    ///
    /// # Errors
    /// When librdkafka refuses the list.
    pub fn unassign(&self, partitions: &[TopicPartition]) -> KafkaResult<()> {
        self.inner.incremental_unassign(&plain_list(partitions))
    }

    /// Stops reading partitions, and forgets what was prefetched from them.
    ///
    /// # Errors
    /// When librdkafka refuses the list.
    pub fn pause(&self, partitions: &[TopicPartition]) -> KafkaResult<()> {
        self.inner.pause(&plain_list(partitions))
    }

    /// Reads partitions again.
    ///
    /// # Errors
    /// When librdkafka refuses the list.
    pub fn resume(&self, partitions: &[TopicPartition]) -> KafkaResult<()> {
        self.inner.resume(&plain_list(partitions))
    }

    /// Returns the committed offset and its metadata, after any pending transaction has ended.
    ///
    /// # Errors
    /// The last error when the wait is over.
    pub fn committed(
        &self,
        partitions: &[TopicPartition],
        patience: Patience<'_>,
    ) -> KafkaResult<Vec<Option<(i64, String)>>> {
        patience.ask(|slice| {
            self.inner
                .committed_offsets(plain_list(partitions), slice)
                .and_then(|list| partitions.iter().map(|at| committed_in(&list, at)).collect())
                .inspect_err(|error| self.log().report(error, "committed"))
        })
    }

    /// Returns the numbers of a topic's partitions.
    ///
    /// # Errors
    /// When no broker answers in time, or the topic does not exist.
    pub fn partitions(&self, topic: &str, patience: Patience<'_>) -> KafkaResult<Vec<i32>> {
        let metadata = patience.ask(|slice| self.inner.fetch_metadata(Some(topic), slice))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let numbers: Vec<i32> = found.iter().flat_map(|t| t.partitions()).map(|p| p.id()).collect();
        if numbers.is_empty() {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopic));
        }
        Ok(numbers)
    }

    /// Returns the offsets of the first record and of the next one to be written.
    ///
    /// # Errors
    /// When no broker answers in time.
    pub fn bounds(&self, at: &TopicPartition, patience: Patience<'_>) -> KafkaResult<(i64, i64)> {
        patience.ask(|slice| self.inner.fetch_watermarks(&at.topic, at.partition, slice))
    }

    /// Returns the offset of the first record not earlier than a time, if there is one.
    ///
    /// # Errors
    /// When no broker answers in time.
    pub fn offset_at(
        &self,
        at: &TopicPartition,
        ms: i64,
        patience: Patience<'_>,
    ) -> KafkaResult<Option<i64>> {
        let wanted = offset_list([(at, ms, "")])?;
        let list = patience.ask(|slice| self.inner.offsets_for_times(wanted.clone(), slice))?;
        Ok(match list.find_partition(&at.topic, at.partition).map(|e| e.offset()) {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        })
    }

    /// Returns the membership that fences our transactions: the group generation.
    pub fn group_metadata(&self) -> Option<ConsumerGroupMetadata> {
        self.inner.group_metadata()
    }

    /// Returns what the group's name alone gives: metadata without a generation, which brokers
    /// accept unfenced. A negative control of the fault suite, and never right otherwise.
    pub fn outsider(params: &Params) -> Option<ConsumerGroupMetadata> {
        let config = consumer_config(params, 0).ok()?;
        let inner: BaseConsumer<RebalanceContext> =
            open(&config, RebalanceContext::default()).ok()?;
        let metadata = inner.group_metadata();
        Closing::begin(inner);
        metadata
    }

    /// Returns the end of a partition's log, as far as it is known.
    pub fn end_of(&self, at: &TopicPartition) -> Option<PartitionEnd> {
        lock(&self.inner.context().ends).get(at).copied()
    }

    /// Returns how many partitions a topic has, as far as that is known: topics grow.
    pub fn width_of(&self, topic: &str) -> Option<usize> {
        lock(&self.inner.context().widths).get(topic).copied()
    }

    /// Returns the offsets behind what `poll` has handed out or has passed over; partitions of
    /// which it has seen nothing are absent.
    pub fn positions(&self) -> BTreeMap<TopicPartition, i64> {
        let Ok(list) = self.inner.position() else { return BTreeMap::new() };
        let position = |e: TopicPartitionListElem<'_>| {
            let Offset::Offset(offset) = e.offset() else { return None };
            Some((TopicPartition { topic: e.topic().to_owned(), partition: e.partition() }, offset))
        };
        list.elements().into_iter().filter_map(position).collect()
    }

    /// Returns the newest error in the client's own words.
    pub fn last_said(&self) -> Option<String> {
        lock(&self.inner.context().said).as_ref().map(|(said, _)| said.clone())
    }

    /// Returns the newest error if it came after a time.
    pub fn said_since(&self, time: Instant) -> Option<String> {
        let said = lock(&self.inner.context().said);
        said.as_ref().filter(|(_, at)| *at > time).map(|(said, _)| said.clone())
    }

    /// Returns the log of this client.
    pub fn log(&self) -> &ClientLog {
        &self.inner.context().log
    }

    /// Leaves the group. That waits for a rebalance that is under way: its round has to be answered
    /// first, or the group waits for the session to run out.
    pub fn close(self) -> Closing {
        self.inner.context().is_closing.store(true, Ordering::Release);
        while let Some(change) = self.next_rebalance() {
            let answered = match change {
                Rebalanced::Assigned(partitions) => {
                    let anywhere: Vec<_> = partitions.into_iter().map(|at| (at, 0)).collect();
                    self.assign(&anywhere)
                }
                Rebalanced::Revoked { partitions, .. } => self.unassign(&partitions),
            };
            if let Err(error) = answered {
                self.log().report(&error, "answer while closing");
            }
        }
        if !self.is_static {
            // Closed between two rounds, with nothing assigned, librdkafka 2.12 tells the group
            // nothing, and a member that is gone holds up each round until its session runs out.
            self.inner.unsubscribe();
        }
        Closing::begin(self.inner)
    }
}

/// Borrows a message as a record. `headers` is reused scratch space for the result.
pub fn record_of<'m>(
    message: &'m BorrowedMessage<'_>,
    headers: &'m mut Vec<(&'m str, &'m [u8])>,
) -> crate::model::Record<'m> {
    if let Some(found) = message.headers() {
        // rdkafka panics on a header name that is not UTF-8: such headers are left out.
        let read = catch_unwind(AssertUnwindSafe(|| {
            found.iter().map(|h| (h.key, h.value.unwrap_or_default())).collect::<Vec<_>>()
        }));
        *headers = read.unwrap_or_default();
    }
    crate::model::Record {
        topic: message.topic(),
        partition: message.partition(),
        offset: message.offset(),
        kafka_ms: message.timestamp().to_millis(),
        key: message.key(),
        value: message.payload(),
        headers,
    }
}

/// Returns the committed offset and its metadata of one element of an answer.
///
/// # Errors
/// When the answer says that this element failed.
pub fn committed_in(
    list: &TopicPartitionList,
    at: &TopicPartition,
) -> KafkaResult<Option<(i64, String)>> {
    let Some(element) = list.find_partition(&at.topic, at.partition) else { return Ok(None) };
    element.error()?;
    // rdkafka panics on metadata that is not UTF-8: then it is not ours.
    let metadata = catch_unwind(AssertUnwindSafe(|| element.metadata().to_owned()));
    Ok(match element.offset() {
        Offset::Offset(offset) => Some((offset, metadata.unwrap_or_default())),
        _ => None,
    })
}

fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let place = |topic: &str, partition| TopicPartition { topic: topic.to_owned(), partition };
    list.elements().iter().map(|e| place(e.topic(), e.partition())).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientContext for RebalanceContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is no error.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            *lock(&self.said) = Some((reason.to_owned(), Instant::now()));
        }
        self.log.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let (mut ends, mut widths) = (lock(&self.ends), lock(&self.widths));
        for topic in statistics.topics.values() {
            let known = topic.partitions.values().filter(|p| p.partition >= 0 && !p.unknown);
            let mut n = 0;
            for p in known {
                n += 1;
                if p.ls_offset >= 0 {
                    let at = TopicPartition { topic: topic.topic.clone(), partition: p.partition };
                    let end =
                        PartitionEnd { stable: p.ls_offset, high: p.hi_offset.max(p.ls_offset) };
                    ends.insert(at, end);
                }
            }
            // A topic without any is one that the client does not know for a moment.
            if n > 0 {
                widths.insert(topic.topic.clone(), n);
            }
        }
    }
}

impl ConsumerContext for RebalanceContext {
    /// Only notes the rebalance: the worker answers it as soon as `poll` returns, on the same
    /// thread, where it has its engines at hand. While closing there is nobody left to answer.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let is_assigned = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.is_closing.load(Ordering::Acquire) {
            let answered = match is_assigned {
                true => consumer.incremental_assign(list),
                false => consumer.incremental_unassign(list),
            };
            if let Err(error) = answered {
                self.log.report(&error, "answer while closing");
            }
            return;
        }
        let partitions = partitions_of(list);
        lock(&self.rebalances).push_back(if is_assigned {
            Rebalanced::Assigned(partitions)
        } else {
            Rebalanced::Revoked { partitions, is_lost: consumer.assignment_lost() }
        });
    }
}
