//! End to end on a real broker: the worker beside bare consumption and beside its own twin that
//! writes the same without transactions, and the stage `route` before it.
//!
//! `cargo bench --bench kafka` prints a table. Fixed seed; needs java and mvn.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

#[cfg(feature = "kafka")]
#[path = "../tests/kafka/broker.rs"]
mod broker;
#[cfg(feature = "kafka")]
#[path = "../tests/it/data.rs"]
#[expect(dead_code, reason = "the broker uses its skip")]
mod data;

#[cfg(feature = "kafka")]
mod bench {
    use crate::broker::{self, Broker};
    use rdkafka::{
        Message, Offset, TopicPartitionList,
        consumer::{BaseConsumer, CommitMode, Consumer},
        producer::{BaseProducer, BaseRecord, Producer},
    };
    use std::{
        sync::{
            Arc, Mutex,
            atomic::{AtomicBool, AtomicUsize, Ordering},
        },
        time::{Duration, Instant},
    };
    use txwarden::{
        audit,
        decode::{Format, Settings},
        detect::{DetectorSettings, models},
        engine::{Action, Params as EngineParams, Setup},
        kafka::{self, ReadObserver},
        model::{Chain, Reference, Start},
        pipeline::{
            Batching, Driver, Fits, InputParams, InputSetup, Observer, Outputs, Params, message,
            route::{self, StreamParams},
            run,
        },
        sim::{Evm, Scenario},
        store,
    };

    /// Stops the worker once everything was folded and committed, and times what lies between the
    /// first batch and the last: joining and leaving the group is no throughput.
    struct Counter {
        n: AtomicUsize,
        until: usize,
        stop: Arc<AtomicBool>,
        /// End of the first batch and its records, end of the newest.
        times: Mutex<Option<(Instant, usize, Instant)>>,
        n_commits: AtomicUsize,
    }

    impl ReadObserver for Counter {}

    impl Observer for Counter {
        fn committed(&self, _: usize, _: usize, _: f64) {
            self.n_commits.fetch_add(1, Ordering::AcqRel);
        }

        fn batch(&self, n_records: usize, _: usize) {
            let now = Instant::now();
            let mut times = self.times.lock().unwrap();
            let (began, n_first, _) = times.unwrap_or((now, n_records, now));
            *times = Some((began, n_first, now));
            if self.n.fetch_add(n_records, Ordering::AcqRel) + n_records >= self.until {
                self.stop.store(true, Ordering::Release);
            }
        }
    }

    pub fn main() {
        let Some(broker) = broker::shared("bench kafka") else { return };
        let evm = Evm { n_blocks: 4_000, txs_per_block: 50.0, ..Evm::default() };
        let (lines, truth) = Scenario::new(7).evm(evm).generate();
        let lines: Vec<_> = lines.into_iter().map(|l| (l.json, l.event_time.millis())).collect();
        let n_bytes: usize = lines.iter().map(|(json, _)| json.len()).sum();
        let topic = broker.name("bench");
        broker.create_topic(&topic, 1);
        broker.produce(&topic, &lines);
        println!("{} records, {} bytes each, one partition", lines.len(), n_bytes / lines.len());
        println!("{:<28} {:>12} {:>12}", "kafka/ethereum_etl", "records/s", "of bare");
        // The first pass warms the broker's cache.
        consume(broker, &topic, lines.len());
        let bare = consume(broker, &topic, lines.len());
        println!("{:<28} {bare:>12.0} {:>11.0}%", "bare consumption", 100.0);
        let reference = Arc::new(truth.reference);
        let show = |name: &str, rate: f64| {
            println!("{name:<28} {rate:>12.0} {:>11.0}%", 100.0 * rate / bare);
        };
        for (name, has_models) in [("rules only", false), ("default", true)] {
            let setup = setup(&reference, has_models);
            let batch = Batching::default().records_max;
            let rate = twin(broker, &topic, lines.len(), setup.clone(), batch);
            show(&format!("no transactions, {name}"), rate);
            show(&format!("run, {name}"), work(broker, &topic, lines.len(), setup, batch).0);
        }
        println!("{:<28} {:>12} {:>12}", "batch, rules only", "records/s", "commits/s");
        for batch in [100, 1_000, 10_000] {
            let setup = setup(&reference, false);
            let bare = twin(broker, &topic, lines.len(), setup.clone(), batch);
            let (rate, commits) = work(broker, &topic, lines.len(), setup, batch);
            println!("{:<28} {bare:>12.0} {:>12}", format!("no transactions, {batch}"), "-");
            println!("{:<28} {rate:>12.0} {commits:>12.1}", format!("run, {batch}"));
        }
        println!("{:<28} {:>12} {:>12}", "route", "in/s", "out/s");
        let split = split(broker, &lines);
        for (name, inputs) in [("1 partition", vec![topic]), ("3 topics, 5 partitions", split)] {
            let (read, written) = merge(broker, inputs, lines.len() as u64);
            println!("{:<28} {read:>12.0} {written:>12.0}", format!("route, {name}"));
        }
    }

