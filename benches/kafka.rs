//! End to end on a real broker: the worker's records a second beside bare consumption of the topic.
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
        consumer::{BaseConsumer, Consumer},
    };
    use std::{
        sync::{
            Arc, Mutex,
            atomic::{AtomicBool, AtomicUsize, Ordering},
        },
        time::{Duration, Instant},
    };
    use txwarden::{
        decode::{Format, Limits, Settings},
        detect::{Member, models},
        engine::{Params as EngineParams, Setup},
        model::{Chain, Reference},
        runtime::{InputParams, InputSetup, Observer, Outputs, Params, run, snapshot},
        sim::{Evm, Scenario},
        source::kafka::{self, Start},
    };

    /// Stops the worker once everything was folded and committed, and times what lies between the
    /// first batch and the last: joining and leaving the group is no throughput.
    struct Counter {
        n: AtomicUsize,
        until: usize,
        stop: Arc<AtomicBool>,
        /// End of the first batch and its records, end of the newest.
        times: Mutex<Option<(Instant, usize, Instant)>>,
    }

    impl Observer for Counter {
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
        for (name, has_models) in [("run, rules only", false), ("run, default", true)] {
            let rate = work(broker, &topic, lines.len(), &reference, has_models);
            println!("{name:<28} {rate:>12.0} {:>11.0}%", 100.0 * rate / bare);
        }
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

    /// Returns records a second between the first batch and the last.
    fn work(
        broker: &Broker,
        topic: &str,
        n: usize,
        reference: &Arc<Reference>,
        has_models: bool,
    ) -> f64 {
        let (alerts, dead_letters) = (broker.name("alerts"), broker.name("deadletters"));
        broker.create_topic(&alerts, 1);
        broker.create_topic(&dead_letters, 1);
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
                allow_partitions: false,
                allow_batch: true,
            }],
            outputs: Outputs {
                alerts,
                dead_letters,
                checkpoints: broker.name("checkpoints"),
                control: broker.name("control"),
                create_topics: true,
            },
            snapshots: snapshot::Params::off(),
            ..Params::default()
        };
        let mut engine = EngineParams::default();
        if !has_models {
            let off = Member { enabled: false, ..Member::default() };
            let ids = models::TABLE.iter().map(|entry| entry.meta.id.to_owned());
            engine.detect.models = ids.map(|id| (id, off.clone())).collect();
        }
        let chain = Chain::parse(Chain::ETHEREUM).unwrap();
        let settings = Settings {
            format: Format::EthereumEtl,
            chain: chain.clone(),
            is_batch_allowed: true,
            limits: Limits::default(),
            mapping: None,
        };
        let setup = Setup {
            chain,
            params: engine,
            reference: Arc::clone(reference),
            config_hash: "bench".to_owned(),
            is_reporting_findings: false,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let observer = Arc::new(Counter {
            n: AtomicUsize::new(0),
            until: n,
            stop: Arc::clone(&stop),
            times: Mutex::new(None),
        });
        let counter = Arc::clone(&observer);
        let inputs = vec![InputSetup { topic: topic.to_owned(), settings, setup }];
        run(&params, inputs, stop, observer).unwrap();
        let (began, n_first, ended) = counter.times.lock().unwrap().unwrap();
        (n - n_first) as f64 / (ended - began).as_secs_f64()
    }
}

fn main() {
    #[cfg(feature = "kafka")]
    bench::main();
}
