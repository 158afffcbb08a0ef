//! The transactional producer: one batch of messages and offsets, all or nothing.

use crate::{
    kafka::{
        Aside, ClientLog, Closing, ConnectionError, Params, Patience, offset_list, open,
        producer_config,
    },
    model::TopicPartition,
    ops::failpoint,
};
use rdkafka::{
    TopicPartitionList,
    consumer::ConsumerGroupMetadata,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How much longer than its time a call may take before it is given up for lost.
const OVERTIME_MAX: Duration = Duration::from_millis(200);

/// A transactional producer. Dropping it may hang: use [`Producer::retire`].
pub struct Producer {
    /// Shared with a call that may never return.
    inner: Arc<BaseProducer<ClientLog>>,
    /// The broker ends a transaction that takes longer: then nothing is worth waiting for.
    timeout: Duration,
    /// Whether a transaction failed, and was not ended.
    is_open: bool,
}

/// Which output topic a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputTopic {
    Alerts,
    DeadLetters,
    Checkpoints,
    Control,
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub output: OutputTopic,
    pub key: Option<Vec<u8>>,
    pub body: Vec<u8>,
    pub headers: Vec<(&'static str, String)>,
}

/// Where the messages of each output go.
#[derive(Clone, Copy, Debug)]
pub struct Topics<'a> {
    pub alerts: &'a str,
    pub dead_letters: &'a str,
    pub checkpoints: &'a str,
    pub control: &'a str,
}

/// Messages with the topics they go to.
#[derive(Clone, Copy)]
pub struct Answers<'a> {
    pub messages: &'a [Message],
    /// Sent after the messages, which they cover.
    pub checkpoints: &'a [Message],
    pub topics: Topics<'a>,
}

/// One transaction: messages, and the offsets they result from.
pub struct Transaction<'a> {
    pub answers: Option<Answers<'a>>,
    /// Sent first.
    pub passed: &'a [&'a [Passed]],
    /// The next offset to read of each partition, with metadata.
    pub offsets: &'a [(TopicPartition, i64, String)],
    /// The time of sending, for the one header that carries our clock.
    pub now_ms: i64,
    pub deadline: Duration,
}

/// A record that is passed on as it was read, to the only partition of a topic.
#[derive(Debug)]
pub struct Passed {
    pub topic: String,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Option<OwnedHeaders>,
    pub timestamp_ms: Option<i64>,
}

impl Passed {
    /// Returns how many bytes its key and value have.
    pub fn n_bytes(&self) -> usize {
        let n_bytes = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        n_bytes(&self.key) + n_bytes(&self.value)
    }
}

/// How far a transaction came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStage {
    Begin,
    Send,
    Offsets,
    /// The outcome is unknown until the committed offsets have been read.
    Commit,
}

/// What can be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A new process.
    Exit,
    /// Let the rebalance run that took the partitions away.
    Rebalance,
    /// A new producer, and the same messages again.
    Retry,
    /// As `Retry`, each message in a batch of its own: together they were too large.
    Singly,
}

/// A message that a broker refused for good.
pub use crate::kafka::Refused;

/// Why a transaction failed.
#[derive(Debug, thiserror::Error)]
#[error("transaction failed while at {stage:?}")]
pub struct TransactionError {
    pub stage: TransactionStage,
    #[source]
    pub source: KafkaError,
    pub refused: Option<Box<Refused>>,
}

impl TransactionError {
    /// Returns the code of the failure.
    pub fn code(&self) -> Option<RDKafkaErrorCode> {
        code_of(&self.source)
    }

