//! A real Apache Kafka for tests: one broker a test binary, a topic a test.
#![allow(dead_code, reason = "tests, the fault suite and benches each use a part of it")]

pub mod server;

use rdkafka::{
    ClientConfig, Message,
    admin::{
        AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
        TopicReplication,
    },
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{Headers, OwnedMessage},
    producer::{BaseProducer, BaseRecord, Producer},
};
use server::Server;
use std::{
    env,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// A running broker; see [`shared`].
pub struct Broker {
    server: Server,
}

static BROKER: OnceLock<Result<Broker, String>> = OnceLock::new();
static TOPICS: AtomicU32 = AtomicU32::new(0);

/// Returns the broker of this test binary, or says aloud that the test is skipped.
pub fn shared(test: &str) -> Option<&'static Broker> {
    match BROKER.get_or_init(|| Broker::start("")) {
        Ok(broker) => Some(broker),
        Err(why) => {
            assert!(env::var_os("TXWARDEN_REQUIRE_KAFKA").is_none(), "kafka is required: {why}");
            crate::data::skip(test, why);
            None
        }
    }
}

impl Broker {
    /// Starts a broker; `properties` are added to its settings.
    ///
    /// # Errors
    /// When it cannot be had here, and why.
    pub fn start(properties: &str) -> Result<Self, String> {
        let broker = Self { server: Server::start(properties)? };
        broker.await_ready()?;
        Ok(broker)
    }

    /// Sends a signal to the broker's process, by name.
    pub fn signal(&self, name: &str) {
        self.server.signal(name);
    }

    /// Ends the broker with a signal, and starts it again on the same address and data.
    pub fn restart(&self, signal: &str) {
        self.server.end(signal);
        self.server.launch().unwrap();
        self.await_ready().unwrap();
    }

    /// Returns the address for `brokers`.
    pub fn bootstrap(&self) -> &str {
        &self.server.bootstrap
    }

    /// Returns a name that no other test uses.
    pub fn name(&self, base: &str) -> String {
        format!("{base}-{}", TOPICS.fetch_add(1, Ordering::Relaxed))
    }

    /// Creates a topic and waits until it has a leader.
    pub fn create_topic(&self, topic: &str, n_partitions: i32) {
        self.create_topic_with(topic, n_partitions, &[]);
    }

    /// Creates a topic with settings of its own, and waits until it has a leader.
    pub fn create_topic_with(&self, topic: &str, n_partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let mut new = NewTopic::new(topic, n_partitions, TopicReplication::Fixed(1));
        for (name, value) in settings {
            new = new.set(name, value);
        }
        let made = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(admin.create_topics([&new], &AdminOptions::new()))
            .unwrap();
        made.into_iter().for_each(|result| drop(result.unwrap()));
        let until = Instant::now() + Duration::from_secs(20);
        while (0..n_partitions).any(|partition| self.end(topic, partition).is_none()) {
            assert!(Instant::now() < until, "topic {topic} got no leader");
        }
    }

