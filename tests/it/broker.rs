//! A real Apache Kafka for tests: jars by Maven, one broker a test binary, a topic a test.

use rdkafka::{
    ClientConfig, Message,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{Headers, OwnedMessage},
    producer::{BaseProducer, BaseRecord, Producer},
};
use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// A running broker; see [`shared`].
pub struct Broker {
    bootstrap: String,
    /// Removed by the guard process, see [`start`].
    dir: PathBuf,
}

static BROKER: OnceLock<Result<Broker, String>> = OnceLock::new();
static TOPICS: AtomicU32 = AtomicU32::new(0);

/// Returns the broker of this test binary, or says aloud that the test is skipped.
pub fn shared(test: &str) -> Option<&'static Broker> {
    match BROKER.get_or_init(start) {
        Ok(broker) => Some(broker),
        Err(why) => {
            assert!(env::var_os("TXWARDEN_REQUIRE_KAFKA").is_none(), "kafka is required: {why}");
            crate::data::skip(test, why);
            None
        }
    }
}

impl Broker {
    /// Returns the address for `brokers`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Returns a name that no other test uses.
    pub fn name(&self, base: &str) -> String {
        format!("{base}-{}", TOPICS.fetch_add(1, Ordering::Relaxed))
    }

    /// Creates a topic and waits until it has a leader.
    pub fn create_topic(&self, topic: &str, n_partitions: i32) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let new = NewTopic::new(topic, n_partitions, TopicReplication::Fixed(1));
        let made = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(admin.create_topics([&new], &AdminOptions::new()))
            .unwrap();
        made.into_iter().for_each(|result| drop(result.unwrap()));
        let until = Instant::now() + Duration::from_secs(20);
        while self.end(topic, 0).is_none() {
            assert!(Instant::now() < until, "topic {topic} got no leader");
        }
    }

    /// Writes values with their timestamps to partition 0, in order.
    pub fn produce(&self, topic: &str, values: &[(String, i64)]) {
        let producer: BaseProducer = self
            .config()
            .set("linger.ms", "20")
            .set("enable.idempotence", "true")
            .create()
            .unwrap();
        for (value, ms) in values {
            let mut record = BaseRecord::<[u8], [u8]>::to(topic)
                .partition(0)
                .key(b"original key")
                .timestamp(*ms)
                .payload(value.as_bytes());
            while let Err((_, back)) = producer.send(record) {
                record = back;
                producer.poll(Duration::from_millis(1));
            }
        }
        producer.flush(Duration::from_secs(60)).unwrap();
    }

    /// Returns the offset after the last record of a partition.
    pub fn end(&self, topic: &str, partition: i32) -> Option<i64> {
        let consumer: BaseConsumer = self.config().create().unwrap();
        let bounds = consumer.fetch_watermarks(topic, partition, Duration::from_secs(5));
        bounds.ok().map(|(_, high)| high)
    }

    /// Reads everything committed in a topic, partition by partition.
    pub fn read_committed(&self, topic: &str) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = self
            .config()
            .set("group.id", self.name("reader"))
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .create()
            .unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
        let n_partitions = metadata.topics()[0].partitions().len();
        let mut list = rdkafka::TopicPartitionList::new();
        for partition in 0..n_partitions {
            list.add_partition_offset(topic, partition as i32, rdkafka::Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let (mut found, mut n_ended) = (Vec::new(), 0);
        let until = Instant::now() + Duration::from_secs(60);
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
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    /// Returns the broker's log, for a test that failed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("kafka.log")).unwrap_or_default()
    }
}

/// Returns a header's text.
pub fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let found = headers.iter().find(|h| h.key == name)?;
    Some(String::from_utf8_lossy(found.value?).into_owned())
}

