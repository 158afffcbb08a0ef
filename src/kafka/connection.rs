//! Settings to librdkafka's configuration, and librdkafka's log to ours.

use super::{Params, Security};
use rdkafka::{
    ClientConfig, ClientContext, Message,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::ConsumerContext,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    producer::{DeliveryResult, ProducerContext},
};
use std::{
    io,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Why a client could not be configured or created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    #[error("cannot read the password file {path}")]
    Password {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("kafka client error")]
    Client(#[from] KafkaError),
}

/// While a broker is down librdkafka repeats its errors many times a second.
const LOG_PAUSE: Duration = Duration::from_secs(10);

/// Sends librdkafka's log and errors to ours, errors at most once in ten seconds.
#[derive(Default)]
pub struct ClientLog {
    n_errors: AtomicU64,
    last_logged: Mutex<Option<Instant>>,
    refused: Mutex<Option<Refused>>,
}

/// A message that a broker refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub topic: String,
    pub code: RDKafkaErrorCode,
    /// Of the body.
    pub n_bytes: usize,
}

impl Refused {
    /// Returns whether it, or what was sent with it, was too large.
    pub fn is_too_large(&self) -> bool {
        matches!(
            self.code,
            RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge
        )
    }
}

impl ClientLog {
    /// Returns how many errors were reported since the last call.
    pub fn take_errors(&self) -> u64 {
        self.n_errors.swap(0, Ordering::Relaxed)
    }

    /// Returns the first message that was refused since the last call.
    pub fn take_refused(&self) -> Option<Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Counts an error and logs it, unless one was logged just before.
    pub fn report(&self, error: &KafkaError, detail: &str) {
        self.n_errors.fetch_add(1, Ordering::Relaxed);
        let mut last = self.last_logged.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|at| at.elapsed() >= LOG_PAUSE) {
            *last = Some(Instant::now());
            tracing::warn!(%error, detail, "kafka client error");
        }
    }
}

impl ClientContext for ClientLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => tracing::debug!(facility, message, "librdkafka"),
            _ => tracing::trace!(facility, message, "librdkafka"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is what `run` waits at, not an error.
        let is_end = error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF);
        if !is_end {
            self.report(&error, reason);
        }
    }
}

impl ConsumerContext for ClientLog {}

impl ProducerContext for ClientLog {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let Err((error, message)) = result else { return };
        self.report(error, "message not delivered");
        if let Some(code) = error.rdkafka_error_code() {
            let (topic, n_bytes) =
                (message.topic().to_owned(), message.payload().map_or(0, <[u8]>::len));
            let mut first = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(Refused { topic, code, n_bytes });
        }
    }
}

/// A call into librdkafka on a thread of its own, since some never return.
pub struct Aside<T> {
    answer: mpsc::Receiver<T>,
}

/// A client that is being dropped.
pub type Closing = Aside<()>;

impl<T: Send + 'static> Aside<T> {
    /// Begins a call.
    pub fn call(call: impl FnOnce() -> T + Send + 'static) -> Self {
        let (tell, answer) = mpsc::sync_channel(1);
        let body = move || {
            // Nobody may be waiting any more.
            let _ = tell.send(call());
        };
        // Without a thread the sender is gone, which reads as no answer.
        drop(thread::Builder::new().name("aside".to_owned()).spawn(body));
        Self { answer }
    }

    /// Waits for the answer; `None` when it does not come in time.
    pub fn by(self, deadline: Instant) -> Option<T> {
        self.answer.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }
}

impl Closing {
    /// Begins to drop a client.
    pub fn begin<C: Send + 'static>(client: C) -> Self {
        Self::call(move || drop(client))
    }
}

/// Makes a client: the only place where one is made.
///
/// # Errors
/// When librdkafka refuses the configuration.
pub fn open<T, C>(config: &ClientConfig, context: C) -> KafkaResult<T>
where
    T: FromClientConfigAndContext<C>,
    C: ClientContext,
{
    config.create_with_context(context)
}

/// Returns the part of the configuration that every client shares.
///
/// Never print it: `ClientConfig` shows two secrets in its debug text.
///
/// # Errors
/// When the password file cannot be read.
pub fn client_config(params: &Params) -> Result<ClientConfig, ConnectionError> {
    let mut config = ClientConfig::new();
    for (name, value) in &params.options {
        config.set(name, value);
    }
    if params.options.contains_key("debug") {
        // The binding would silence again what librdkafka was asked to say.
        config.set_log_level(RDKafkaLogLevel::Debug);
    }
    config
        .set("bootstrap.servers", &params.brokers)
        .set("client.id", "txwarden")
        .set("reconnect.backoff.max.ms", "1000")
        .set("allow.auto.create.topics", "false");
    secure(&mut config, &params.security)?;
    Ok(config)
}