    /// Adds partitions to a topic, up to so many.
    pub fn widen_topic(&self, topic: &str, n_partitions: usize) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let new = NewPartitions::new(topic, n_partitions);
        let made = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(admin.create_partitions([&new], &AdminOptions::new()))
            .unwrap();
        made.into_iter().for_each(|result| drop(result.unwrap()));
        let until = Instant::now() + Duration::from_secs(20);
        while self.end(topic, n_partitions as i32 - 1).is_none() {
            assert!(Instant::now() < until, "topic {topic} got no leader");
        }
    }

    /// Deletes a topic.
    pub fn delete_topic(&self, topic: &str) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let deleted = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(admin.delete_topics(&[topic], &AdminOptions::new()))
            .unwrap();
        deleted.into_iter().for_each(|result| drop(result.unwrap()));
    }

    /// Changes a topic's settings; those that are not named return to their defaults.
    pub fn alter_topic(&self, topic: &str, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let mut change = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (name, value) in settings {
            change = change.set(name, value);
        }
        let changed = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(admin.alter_configs([&change], &AdminOptions::new()))
            .unwrap();
        changed.into_iter().for_each(|result| drop(result.unwrap()));
    }

    /// Returns a producer that keeps order and writes nothing twice.
    pub fn producer(&self) -> BaseProducer {
        let mut config = self.config();
        config.set("linger.ms", "20").set("enable.idempotence", "true").create().unwrap()
    }

    /// Writes values with their timestamps to partition 0, in order.
    pub fn produce(&self, topic: &str, values: &[(String, i64)]) {
        let producer = self.producer();
        for (value, ms) in values {
            send(&producer, topic, 0, value.as_bytes(), *ms);
        }
        producer.flush(Duration::from_secs(60)).unwrap();
    }

    /// Writes values to partition 0 in batches of one codec.
    pub fn produce_packed(&self, topic: &str, codec: &str, values: &[(String, i64)]) {
        let mut config = self.config();
        config.set("linger.ms", "50").set("enable.idempotence", "true");
        let producer: BaseProducer = config.set("compression.type", codec).create().unwrap();
        for (value, ms) in values {
            send(&producer, topic, 0, value.as_bytes(), *ms);
        }
        producer.flush(Duration::from_secs(60)).unwrap();
    }

    /// Writes values to partition 0 in one transaction, which ends as wished.
    pub fn produce_transaction(&self, topic: &str, values: &[(String, i64)], is_commit: bool) {
        let mut config = self.config();
        let id = self.name("transactional");
        let producer: BaseProducer = config.set("transactional.id", id).create().unwrap();
        let patience = Duration::from_secs(60);
        producer.init_transactions(patience).unwrap();
        producer.begin_transaction().unwrap();
        for (value, ms) in values {
            send(&producer, topic, 0, value.as_bytes(), *ms);
        }
        producer.flush(patience).unwrap();
        match is_commit {
            true => producer.commit_transaction(patience).unwrap(),
            false => producer.abort_transaction(patience).unwrap(),
        }
    }

    /// Returns the first segment of a partition's log, where the broker keeps it.
    pub fn segment(&self, topic: &str, partition: i32) -> std::path::PathBuf {
        self.server.data().join(format!("{topic}-{partition}/00000000000000000000.log"))
    }

    /// Returns the offset after the last record of a partition.
    pub fn end(&self, topic: &str, partition: i32) -> Option<i64> {
        let consumer: BaseConsumer = self.config().create().unwrap();
        let bounds = consumer.fetch_watermarks(topic, partition, Duration::from_secs(5));
        bounds.ok().map(|(_, high)| high)
    }

    /// Reads everything committed in a topic, partition by partition, after any transaction that
    /// is open there has ended: its outcome is unknown, and hides what was committed after it.
    pub fn read_committed(&self, topic: &str) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = self
            .config()
            .set("group.id", self.name("reader"))
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            // A topic that is written to all the time has an end only between two writes.
            .set("fetch.wait.max.ms", "10")
            .create()
            .unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
        let n_partitions = metadata.topics()[0].partitions().len();
        let mut list = rdkafka::TopicPartitionList::new();
        for partition in 0..n_partitions {
            list.add_partition_offset(topic, partition as i32, rdkafka::Offset::Beginning).unwrap();
        }
        let until = Instant::now() + Duration::from_secs(60);
        let all: BaseConsumer =
            self.config().set("isolation.level", "read_uncommitted").create().unwrap();
        let end = |reader: &BaseConsumer, partition| {
            reader.fetch_watermarks(topic, partition, Duration::from_secs(10)).unwrap().1
        };
        for partition in (0..).take(n_partitions) {
            // Asked once: a topic that is written to all the time has always one open at its end.
            let now = end(&all, partition);
            while end(&consumer, partition) < now {
                assert!(Instant::now() < until, "a transaction on {topic} does not end");
                std::thread::park_timeout(Duration::from_millis(100));
            }
        }
        consumer.assign(&list).unwrap();
        let (mut found, mut n_ended) = (Vec::new(), 0);
        while n_ended < n_partitions {
            assert!(Instant::now() < until, "topic {topic} has no end");
            match consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => found.push(message.detach()),
                Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => n_ended += 1,
                _ => {}
            }
        }
        found.sort_by_key(|m| (m.partition(), m.offset()));
        found
    }

    /// Returns a client configuration that reaches the broker.
    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        config
    }

    /// Returns the broker's log, for a test that failed.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// Waits until metadata and the group coordinator answer.
    fn await_ready(&self) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(90);
        let consumer: BaseConsumer =
            self.config().set("group.id", "ready").create().map_err(|e| e.to_string())?;
        let patience = Duration::from_secs(2);
        loop {
            let answer = consumer
                .fetch_metadata(None, patience)
                .and_then(|_| consumer.fetch_group_list(Some("ready"), patience));
            match answer {
                Ok(_) => return Ok(()),
                Err(e) if Instant::now() >= until => {
                    return Err(format!("the broker does not answer: {e}\n{}", self.log()));
                }
                Err(_) => std::thread::park_timeout(Duration::from_millis(100)),
            }
        }
    }
}

/// Hands a record to a producer, waiting while its queue is full.
pub fn send(producer: &BaseProducer, topic: &str, partition: i32, value: &[u8], ms: i64) {
    let mut record = BaseRecord::<[u8], [u8]>::to(topic)
        .partition(partition)
        .key(b"original key")
        .timestamp(ms)
        .payload(value);
    while let Err((_, back)) = producer.send(record) {
        record = back;
        producer.poll(Duration::from_millis(1));
    }
}

/// Returns a header's text.
pub fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let found = headers.iter().find(|h| h.key == name)?;
    Some(String::from_utf8_lossy(found.value?).into_owned())
}
