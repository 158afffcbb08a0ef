//! Opens a partition: asks Kafka for the facts, plans the start and makes the engine.

use super::{
    Driver, Fits, RuntimeError,
    checkpoints::Cadence,
    crash_loop::CrashLoop,
    flood::Flood,
    partition::Partition,
    snapshot::Place,
    takeover::{Facts, LastRecord, Plan, Progress, plan},
    worker::Context,
};
use crate::{
    audit::Chain,
    ops::kafka::Patience,
    source::kafka::{Consumer, Start, TopicPartition},
};
use std::time::Duration;

/// How long a broker may take to answer a question about a partition.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Opens a partition that the group has given to us: state still empty, position planned.
///
/// # Errors
/// When the position cannot be known, or starting there would lose or repeat records.
pub fn open(
    ctx: &Context<'_>,
    consumer: &Consumer,
    at: &TopicPartition,
    committed: Option<(i64, String)>,
) -> Result<Partition, RuntimeError> {
    let no_answer = |source| RuntimeError::Kafka { what: "cannot read the log's end", source };
    let Context { params, inputs, setup_hashes, .. } = *ctx;
    let unknown = || RuntimeError::Refused(format!("topic {} is no input", at.topic));
    let input = inputs.iter().position(|i| i.topic == at.topic).ok_or_else(unknown)?;
    let offset = committed.as_ref().map(|(offset, _)| *offset);
    let patience = || Patience::new(ANSWER_MAX, ctx.stop);
    let bounds = consumer.bounds(at, patience()).map_err(no_answer)?;
    let facts = Facts {
        at,
        group: &params.kafka.group,
        committed,
        bounds,
        start: params.kafka.start,
        on_lost_history: params.on_lost_history,
    };
    let (start, live_at, recorded) = match plan(facts).map_err(RuntimeError::Refused)? {
        Plan::Resume { start, live_at, recorded } => (start, live_at, recorded),
        Plan::First(start) => {
            let first = match start {
                Start::Earliest => bounds.0,
                Start::Latest => bounds.1,
                Start::TimestampMs(ms) => {
                    let found = consumer.offset_at(at, ms, patience());
                    found.map_err(no_answer)?.unwrap_or(bounds.1)
                }
            };
            (first, first, None)
        }
    };
    let driver = Driver::new(inputs[input].setup.clone(), Fits::Background)
        .map_err(|source| RuntimeError::Engine { topic: at.topic.clone(), source })?;
    let place = Place {
        group: params.kafka.group.clone(),
        topic: at.topic.clone(),
        partition: at.partition,
    };
    let watch = CrashLoop::open(ctx.store, &place, offset, params.batch.records_max)
        .map_err(RuntimeError::Refused)?;
    Ok(Partition {
        at: at.clone(),
        input,
        driver,
        chain: Chain::new(&at.topic, at.partition),
        cadence: Cadence::default(),
        progress: Progress {
            start,
            setup: setup_hashes[input].clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Progress::default()
        },
        last: LastRecord::default(),
        rebuilt_from: start,
        next: start,
        committed: offset,
        live_at,
        is_live: start >= live_at,
        recorded,
        flood: Flood::default(),
        watch,
        is_paused: false,
    })
}
