//! Writes records of any topic, all or none, under a transactional id of its own.

use crate::kafka::{ClientLog, Closing, ConnectionError, Params, open, producer_config};
use rdkafka::{
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use std::time::{Duration, Instant};

/// How long the coordinator may take to end what an earlier writer left open.
const CONNECT_MAX: Duration = Duration::from_secs(30);

/// How long one transaction may take.
const TRANSACTION_MAX: Duration = Duration::from_secs(60);

/// A record to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parcel {
    pub topic: String,
    /// By the key, where there is none.
    pub partition: Option<i32>,
    pub kafka_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
}

/// A producer whose transactions hold nothing but records.
pub struct Rewriter {
    inner: Option<BaseProducer<ClientLog>>,
}

impl Rewriter {
    /// Connects, and fences every earlier writer of the same transactional id: what it had begun
    /// is undone, and what it begins from now on fails.
    ///
    /// # Errors
    /// When the configuration is refused, or no coordinator answers in time.
    pub fn connect(params: &Params, transactional_id: &str) -> Result<Self, ConnectionError> {
        let mut config = producer_config(params, 0)?;
        config.set("transactional.id", transactional_id);
        let inner: BaseProducer<ClientLog> = open(&config, ClientLog::default())?;
        let until = Instant::now() + CONNECT_MAX;
        loop {
            // A call that timed out is resumed by the next one.
            match inner.init_transactions(Duration::from_secs(1)) {
                Ok(()) => return Ok(Self { inner: Some(inner) }),
                Err(KafkaError::Transaction(e)) if e.is_retriable() && Instant::now() < until => {
                    inner.poll(Duration::from_millis(50));
                }
                Err(error) => {
                    Closing::begin(inner);
                    return Err(error.into());
                }
            }
        }
    }

    /// Writes the records in one transaction.
    ///
    /// # Errors
    /// When it failed: then none of them is visible, unless the answer to the commit was lost.
    /// The writer must not be used again.
    pub fn write(&mut self, parcels: &[Parcel]) -> Result<(), KafkaError> {
        let Some(inner) = &self.inner else { return Err(KafkaError::Canceled) };
        let until = Instant::now() + TRANSACTION_MAX;
        let done = attempt(inner, parcels, until);
        if done.is_err() {
            // Best effort: a successor, or the broker's own timeout, ends it otherwise.
            let _ = inner.abort_transaction(Duration::from_secs(5));
            self.retire();
        }
        done
    }

    fn retire(&mut self) {
        if let Some(inner) = self.inner.take() {
            Closing::begin(inner);
        }
    }
}

impl Drop for Rewriter {
    fn drop(&mut self) {
        self.retire();
    }
}

fn attempt(inner: &BaseProducer<ClientLog>, parcels: &[Parcel], until: Instant) -> KafkaResult<()> {
    inner.begin_transaction()?;
    for parcel in parcels {
        send(inner, parcel, until)?;
    }
    let left = until.saturating_duration_since(Instant::now());
    inner.commit_transaction(left.max(Duration::from_millis(1)))
}

fn send(inner: &BaseProducer<ClientLog>, parcel: &Parcel, until: Instant) -> KafkaResult<()> {
    let mut headers = OwnedHeaders::new_with_capacity(parcel.headers.len());
    for (key, value) in &parcel.headers {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let mut record = BaseRecord::<[u8], [u8]>::to(&parcel.topic).payload(&parcel.value);
    if let Some(key) = &parcel.key {
        record = record.key(key);
    }
    if let Some(partition) = parcel.partition {
        record = record.partition(partition);
    }
    if let Some(ms) = parcel.kafka_ms {
        record = record.timestamp(ms);
    }
    record = record.headers(headers);
    loop {
        match inner.send(record) {
            Ok(()) => return Ok(()),
            Err((error, back)) => {
                let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                if !is_full || Instant::now() >= until {
                    return Err(error);
                }
                record = back;
                inner.poll(Duration::from_millis(1));
            }
        }
    }
}
