//! Opens a partition: asks Kafka and the store for the facts, plans the start, restores the engine.

use super::{
    cadence::Kept,
    checkpoints::Cadence,
    partition::Partition,
    restore::{self, RestoreOutcome, Restored},
    worker::WorkerContext,
};
use crate::{
    audit::HashChain,
    engine::Setup,
    journal::{
        Bundle, Position, Turn, TurnStep,
        takeover::{
            Facts, LastRecord, OnLostHistory, Plan, Progress, ProgressEvidence, Recorded, Tails,
            plan,
        },
        turns,
    },
    kafka::{Consumer, Patience},
    model::{GroupPartition, Start, TopicPartition},
    pipeline::{
        Driver, Fits, Image, OnFlood, RuntimeError,
        control::{ControlLogs, bundles_of},
        flood::Flood,
        fruitless::Fruitless,
        quarantine::CrashLoop,
    },
    store::SnapshotEntry,
};
use std::{sync::Arc, time::Duration};

/// How long a broker may take to answer a question about a partition.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Where a partition begins, and with what.
struct Beginning {
    /// The offset of the first record that was ever folded, unless a snapshot knows better.
    start: i64,
    restored: Option<Restored>,
    live_at: i64,
    recorded: Option<Recorded>,
}

/// One partition that is being opened, with the facts that several steps need.
struct Opening<'a> {
    ctx: WorkerContext<'a>,
    at: &'a TopicPartition,
    place: GroupPartition,
    /// What the present settings say.
    own: Arc<Bundle>,
    /// The whole control log of the place.
    turns: Vec<Turn>,
    /// Newest first; empty when the store is off or does not answer.
    entries: Vec<SnapshotEntry>,
    bounds: (i64, i64),
}

/// Opens a partition that the group has given to us: state restored as far as a snapshot reaches,
/// position planned.
///
/// It runs on the worker's thread right after the poll that announced the partition, while
/// librdkafka's own thread goes on with the heartbeats: a long restore holds up this worker's other
/// partitions, not the group, as long as it ends within `max.poll.interval.ms` (five minutes).
///
/// # Errors
/// When the position cannot be known, or starting there would lose or repeat records.
pub fn open(
    ctx: &WorkerContext<'_>,
    consumer: &Consumer,
    at: &TopicPartition,
    committed: Option<(i64, String)>,
    tails: &Tails,
    log: &ControlLogs,
) -> Result<Partition, RuntimeError> {
    let no_answer = |source| RuntimeError::Kafka { what: "cannot read the log's end", source };
    let unknown = || RuntimeError::Refused(format!("topic {} is no input", at.topic));
    let own = ctx.inputs.of(&at.topic).ok_or_else(unknown)?;
    let patience = || Patience::new(ANSWER_MAX, ctx.stop);
    let bounds = consumer.bounds(at, patience()).map_err(no_answer)?;
    let place = GroupPartition {
        group: ctx.params.kafka.group.clone(),
        topic: at.topic.clone(),
        partition: at.partition,
    };
    let told = log.get(&place).cloned().unwrap_or_default();
    let turns = turns(&place, told, &[Arc::clone(&own)], bundles_of(ctx.store))
        .map_err(RuntimeError::Refused)?;
    let opening =
        Opening { ctx: *ctx, at, entries: entries(ctx, &place), place, own, turns, bounds };
    let offset_at = |start| match start {
        Start::Earliest => Ok(bounds.0),
        Start::Latest => Ok(bounds.1),
        Start::TimestampMs(ms) => consumer
            .offset_at(at, ms, patience())
            .map(|found| found.unwrap_or(bounds.1))
            .map_err(no_answer),
    };
    let offset = committed.as_ref().map(|(offset, _)| *offset);
    let beginning = opening.begin(committed, tails, &offset_at)?;
    opening.partition(offset, beginning)
}

