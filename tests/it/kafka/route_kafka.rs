//! The stage `route` on a real broker: exactly once through a stop in the middle of a window.

use crate::{
    broker::{header, send},
    kafka::job::{Job, lines},
};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rdkafka::{Message, producer::Producer};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use txwarden::{
    kafka::ReadObserver,
    order::MergeCounts,
    pipeline::{
        RuntimeError,
        route::{self, Params, RouteSetup, StreamParams},
    },
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Counts what the stage says it has passed on.
#[derive(Default)]
struct Told {
    n_released: AtomicU64,
    n_late: AtomicU64,
}

impl ReadObserver for Told {}

impl route::RouteObserver for Told {
    fn routed(&self, _: &str, counts: MergeCounts, _: usize) {
        self.n_released.fetch_add(counts.n_released, Ordering::AcqRel);
        self.n_late.fetch_add(counts.n_late, Ordering::AcqRel);
    }
}

struct Running {
    told: Arc<Told>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), RuntimeError>>,
}

impl Running {
    fn start(setup: RouteSetup) -> Self {
        let (told, stop) = (Arc::new(Told::default()), Arc::new(AtomicBool::new(false)));
        let (observer, told_to_stop) = (Arc::clone(&told), Arc::clone(&stop));
        let thread = std::thread::spawn(move || route::run(&setup, &told_to_stop, &*observer));
        Self { told, stop, thread }
    }

    fn await_released(&self, n: u64) {
        let until = Instant::now() + PATIENCE;
        while self.told.n_released.load(Ordering::Acquire) < n && !self.thread.is_finished() {
            assert!(Instant::now() < until, "{:?} of {n}", self.told.n_released);
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn stop(self) -> Arc<Told> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap().unwrap();
        self.told
    }
}

#[test]
fn four_partitions_become_one_order_through_a_stop() {
    let Some(job) = Job::new("four_partitions_become_one_order_through_a_stop") else { return };
    let etl = job.broker.name("etl");
    job.broker.create_topic(&etl, 4);
    let mut lines = lines();
    lines.truncate(4_000);
    lines.retain(|(line, _)| !line.contains("\"block_hash\": null"));
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let producer = job.broker.producer();
    let mut produce = |lines: &[(String, i64)]| {
        for (line, ms) in lines {
            send(&producer, &etl, rng.gen_range(0..4), line.as_bytes(), *ms);
        }
        producer.flush(Duration::from_secs(60)).unwrap();
    };
    let mut stream = StreamParams::new(&job.input, vec![etl.clone()]);
    // Only what all partitions have passed goes out.
    stream.idle_ms = 600_000;
    let mut setup = RouteSetup {
        kafka: job.params.kafka.clone(),
        params: Params { group: None, streams: vec![stream] },
        settings: vec![job.inputs[0].settings.clone()],
        batch: job.params.batch.clone(),
        create_topics: false,
    };
    let (early, late) = lines.split_at(lines.len() / 2);
    produce(early);
    let first = Running::start(setup.clone());
    first.await_released(1);
    let told = first.stop();
    let n_first = told.n_released.load(Ordering::Acquire);
    assert!((1..early.len() as u64).contains(&n_first), "{n_first}: some were held");
    produce(late);
    setup.params.streams[0].idle_ms = 2_000;
    let second = Running::start(setup);
    second.await_released(lines.len() as u64 - n_first);
    let told = second.stop();
    assert_eq!(told.n_late.load(Ordering::Acquire), 0);
    let routed = job.broker.read_committed(&job.input);
    assert_eq!(routed.len(), lines.len(), "each record once");
    for (message, (line, ms)) in routed.iter().zip(&lines) {
        assert_eq!(String::from_utf8_lossy(message.payload().unwrap()), *line);
        assert_eq!(message.timestamp().to_millis(), Some(*ms));
        assert_eq!(message.key(), Some(&b"original key"[..]));
        assert_eq!(header(message, "txwarden-late"), None);
    }
}
