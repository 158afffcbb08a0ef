//! The turns of live partitions: a first setup, other settings, verdicts.
//!
//! Each becomes an entry of the control log in the transaction of the batch that ends there, and is
//! taken by the engine at once: before the record at the entry's offset.

use super::{envelope_choice::agreed, fold::WorkerFold, outbox::Outbox, partition::Partition};
use crate::{
    engine::EngineError,
    journal::{Bundle, ControlEntry, TurnStep, VerdictOrigin, Why},
    kafka::producer::{Message, OutputTopic},
    ops::clock,
    pipeline::{
        Observer,
        control::{Fed, Inputs, VerdictFeed},
        flood::Flood,
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// The most verdicts that one batch takes in; the rest waits for the next.
const VERDICTS_MAX: usize = 1_000;

/// What a worker has read and not yet passed to its partitions.
#[derive(Default)]
pub struct Steering {
    /// The replacement of the inputs that the partitions know.
    generation: u64,
    verdicts: Vec<Fed>,
    /// Whether the feed has to go back, because partitions came.
    is_feed_due: bool,
}

impl Steering {
    /// Notes that a partition came, which may not have seen what the others have.
    pub fn partition_came(&mut self) {
        self.is_feed_due = true;
        self.verdicts.clear();
    }

    /// Takes in what the verdict topic holds; only while all partitions are live, so that none
    /// misses any.
    pub fn read(&mut self, feed: &VerdictFeed, partitions: &[Partition], observer: &dyn Observer) {
        if partitions.is_empty() || !partitions.iter().all(|p| p.is_live) {
            return;
        }
        if std::mem::take(&mut self.is_feed_due)
            && let Err(error) = feed.seek(&earliest(partitions))
        {
            tracing::warn!(%error, "verdicts cannot be read");
        }
        while self.verdicts.len() < VERDICTS_MAX {
            let Some(fed) = feed.next() else { return };
            if let Err(error) = &fed.verdict {
                let Fed { partition, offset, .. } = &fed;
                tracing::warn!(partition, offset, %error, "no verdict: the record is ignored");
                observer.bad_verdict();
            }
            self.verdicts.push(fed);
        }
    }
}

impl WorkerFold<'_> {
    /// Returns whether there is a turn to take without waiting for a record.
    pub fn has_turns(&self) -> bool {
        self.steering.generation != self.inputs.generation()
            || !self.steering.verdicts.is_empty()
            || self.partitions.iter().any(|p| p.is_live && !p.is_settled)
    }

    /// Takes the turns that are due at the end of a batch.
    ///
    /// # Errors
    /// A sentence for the operator, when a setup cannot come into force or be kept.
    pub fn steer(&mut self, feed: Option<&VerdictFeed>) -> Result<(), String> {
        let Self { partitions, outbox, inputs, steering, observer, .. } = self;
        if let Some(feed) = feed {
            steering.read(feed, partitions, *observer);
        }
        let generation = inputs.generation();
        let is_reload = steering.generation != generation;
        steering.generation = generation;
        for partition in partitions.iter_mut().filter(|p| p.is_live) {
            if !partition.is_settled {
                settle(partition, outbox, inputs)?;
            } else if is_reload && let Err(why) = reload(partition, outbox, inputs) {
                let (topic, partition) = (&partition.at.topic, partition.at.partition);
                tracing::error!(topic, partition, why, "partition keeps its old settings");
            }
        }
        // Those that came without being able to take part are served again after the next seek.
        let is_whole = partitions.iter().all(|p| p.is_settled);
        for fed in steering.verdicts.drain(..).filter(|_| is_whole) {
            partitions.iter_mut().for_each(|partition| learn(partition, outbox, &fed));
        }
        Ok(())
    }
}

/// Writes what is in force where nothing is written yet, or where it has changed since.
///
/// # Errors
/// As [`WorkerFold::steer`].
pub fn settle(
    partition: &mut Partition,
    outbox: &mut Outbox,
    inputs: &Inputs,
) -> Result<(), String> {
    let own = own(partition, inputs)?;
    let control = &partition.control;
    if control.n() == 0 {
        inputs.keep(&own)?;
        // It holds for all that was ever folded, also by a version that wrote no entries.
        let from = partition.rebuilt_from.min(partition.next);
        append(partition, outbox, from, setup(own), Why::FirstStart);
    } else if control.bundle().hash != own.hash || control.program() != PROGRAM {
        replace(partition, outbox, inputs, own, Why::Restart)?;
    } else if let Err(why) = inputs.keep(&own) {
        // It was kept when its entry was written: only its loss would need it again.
        tracing::warn!(why, "present settings not kept again");
    }
    partition.is_settled = true;
    Ok(())
}

const PROGRAM: &str = env!("CARGO_PKG_VERSION");

fn reload(partition: &mut Partition, outbox: &mut Outbox, inputs: &Inputs) -> Result<(), String> {
    let own = own(partition, inputs)?;
    if partition.control.bundle().hash == own.hash {
        return Ok(());
    }
    replace(partition, outbox, inputs, own, Why::Reload)
}

/// Goes on with another bundle, or with the same under another version.
///
/// # Errors
/// As [`WorkerFold::steer`].
pub fn replace(
    partition: &mut Partition,
    outbox: &mut Outbox,
    inputs: &Inputs,
    own: Arc<Bundle>,
    why: Why,
) -> Result<(), String> {
    let topic = partition.at.topic.clone();
    let refused =
        |e: &dyn std::error::Error| format!("{topic} cannot go on with the present settings: {e}");
    partition.driver.engine().check_setup(&own.setup).map_err(|e| refused(&e))?;
    let is_other = partition.control.bundle().hash != own.hash;
    if is_other {
        inputs.can_change()?;
    }
    inputs.keep(&own)?;
    let (next, step) = (partition.next, setup(own));
    if is_other {
        tell(partition, &step).map_err(|e| refused(&e))?;
        // What did not fit the old settings says nothing about the new ones.
        partition.flood = Flood::default();
    }
    append(partition, outbox, next, step, why);
    let (topic, number) = (&partition.at.topic, partition.at.partition);
    let waiting = partition.driver.engine().unapplied().join(", ");
    tracing::info!(
        topic,
        partition = number,
        offset = next,
        entry = partition.control.n(),
        ?why,
        "partition goes on with other settings"
    );
    if !waiting.is_empty() {
        tracing::warn!(
            topic,
            partition = number,
            settings = waiting,
            "these settings wait for a new group: tables keep the size they were made with"
        );
    }
    Ok(())
}

/// Learns a verdict, where it is about the partition's chain and new there.
fn learn(partition: &mut Partition, outbox: &mut Outbox, fed: &Fed) {
    if !partition.control.is_new_verdict(fed.partition, fed.offset) {
        return;
    }
    let Ok(verdict) = &fed.verdict else { return };
    if !verdict.is_on(&partition.driver.engine().chain().id) {
        return;
    }
    let source =
        VerdictOrigin { topic: fed.topic.clone(), partition: fed.partition, offset: fed.offset };
    let step = TurnStep::Verdict { verdict: verdict.clone(), source };
    let done = tell(partition, &step);
    // INVARIANT: only setups can be refused.
    assert!(done.is_ok(), "a verdict was refused");
    let next = partition.next;
    append(partition, outbox, next, step, Why::Reload);
}

/// Returns whether a record is set aside, and writes so the first time: whoever replays it later,
/// wherever the markers are, must not read it either.
pub fn set_aside(partition: &mut Partition, outbox: &mut Outbox, offset: i64) -> bool {
    let is_set_aside = partition.watch.is_skipped(offset);
    if is_set_aside && partition.is_live {
        append(partition, outbox, offset, TurnStep::SetAside, Why::Restart);
    }
    is_set_aside
}

fn tell(partition: &mut Partition, step: &TurnStep) -> Result<(), EngineError> {
    step.control().map_or(Ok(()), |control| partition.driver.control(control))
}

fn append(partition: &mut Partition, outbox: &mut Outbox, offset: i64, step: TurnStep, why: Why) {
    let entry = partition.control.append(offset, step, why, clock::now_ms());
    let message = message_of(&entry);
    // INVARIANT: our own types always become JSON; an answer without its cause is worse.
    assert!(message.is_ok(), "a control entry cannot be written as JSON");
    if let Ok(message) = message {
        outbox.push(message, &partition.at, None);
    }
}

fn message_of(entry: &ControlEntry) -> Result<Message, serde_json::Error> {
    let body = serde_json::to_vec(entry)?;
    let headers = vec![("content-type", "application/json".to_owned())];
    Ok(Message { output: OutputTopic::Control, key: Some(entry.key().into_bytes()), body, headers })
}

fn own(partition: &Partition, inputs: &Inputs) -> Result<Arc<Bundle>, String> {
    let topic = &partition.at.topic;
    let own = inputs.of(topic).ok_or_else(|| format!("topic {topic} is no input"))?;
    agreed(own, partition.control.bundle())
}

fn setup(bundle: Arc<Bundle>) -> TurnStep {
    TurnStep::Setup { bundle, program: PROGRAM.to_owned() }
}

/// Returns where the feed has to go on so that no partition misses a verdict.
fn earliest(partitions: &[Partition]) -> BTreeMap<i32, i64> {
    let mut all = partitions.iter().map(|p| p.control.verdicts());
    let mut next = all.next().cloned().unwrap_or_default();
    for other in all {
        next.retain(|source, _| other.contains_key(source));
        for (source, offset) in &mut next {
            *offset = other.get(source).map_or(*offset, |theirs| theirs.min(offset).to_owned());
        }
    }
    next
}
