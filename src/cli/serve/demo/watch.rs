//! The demo's analyst: reads the alert topic, prints each alert, keeps the score.

use super::{
    board::{About, Scoreboard},
    progress::DemoProgress,
};
use crate::{
    cli::{CliError, layout, output},
    kafka::open,
    model::Alert,
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, DefaultConsumerContext},
    error::KafkaError,
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// How long to wait without progress: a debug build may spend a minute in one background fit.
const PATIENCE: Duration = Duration::from_secs(120);

/// Prints alerts until all are in, or until `stop`; returns when the first one came.
pub(super) fn watch(
    brokers: &str,
    topic: &str,
    board: &mut Scoreboard,
    progress: &DemoProgress,
    stop: &AtomicBool,
) -> Result<Option<Duration>, CliError> {
    let consumer = connect(brokers, topic)
        .map_err(|e| CliError::failure("cannot read the demo's alert topic", e))?;
    let (started, mut first, mut n_seen) = (Instant::now(), None, 0);
    let mut last_change = (Instant::now(), 0);
    while !stop.load(Ordering::Acquire) {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) {
            n_seen += 1;
            first.get_or_insert_with(|| started.elapsed());
            match message.payload().map(serde_json::from_slice::<Alert>) {
                Some(Ok(alert)) => show(&alert, board, progress)?,
                _ => output::say("an alert that cannot be read"),
            }
            continue;
        }
        let (is_done, n_committed, n_folded) =
            progress.look(|c| (c.is_done(), c.n_committed, c.folded.values().sum::<u64>()));
        if is_done && n_seen >= n_committed {
            break;
        }
        if last_change.1 != n_folded {
            last_change = (Instant::now(), n_folded);
        } else if last_change.0.elapsed() > PATIENCE {
            output::say("the detector has stopped making progress: the summary is incomplete");
            break;
        }
    }
    Ok(first)
}

fn connect(brokers: &str, topic: &str) -> Result<BaseConsumer, KafkaError> {
    let consumer: BaseConsumer = open(
        ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "txwarden-demo-analyst")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "20"),
        DefaultConsumerContext,
    )?;
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&assignment)?;
    Ok(consumer)
}

/// Characters of a line, so that it fits into half a screen.
const LINE_MAX: usize = 100;

/// Prints an alert in a line for what it is, and below it why.
fn show(alert: &Alert, board: &mut Scoreboard, progress: &DemoProgress) -> Result<(), CliError> {
    let about = board.note(alert, |idx| progress.look(|c| c.sent.get(&idx).copied()));
    if alert.revision > 1 {
        return Ok(());
    }
    let is_coloured = layout::is_coloured();
    let note = match about {
        About::First(idx) => {
            let verdict = board.verdict(idx);
            let delay = verdict.delay_ms.unwrap_or(0);
            format!("<- planted {}, noticed after {delay} ms", verdict.name)
        }
        About::Again(idx) => format!("<- planted {}, again", board.verdict(idx).name),
        About::Background => "<- background".to_owned(),
    };
    let severity = layout::severity(alert.severity, is_coloured);
    let detector = alert.evidence.first().map_or("", |e| e.detector.as_str());
    let note = match about {
        About::First(_) => layout::paint(&note, "32", is_coloured),
        _ => layout::paint(&note, "2", is_coloured),
    };
    let reason = layout::wrap(&layout::shorten(&alert.reason), "         ", LINE_MAX);
    output::stdout(format!("{severity} {detector:<20} {note}\n{reason}").as_bytes())
}