    /// Writes the records to a topic for each kind, as an exporter does; returns the topics.
    fn split(broker: &Broker, lines: &[(String, i64)]) -> Vec<String> {
        let kinds = [("blocks", 1), ("transactions", 2), ("rest", 2)];
        let topics = kinds.map(|(base, n)| {
            let topic = broker.name(base);
            broker.create_topic(&topic, n);
            topic
        });
        let producer = broker.producer();
        for (n, (line, ms)) in (0..).zip(lines) {
            let is = |kind: &str| line.starts_with(&format!("{{\"type\": \"{kind}\""));
            let at = [is("block"), is("transaction"), true].iter().position(|is_it| *is_it);
            let kind = at.unwrap();
            broker::send(&producer, &topics[kind], n % kinds[kind].1, line.as_bytes(), *ms);
        }
        producer.flush(Duration::from_secs(60)).unwrap();
        topics.to_vec()
    }

    /// Times the stage from its first commit to the last one before its inputs fall silent, and
    /// stops it once everything is out.
    struct Merged {
        until: u64,
        stop: Arc<AtomicBool>,
        /// Records read and written so far, and when: at the first commit and the newest.
        marks: Mutex<Vec<(Instant, u64, u64)>>,
        n_out: Mutex<u64>,
    }

    impl ReadObserver for Merged {}

    impl route::RouteObserver for Merged {
        fn routed(&self, _: &str, counts: txwarden::order::MergeCounts, n_held: usize) {
            let mut n_out = self.n_out.lock().unwrap();
            *n_out += counts.n_released;
            if *n_out >= self.until {
                self.stop.store(true, Ordering::Release);
            }
            // What waits for nothing but the idle time is no throughput.
            if n_held > 0 && counts.n_idle_closed == 0 {
                let mut marks = self.marks.lock().unwrap();
                marks.truncate(1);
                marks.push((Instant::now(), *n_out + n_held as u64, *n_out));
            }
        }
    }