fn start() -> Result<Broker, String> {
    for tool in ["java", "mvn"] {
        let found = Command::new(tool).arg("-version").output();
        if !found.is_ok_and(|out| out.status.success()) {
            return Err(format!("{tool} is not installed"));
        }
    }
    let jars = jars()?;
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?.keep();
    // Bound together, so that they differ; freed for the broker, which binds them at once.
    let sockets: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<_> = sockets.iter().map(|s| s.local_addr().unwrap().port()).collect();
    drop(sockets);
    let properties = properties(&dir, ports[0], ports[1]);
    fs::write(dir.join("server.properties"), properties).map_err(|e| e.to_string())?;
    fs::write(dir.join("log4j2.properties"), log4j(&dir)).map_err(|e| e.to_string())?;
    let formatted = java(&jars, &dir)
        .args(["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAQACAAAAAAAAAAQ", "-c"])
        .arg(dir.join("server.properties"))
        .output()
        .map_err(|e| e.to_string())?;
    if !formatted.status.success() {
        return Err(format!("format: {}", String::from_utf8_lossy(&formatted.stderr)));
    }
    let broker = java(&jars, &dir)
        .arg("kafka.Kafka")
        .arg(dir.join("server.properties"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    guard(&broker, &dir)?;
    let broker = Broker { bootstrap: format!("127.0.0.1:{}", ports[0]), dir };
    await_ready(&broker)?;
    Ok(broker)
}

/// Ends the broker when this process has ended, in whatever way: statics are never dropped.
fn guard(broker: &Child, dir: &Path) -> Result<(), String> {
    let script = "while kill -0 $1 2>/dev/null; do sleep 1; done; kill -9 $2; rm -rf \"$3\"";
    Command::new("sh")
        .args(["-c", script, "guard"])
        .args([std::process::id().to_string(), broker.id().to_string()])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|e| e.to_string())
}

/// Returns the directory of the jars, fetched on the first run.
fn jars() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka-4.1.0");
    if dir.join("complete").exists() {
        return Ok(dir);
    }
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/pom.xml");
    let out = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", "-f"])
        .arg(pom)
        .arg(format!("-DoutputDirectory={}", dir.display()))
        .output()
        .map_err(|e| e.to_string())?;
    if !out.status.success() {
        return Err(format!("mvn: {}", String::from_utf8_lossy(&out.stdout)));
    }
    fs::write(dir.join("complete"), "").map_err(|e| e.to_string())?;
    Ok(dir)
}

fn java(jars: &Path, dir: &Path) -> Command {
    let mut command = Command::new("java");
    command
        .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
        .arg(jars.join("*"))
        .arg(format!("-Dlog4j2.configurationFile={}", dir.join("log4j2.properties").display()));
    command
}

fn properties(dir: &Path, port: u16, controller_port: u16) -> String {
    let data = dir.join("data");
    format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller_port}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
         log.dirs={}\nauto.create.topics.enable=false\nlog.retention.ms=-1\n\
         offsets.topic.replication.factor=1\noffsets.topic.num.partitions=3\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
         transaction.state.log.num.partitions=3\nshare.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\ngroup.min.session.timeout.ms=1000\n",
        data.display()
    )
}

fn log4j(dir: &Path) -> String {
    format!(
        "appender.file.type=File\nappender.file.name=file\nappender.file.fileName={}\n\
         appender.file.layout.type=PatternLayout\n\
         appender.file.layout.pattern=%d %p %c %m%n\n\
         rootLogger.level=warn\nrootLogger.appenderRef.file.ref=file\n",
        dir.join("kafka.log").display()
    )
}

/// Ready means that metadata and the group coordinator answer.
fn await_ready(broker: &Broker) -> Result<(), String> {
    let until = Instant::now() + Duration::from_secs(60);
    let consumer: BaseConsumer =
        broker.config().set("group.id", "ready").create().map_err(|e| e.to_string())?;
    let patience = Duration::from_secs(2);
    loop {
        let mut list = rdkafka::TopicPartitionList::new();
        list.add_partition("none", 0);
        let answer = consumer
            .fetch_metadata(None, patience)
            .and_then(|_| consumer.fetch_group_list(Some("ready"), patience));
        match answer {
            Ok(_) => return Ok(()),
            Err(e) if Instant::now() >= until => {
                return Err(format!("the broker does not answer: {e}\n{}", broker.log()));
            }
            Err(_) => std::thread::park_timeout(Duration::from_millis(100)),
        }
    }
}
