//! The clients of one loop: a consumer in a group, and the transactional producer it commits with.

use crate::{
    kafka::{
        ConnectionError, Consumer, Params, Patience, ReadObserver, Reading, producer::Producer,
    },
    model::TopicPartition,
};
use rdkafka::error::KafkaError;
use std::{sync::atomic::AtomicBool, time::Duration};

/// Why a loop cannot go on in this process.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("cannot connect to kafka")]
    Connection(#[from] ConnectionError),
    #[error("{what}")]
    Kafka {
        what: &'static str,
        #[source]
        source: KafkaError,
    },
    /// A person has to change something; the sentence says what.
    #[error("{0}")]
    Refused(String),
    #[error("{what} took longer than {seconds} s")]
    Deadline { what: &'static str, seconds: u64 },
}

/// What a loop talks to Kafka with.
pub struct Clients<'a> {
    pub consumer: Consumer,
    pub reading: Reading<'a>,
    pub(super) params: Params,
    /// Absent only while one is being replaced.
    pub(super) producer: Option<Producer>,
    /// Messages are sent one by one, since a topic refused them together.
    pub(super) is_single: bool,
    pub(super) observer: &'a dyn ReadObserver,
    pub(super) slot: usize,
    stop: &'a AtomicBool,
}

impl<'a> Clients<'a> {
    /// Fences the past of this slot, then joins the group with the topics it is to share out.
    ///
    /// # Errors
    /// When a client cannot be made, or no coordinator answers in time.
    pub fn connect(
        params: &Params,
        slot: usize,
        topics: &[&str],
        observer: &'a dyn ReadObserver,
        stop: &'a AtomicBool,
    ) -> Result<Self, ConnectionError> {
        let patience = Patience::new(fence_max(params), stop);
        let producer = Some(Producer::connect(params, slot, patience, false)?);
        let consumer = Consumer::subscribe(params, slot, topics)?;
        let (params, reading) = (params.clone(), Reading::new(observer));
        let is_single = false;
        Ok(Self { consumer, reading, params, producer, is_single, observer, slot, stop })
    }

    /// Returns the flag that ends the loop.
    pub fn stop(&self) -> &'a AtomicBool {
        self.stop
    }

    /// Returns how long a question may take: an abandoned transaction can hold up the answer.
    pub fn patience(&self) -> Patience<'a> {
        Patience::new(fence_max(&self.params), self.stop)
    }

    /// Stops reading partitions.
    ///
    /// # Errors
    /// When the client refuses.
    pub fn pause(&self, places: &[TopicPartition]) -> Result<(), Failure> {
        let what = "cannot pause";
        self.consumer.pause(places).map_err(|source| Failure::Kafka { what, source })
    }

    /// Goes on reading partitions.
    ///
    /// # Errors
    /// When the client refuses.
    pub fn resume(&self, places: &[TopicPartition]) -> Result<(), Failure> {
        let what = "cannot pause";
        self.consumer.resume(places).map_err(|source| Failure::Kafka { what, source })
    }

    pub(super) fn assign(&self, offsets: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        let what = "cannot assign";
        self.consumer.assign(offsets).map_err(|source| Failure::Kafka { what, source })
    }

    pub(super) fn unassign(&self, places: &[TopicPartition]) -> Result<(), Failure> {
        let what = "cannot unassign";
        self.consumer.unassign(places).map_err(|source| Failure::Kafka { what, source })
    }
}

/// How long an abandoned transaction may hold things up, and a little more.
pub fn fence_max(params: &Params) -> Duration {
    Duration::from_millis(u64::from(params.transaction_timeout_ms)) + Duration::from_secs(20)
}