    /// Returns what can be done about it.
    pub fn remedy(&self) -> Remedy {
        if let KafkaError::Transaction(error) = &self.source
            && error.is_fatal()
        {
            return Remedy::Exit;
        }
        if let Some(refused) = &self.refused
            && refused.is_too_large()
        {
            return Remedy::Singly;
        }
        match self.code() {
            Some(
                RDKafkaErrorCode::Fatal
                | RDKafkaErrorCode::Fenced
                | RDKafkaErrorCode::ProducerFenced
                | RDKafkaErrorCode::FencedInstanceId
                | RDKafkaErrorCode::OffsetMetadataTooLarge
                | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed,
            ) => Remedy::Exit,
            Some(
                RDKafkaErrorCode::UnknownMemberId
                | RDKafkaErrorCode::IllegalGeneration
                | RDKafkaErrorCode::RebalanceInProgress,
            ) => Remedy::Rebalance,
            _ => Remedy::Retry,
        }
    }
}

impl Producer {
    /// Creates the producer and fences every earlier one with its transactional id.
    ///
    /// # Errors
    /// When the configuration is refused, or no coordinator answers in time.
    pub fn connect(
        params: &Params,
        slot: usize,
        patience: Patience<'_>,
        is_single: bool,
    ) -> Result<Self, ConnectionError> {
        let mut config = producer_config(params, slot)?;
        let timeout = Duration::from_millis(params.transaction_timeout_ms.into());
        if is_single {
            config.set("batch.num.messages", "1");
        }
        let inner: BaseProducer<ClientLog> = open(&config, ClientLog::default())?;
        loop {
            // A call that timed out is resumed by the next one.
            match inner.init_transactions(patience.slice()) {
                Ok(()) => return Ok(Self { inner: Arc::new(inner), timeout, is_open: false }),
                Err(KafkaError::Transaction(e)) if e.is_retriable() && !patience.is_over() => {
                    inner.poll(Duration::from_millis(50));
                }
                Err(error) => {
                    Closing::begin(inner);
                    return Err(error.into());
                }
            }
        }
    }

    /// Sends the messages and commits the offsets, fenced by the group's generation.
    ///
    /// # Errors
    /// After any error this producer must be retired: an abort on a producer that lives on can
    /// hit its next transaction.
    pub fn transact(
        &mut self,
        transaction: &Transaction<'_>,
        member: ConsumerGroupMetadata,
    ) -> Result<(), TransactionError> {
        let done = self.attempt(transaction, member);
        self.is_open = done.is_err();
        done
    }

    fn attempt(
        &self,
        transaction: &Transaction<'_>,
        member: ConsumerGroupMetadata,
    ) -> Result<(), TransactionError> {
        let until = Instant::now() + transaction.deadline;
        let left = || until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let at = |stage| {
            move |source| {
                let refused = self.log().take_refused().map(Box::new);
                TransactionError { stage, source, refused }
            }
        };
        let offsets = offset_list(transaction.offsets.iter().map(|(p, o, m)| (p, *o, m.as_str())))
            .map_err(at(TransactionStage::Begin))?;
        self.inner.begin_transaction().map_err(at(TransactionStage::Begin))?;
        failpoint::hit("batch_before_send");
        for passed in transaction.passed.iter().flat_map(|part| part.iter()) {
            self.pass(passed, until).map_err(at(TransactionStage::Send))?;
        }
        if let Some(Answers { messages, checkpoints, topics }) = transaction.answers {
            for message in messages.iter().chain(checkpoints) {
                let sent = self.send(message, topics, transaction.now_ms, until);
                sent.map_err(at(TransactionStage::Send))?;
            }
        }
        // commit_transaction would flush in slices of 100 ms.
        while self.inner.in_flight_count() > 0 && Instant::now() < until {
            self.inner.poll(Duration::from_millis(1));
        }
        failpoint::hit("batch_after_send");
        if failpoint::is_on("commit_before_send") {
            self.inner.commit_transaction(left()).map_err(at(TransactionStage::Commit))?;
            self.inner.begin_transaction().map_err(at(TransactionStage::Begin))?;
        }
        self.send_offsets(offsets, member, left()).map_err(at(TransactionStage::Offsets))?;
        failpoint::hit("batch_after_offsets");
        failpoint::hit("batch_before_commit");
        self.inner.commit_transaction(left()).map_err(at(TransactionStage::Commit))?;
        failpoint::hit("batch_after_commit");
        Ok(())
    }