/// Lists the snapshots of a place, newest first. A store that does not answer costs time, not
/// answers: the state is then rebuilt from the log.
fn entries(ctx: &WorkerContext<'_>, place: &GroupPartition) -> Vec<SnapshotEntry> {
    let Some(store) = ctx.store else { return Vec::new() };
    store.list(place).unwrap_or_else(|error| {
        tracing::warn!(%place, %error, url = store.url(), "snapshots cannot be listed");
        ctx.observer.restored(&place.topic, place.partition, RestoreOutcome::Unreachable);
        Vec::new()
    })
}

impl Opening<'_> {
    fn begin(
        &self,
        committed: Option<(i64, String)>,
        tails: &Tails,
        offset_at: &dyn Fn(Start) -> Result<i64, RuntimeError>,
    ) -> Result<Beginning, RuntimeError> {
        let Self { ctx, at, bounds, .. } = self;
        let mut evidence = tails.get(at).cloned().unwrap_or_default();
        // Only a first start can have been prepared; everything else in the store is evidence.
        let seed = match committed {
            None => self.restore((0, i64::MAX)).filter(|found| found.image.is_seed),
            Some(_) => None,
        };
        if let (None, Some(newest)) = (&seed, self.entries.first()) {
            evidence.push(ProgressEvidence::of_snapshot(newest.offset));
        }
        if let Some(last) = self.turns.last() {
            evidence.push(ProgressEvidence::of_control(last.offset));
        }
        let facts = Facts {
            at,
            group: &ctx.params.kafka.group,
            committed: committed.clone(),
            bounds: *bounds,
            start: ctx.params.kafka.start,
            on_lost_history: ctx.params.on_lost_history,
            evidence: &evidence,
            seed: seed.as_ref().map(|found| found.offset),
        };
        let nothing = |start| Beginning { start, restored: None, live_at: start, recorded: None };
        match plan(&facts).map_err(RuntimeError::Refused)? {
            Plan::First(start) => Ok(nothing(offset_at(start)?)),
            Plan::Seeded(offset) => Ok(Beginning { restored: seed, ..nothing(offset) }),
            Plan::Resume { log_start, live_at, recorded } => {
                let (offset, _) = committed.unwrap_or_default();
                self.resume(offset, log_start, live_at, recorded)
            }
        }
    }

    fn resume(
        &self,
        committed: i64,
        log_start: Result<i64, String>,
        live_at: i64,
        mut recorded: Option<Recorded>,
    ) -> Result<Beginning, RuntimeError> {
        let (low, high) = self.bounds;
        let is_lenient = self.ctx.params.on_lost_history == OnLostHistory::Continue;
        // A snapshot needs the records that follow it. One of a log that is gone is of no use.
        let from = if is_lenient { 0 } else { low.min(committed) };
        let restored = (committed <= high).then(|| self.restore((from, committed))).flatten();
        let start = match &restored {
            Some(found) => found.offset,
            None => log_start.map_err(RuntimeError::Refused)?,
        };
        if restored.is_none() && live_at > start {
            let (topic, partition) = (&self.at.topic, self.at.partition);
            self.ctx.observer.restored(topic, partition, RestoreOutcome::FromLog);
            tracing::warn!(
                topic,
                partition,
                from = start,
                to = live_at,
                "no usable snapshot: the state is rebuilt from the log"
            );
        }
        if let Some(recorded) = recorded.as_mut() {
            let has_hole = match &restored {
                Some(found) => found.offset < low.min(committed),
                None => recorded.start < start,
            };
            if has_hole {
                // Other alerts may follow from it: what was recorded cannot be compared.
                recorded.setup.clear();
            }
        }
        Ok(Beginning { start, restored, live_at, recorded })
    }

    fn restore(&self, range: (i64, i64)) -> Option<Restored> {
        let Self { ctx, at, place, .. } = self;
        let report = |outcome| ctx.observer.restored(&at.topic, at.partition, outcome);
        let setup_of = |image: &Image| self.setup_of(image);
        restore::newest(ctx.store?, place, &self.entries, range, &setup_of, &report)
    }

    /// Returns what the engine of a snapshot was made with.
    fn setup_of(&self, image: &Image) -> Result<Setup, String> {
        let Progress { n_control, setup, .. } = &image.progress;
        let before = self.turns.iter().take_while(|turn| turn.n <= *n_control);
        let bundles = before.filter_map(|turn| match &turn.step {
            TurnStep::Setup { bundle, .. } => Some(bundle),
            TurnStep::Verdict { .. } | TurnStep::SetAside => None,
        });
        match bundles.last() {
            // A seed, or a version that wrote no entries.
            _ if *n_control == 0 => Ok(self.own.setup.clone()),
            Some(bundle) if bundle.hash == *setup => Ok(bundle.setup.clone()),
            _ => Err(format!("the control log does not say that bundle {setup} was in force")),
        }
    }

    /// Returns the point of the control log at which the state was taken, or its beginning.
    fn control(&self, restored: Option<&Image>) -> Position {
        let (place, turns) = (self.place.clone(), self.turns.clone());
        let at = match restored.map(|image| image.progress.n_control) {
            Some(0) => None,
            Some(n) => Position::resume(place, turns, n),
            None => Position::begin(place, turns),
        };
        at.unwrap_or_else(|| Position::first(self.place.clone(), Arc::clone(&self.own)))
    }

    fn partition(
        &self,
        committed: Option<i64>,
        beginning: Beginning,
    ) -> Result<Partition, RuntimeError> {
        let Self { ctx, at, bounds: (low, high), .. } = self;
        let Beginning { start, restored, live_at, recorded } = beginning;
        if start > *high {
            return Err(RuntimeError::Refused(format!(
                "topic {} partition {} ends at offset {high}, but its state begins at {start}",
                at.topic, at.partition
            )));
        }
        let progress = Progress {
            start,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Progress::default()
        };
        let engine = |source| RuntimeError::Engine { topic: at.topic.clone(), source };
        let control = self.control(restored.as_ref().map(|found| &found.image));
        let (driver, image) = match restored {
            Some(Restored { driver, image, .. }) => (driver, image),
            None => {
                let setup = control.bundle().setup.clone();
                let driver = Driver::new(setup, Fits::Background).map_err(engine)?;
                let chain = HashChain::new(&at.topic, at.partition);
                (driver, Image::new(progress.clone(), chain, Flood::default()))
            }
        };
        let is_same_setup = recorded.as_ref().is_some_and(|r| r.setup == self.own.hash);
        let was_paused = recorded.as_ref().is_some_and(|r| r.is_paused);
        let next = start.max(*low);
        let watch =
            CrashLoop::open(ctx.store, &self.place, committed, ctx.params.batch.records_max)
                .map_err(RuntimeError::Refused)?;
        let mut partition = Partition {
            at: (*at).clone(),
            driver,
            control,
            is_settled: false,
            chain: image.chain,
            cadence: Cadence::default(),
            progress: Progress { start: image.progress.start, ..progress },
            last: LastRecord::default(),
            expected: image.progress.fingerprint.filter(|_| start == next && next > *low),
            rebuilt_from: start,
            next,
            committed,
            live_at,
            is_live: false,
            recorded,
            kept: Kept::at(start),
            // Other settings, or an operator who wants to go on, begin a new count.
            flood: if was_paused && !is_same_setup { Flood::default() } else { image.flood },
            fruitless: Fruitless::default(),
            watch,
            is_paused: false,
            pauses_when_live: was_paused && is_same_setup && ctx.params.on_flood == OnFlood::Pause,
        };
        if partition.next >= live_at && partition.expected.is_none() {
            partition.go_live(ctx.observer).map_err(RuntimeError::Refused)?;
        }
        Ok(partition)
    }
}