    /// Returns records read and written a second.
    fn merge(broker: &Broker, inputs: Vec<String>, n: u64) -> (f64, f64) {
        let output = broker.name("ordered");
        broker.create_topic(&output, 1);
        let stream = StreamParams { idle_ms: 1_000, ..StreamParams::new(&output, inputs) };
        let setup = route::RouteSetup {
            kafka: kafka::Params {
                brokers: broker.bootstrap().to_owned(),
                group: broker.name("bench"),
                start: Some(Start::Earliest),
                ..kafka::Params::default()
            },
            params: route::Params { group: None, streams: vec![stream] },
            settings: vec![settings()],
            batch: Batching::default(),
            create_topics: false,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let (marks, n_out) = (Mutex::default(), Mutex::default());
        let observer = Merged { until: n, stop: told, marks, n_out };
        route::run(&setup, &stop, &observer).unwrap();
        let marks = observer.marks.lock().unwrap();
        let [(began, read, written), (ended, read_last, written_last)] = marks[..] else {
            panic!("fewer than two commits under load: {marks:?}")
        };
        let rate = |from: u64, to: u64| (to - from) as f64 / (ended - began).as_secs_f64();
        (rate(read, read_last), rate(written, written_last))
    }

    fn setup(reference: &Arc<Reference>, has_models: bool) -> Setup {
        let mut params = EngineParams::default();
        if !has_models {
            let off = DetectorSettings { enabled: false, ..DetectorSettings::default() };
            let ids = models::TABLE.iter().map(|entry| entry.meta.id.to_owned());
            params.detect.models = ids.map(|id| (id, off.clone())).collect();
        }
        Setup {
            params,
            reference: Arc::clone(reference),
            config_hash: "bench".to_owned(),
            ..Setup::new(Chain::parse(Chain::ETHEREUM).unwrap())
        }
    }

    fn settings() -> Settings {
        Settings::new(Format::EthereumEtl, Chain::parse(Chain::ETHEREUM).unwrap())
    }

    /// The worker's twin without transactions: the same engine, the same batches, an idempotent
    /// producer, and a plain commit of the offset once the batch is delivered. Returns records a
    /// second between the first batch and the last.
    fn twin(broker: &Broker, topic: &str, n: usize, setup: Setup, batch: usize) -> f64 {
        let alerts = broker.name("alerts");
        broker.create_topic(&alerts, 1);
        let mut config = broker.config();
        config.set("group.id", broker.name("twin")).set("fetch.queue.backoff.ms", "10");
        let consumer: BaseConsumer = config
            .set("enable.auto.commit", "false")
            .set("queued.min.messages", "20000")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        let mut config = broker.config();
        config.set("enable.idempotence", "true").set("compression.type", "zstd");
        let producer: BaseProducer = config.set("linger.ms", "5").create().unwrap();
        let mut driver = Driver::new(setup, Fits::Background).unwrap();
        let (settings, mut chain) = (settings(), audit::HashChain::new(topic, 0));
        let (mut actions, mut n_seen, mut began) = (Vec::new(), 0, None);
        while n_seen < n {
            let Some(message) = consumer.poll(Duration::from_secs(10)) else { continue };
            let (message, mut headers) = (message.unwrap(), Vec::new());
            driver.feed(&settings, kafka::record_of(&message, &mut headers), &mut actions);
            n_seen += 1;
            for action in actions.drain(..) {
                if let Action::Alert(mut alert) = action {
                    let body = chain.seal(&mut alert).unwrap();
                    let made = message::of_alert(&alert, body, "/bench");
                    let record = BaseRecord::<[u8], [u8]>::to(&alerts).payload(&made.body);
                    producer.send(record.key(&made.key.unwrap())).map_err(|(e, _)| e).unwrap();
                }
            }
            if n_seen % batch == 0 || n_seen == n {
                while producer.in_flight_count() > 0 {
                    producer.poll(Duration::from_millis(1));
                }
                list.set_partition_offset(topic, 0, Offset::Offset(message.offset() + 1)).unwrap();
                consumer.commit(&list, CommitMode::Sync).unwrap();
                began.get_or_insert((Instant::now(), n_seen));
            }
        }
        let (since, n_first) = began.unwrap();
        (n - n_first) as f64 / since.elapsed().as_secs_f64()
    }

    /// Returns records a second from the first record on.
    fn consume(broker: &Broker, topic: &str, n: usize) -> f64 {
        let mut config = broker.config();
        config.set("group.id", broker.name("bare")).set("fetch.queue.backoff.ms", "10");
        let consumer: BaseConsumer = config.create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        let (mut n_seen, mut n_bytes, mut began) = (0, 0, Instant::now());
        while n_seen < n {
            if let Some(message) = consumer.poll(Duration::from_secs(10)) {
                if n_seen == 0 {
                    began = Instant::now();
                }
                n_bytes += message.unwrap().payload().map_or(0, <[u8]>::len);
                n_seen += 1;
            }
        }
        assert!(n_bytes > 0);
        n as f64 / began.elapsed().as_secs_f64()
    }

    /// Returns records and commits a second between the first batch and the last.
    fn work(broker: &Broker, topic: &str, n: usize, setup: Setup, batch: usize) -> (f64, f64) {
        let side = ["alerts", "deadletters", "checkpoints", "control"].map(|base| {
            let name = broker.name(base);
            broker.create_topic(&name, 1);
            name
        });
        let [alerts, dead_letters, checkpoints, control] = side;
        let params = Params {
            kafka: kafka::Params {
                brokers: broker.bootstrap().to_owned(),
                group: broker.name("bench"),
                start: Some(Start::Earliest),
                ..kafka::Params::default()
            },
            inputs: vec![InputParams {
                topic: topic.to_owned(),
                format: Format::EthereumEtl,
                chain: Chain::ETHEREUM.to_owned(),
                mapping: None,
                envelope: Default::default(),
                schemas: None,
                allow_partitions: false,
                allow_batch: true,
            }],
            outputs: Outputs { alerts, dead_letters, checkpoints, control, create_topics: false },
            snapshots: store::Params::off(),
            batch: Batching { records_max: batch, ..Batching::default() },
            ..Params::default()
        };
        let stop = Arc::new(AtomicBool::new(false));
        let observer = Arc::new(Counter {
            n: AtomicUsize::new(0),
            until: n,
            stop: Arc::clone(&stop),
            times: Mutex::new(None),
            n_commits: AtomicUsize::new(0),
        });
        let counter = Arc::clone(&observer);
        let inputs = vec![InputSetup { topic: topic.to_owned(), settings: settings(), setup }];
        run(&params, inputs, stop, observer).unwrap();
        let (began, n_first, ended) = counter.times.lock().unwrap().unwrap();
        let took = (ended - began).as_secs_f64();
        let n_commits = counter.n_commits.load(Ordering::Acquire);
        ((n - n_first) as f64 / took, n_commits as f64 / took)
    }
}

fn main() {
    #[cfg(feature = "kafka")]
    bench::main();
}
