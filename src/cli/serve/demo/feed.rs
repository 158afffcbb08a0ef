//! The demo's exporter: puts the scenario on the bus, never far ahead of the detector.

use super::progress::DemoProgress;
use crate::{
    kafka::open,
    sim::{Line, Scenario},
};
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer},
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Records of a topic that may wait: the mock broker keeps 5 MB a partition and forgets the rest,
/// a record has about 1.5 kB.
const BACKLOG_MAX: u64 = 1_500;
/// Records between two looks at the backlog.
const STRIDE: usize = 64;
/// How long the producer may take to hand over what it holds.
const FLUSH_MAX: Duration = Duration::from_secs(10);

/// Feeds the whole scenario, or until `stop`.
///
/// # Errors
/// When the broker refuses a record.
pub(super) fn feed(
    brokers: &str,
    scenario: Scenario,
    progress: &DemoProgress,
    stop: &AtomicBool,
) -> Result<(), KafkaError> {
    let producer: BaseProducer = open(
        ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("queue.buffering.max.kbytes", "16384")
            .set("linger.ms", "2"),
        DefaultProducerContext,
    )?;
    for (i, line) in scenario.lines().enumerate() {
        if i % STRIDE == 0 {
            producer.poll(Duration::ZERO);
            if stop.load(Ordering::Acquire) {
                return Ok(());
            }
            while progress.look(|c| c.backlog(line.topic)) > BACKLOG_MAX {
                producer.poll(Duration::from_millis(2));
                if stop.load(Ordering::Acquire) {
                    return Ok(());
                }
            }
        }
        send(&producer, &line)?;
        progress.update(|c| {
            *c.fed.entry(line.topic.to_owned()).or_default() += 1;
            c.n_transactions += u64::from(line.n_transactions);
            if let Some(incident) = line.incident {
                c.sent.insert(incident, Instant::now());
            }
        });
    }
    producer.flush(FLUSH_MAX)?;
    progress.update(|c| c.is_fed = true);
    Ok(())
}

fn send(producer: &BaseProducer, line: &Line) -> Result<(), KafkaError> {
    loop {
        let mut record: BaseRecord<'_, (), _> = BaseRecord::to(line.topic).payload(&line.json);
        if line.is_pending {
            // No block tells its time: the record does, here the simulated one.
            record = record.timestamp(line.event_time.millis());
        }
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(5));
            }
            Err((error, _)) => return Err(error),
        }
    }
}