/// Returns the configuration of a worker's consumer.
///
/// # Errors
/// As [`client_config`].
pub fn consumer_config(params: &Params, slot: usize) -> Result<ClientConfig, ConnectionError> {
    let mut config = client_config(params)?;
    // The buffers default to 1 GiB; a moved partition would wait behind what was prefetched.
    for (name, value) in [
        ("queued.max.messages.kbytes", "32768"),
        ("queued.min.messages", "20000"),
        ("fetch.max.bytes", "16777216"),
        ("fetch.message.max.bytes", "4194304"),
        ("fetch.queue.backoff.ms", "10"),
        // Every other question to a broker waits behind a fetch that waits for records: at a
        // takeover some five in a row.
        ("fetch.wait.max.ms", "50"),
        // How soon a topic that has grown is noticed; the default is five minutes.
        ("topic.metadata.refresh.interval.ms", "10000"),
    ] {
        if !params.options.contains_key(name) {
            config.set(name, value);
        }
    }
    config
        .set("group.id", &params.group)
        .set("session.timeout.ms", params.session_timeout_ms.to_string())
        .set("heartbeat.interval.ms", heartbeat_ms(params.session_timeout_ms).to_string())
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // A lost offset must stop us: it must not look like a first start.
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("statistics.interval.ms", "2000");
    if let (true, Some(instance)) = (params.is_static_member, &params.instance) {
        config.set("group.instance.id", format!("{instance}-{slot}"));
    }
    Ok(config)
}

/// Returns the configuration of a worker's transactional producer.
///
/// # Errors
/// As [`client_config`].
pub fn producer_config(params: &Params, slot: usize) -> Result<ClientConfig, ConnectionError> {
    let mut config = client_config(params)?;
    for (name, value) in [
        ("queue.buffering.max.kbytes", "65536"),
        ("queue.buffering.max.messages", "100000"),
        ("compression.type", "zstd"),
        ("linger.ms", "5"),
        // Java's partitioner: one subject, one partition, whichever client looks for it.
        ("partitioner", "murmur2_random"),
    ] {
        if !params.options.contains_key(name) {
            config.set(name, value);
        }
    }
    config
        .set("transactional.id", params.transactional_id(slot))
        .set("transaction.timeout.ms", params.transaction_timeout_ms.to_string())
        .set("enable.idempotence", "true");
    Ok(config)
}

/// How often a member asks the group for news. Only there it learns of a rebalance, each of whose
/// two rounds waits for the slowest: with a quarter of the session, a group whose members come and
/// go every second was never whole.
fn heartbeat_ms(session_ms: u32) -> u32 {
    (session_ms / 12).clamp(100, 1_000)
}

fn secure(config: &mut ClientConfig, security: &Security) -> Result<(), ConnectionError> {
    config.set("security.protocol", security.protocol.as_str());
    if let Some(mechanism) = security.mechanism {
        config.set("sasl.mechanisms", mechanism.as_str());
    }
    if let Some(username) = &security.username {
        config.set("sasl.username", username);
    }
    if let Some(path) = &security.password_file {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConnectionError::Password { path: path.clone(), source })?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        config.set("sasl.password", line.strip_suffix('\r').unwrap_or(line));
    }
    for (name, file) in [
        ("ssl.ca.location", &security.ca_file),
        ("ssl.certificate.location", &security.cert_file),
        ("ssl.key.location", &security.key_file),
    ] {
        if let Some(file) = file {
            config.set(name, file.to_string_lossy());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};
    use std::io::Write;

    #[test]
    fn security_becomes_librdkafka_options() {
        let mut password = tempfile::NamedTempFile::new().unwrap();
        password.write_all(b"s3cret\r\n").unwrap();
        let params = Params {
            security: Security {
                protocol: Protocol::SaslSsl,
                mechanism: Some(Mechanism::ScramSha512),
                username: Some("warden".to_owned()),
                password_file: Some(password.path().to_owned()),
                ca_file: Some("/etc/ca.pem".into()),
                cert_file: Some("/etc/cert.pem".into()),
                key_file: Some("/etc/key.pem".into()),
            },
            ..Params::default()
        };
        assert_eq!(params.problems(), Vec::<String>::new());
        let config = client_config(&params).unwrap();
        for (name, value) in [
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanisms", "SCRAM-SHA-512"),
            ("sasl.username", "warden"),
            ("sasl.password", "s3cret"),
            ("ssl.ca.location", "/etc/ca.pem"),
            ("ssl.certificate.location", "/etc/cert.pem"),
            ("ssl.key.location", "/etc/key.pem"),
        ] {
            assert_eq!(config.get(name), Some(value), "{name}");
        }
        let missing = Security { password_file: Some("/nonexistent".into()), ..params.security };
        assert!(client_config(&Params { security: missing, ..params }).is_err());
    }

    #[test]
    fn librdkafka_accepts_every_option() {
        let params =
            Params { instance: Some("a".to_owned()), is_static_member: true, ..Params::default() };
        consumer_config(&params, 0).unwrap().create_native_config().unwrap();
        let producer = producer_config(&params, 3).unwrap();
        producer.create_native_config().unwrap();
        assert_eq!(producer.get("transactional.id"), Some("txwarden-a-3"));
    }
}