    /// Adds offsets to the transaction, aside: librdkafka 2.12 waits for the answer without an end
    /// when the coordinator restarts at the wrong moment, whatever time is given.
    fn send_offsets(
        &self,
        offsets: TopicPartitionList,
        member: ConsumerGroupMetadata,
        max: Duration,
    ) -> KafkaResult<()> {
        let (inner, max) = (Arc::clone(&self.inner), max.min(self.timeout));
        let sent = Aside::call(move || inner.send_offsets_to_transaction(&offsets, &member, max));
        sent.by(Instant::now() + max + OVERTIME_MAX).unwrap_or(Err(KafkaError::Canceled))
    }

    /// Gives the producer up for a successor of the same slot, which ends what it leaves open.
    pub fn retire(self) -> Closing {
        Closing::begin(self.inner)
    }

    /// Gives the producer up for good, and with it a transaction that failed: until that timed out,
    /// all who read the outputs, takeovers too, would wait.
    pub fn close(self, abort_max: Duration) -> Closing {
        if self.is_open
            && let Err(error) = self.inner.abort_transaction(abort_max)
        {
            tracing::debug!(%error, "a transaction is left to time out");
        }
        self.retire()
    }

    /// Returns whether the cluster says that a topic does not exist.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub fn is_missing(&self, topic: &str, max: Duration) -> KafkaResult<bool> {
        let metadata = self.inner.client().fetch_metadata(Some(topic), max)?;
        let code = metadata.topics().first().and_then(|t| t.error()).map(RDKafkaErrorCode::from);
        Ok(code == Some(RDKafkaErrorCode::UnknownTopicOrPartition))
    }

    /// Returns the log of this client.
    pub fn log(&self) -> &ClientLog {
        self.inner.context()
    }

    fn send(
        &self,
        message: &Message,
        topics: Topics<'_>,
        now_ms: i64,
        until: Instant,
    ) -> Result<(), KafkaError> {
        let topic = match message.output {
            OutputTopic::Alerts => topics.alerts,
            OutputTopic::DeadLetters => topics.dead_letters,
            OutputTopic::Checkpoints => topics.checkpoints,
            OutputTopic::Control => topics.control,
        };
        let mut headers = OwnedHeaders::new_with_capacity(message.headers.len() + 1);
        for (key, value) in &message.headers {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let now = now_ms.to_string();
        headers = headers.insert(Header { key: "emitted_at_ms", value: Some(&now) });
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).payload(&message.body);
        if let Some(key) = &message.key {
            record = record.key(key);
        }
        self.send_record(record.headers(headers), until)
    }

    fn pass(&self, passed: &Passed, until: Instant) -> Result<(), KafkaError> {
        let mut record = BaseRecord::<[u8], [u8]>::to(&passed.topic).partition(0);
        (record.key, record.payload) = (passed.key.as_deref(), passed.value.as_deref());
        (record.headers, record.timestamp) = (passed.headers.clone(), passed.timestamp_ms);
        self.send_record(record, until)
    }

    fn send_record(
        &self,
        mut record: BaseRecord<'_, [u8], [u8]>,
        until: Instant,
    ) -> Result<(), KafkaError> {
        loop {
            match self.inner.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) => {
                    let is_full = code_of(&error) == Some(RDKafkaErrorCode::QueueFull);
                    if !is_full || Instant::now() >= until {
                        return Err(error);
                    }
                    record = back;
                    self.inner.poll(Duration::from_millis(1));
                }
            }
        }
    }
}

fn code_of(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::Transaction(error) => Some(error.code()),
        other => other.rdkafka_error_code(),
    }
}
