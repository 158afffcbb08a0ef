//! Decides from the facts where a partition starts; facts that contradict each other refuse.

use super::{
    evidence::ProgressEvidence,
    progress::{Progress, Recorded},
};
use crate::model::{Start, TopicPartition};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to do when the log no longer holds the records the group started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLostHistory {
    Refuse,
    /// Rebuilds the state from what is left: alerts may differ from those of an undisturbed run.
    Continue,
}

/// What is known about a partition when it is taken over.
#[derive(Clone)]
pub struct Facts<'a> {
    pub at: &'a TopicPartition,
    pub group: &'a str,
    /// The committed offset and its metadata.
    pub committed: Option<(i64, String)>,
    /// The first offset of the log, and the next to be written.
    pub bounds: (i64, i64),
    pub start: Option<Start>,
    pub on_lost_history: OnLostHistory,
    /// What proves progress without the group's offsets.
    pub evidence: &'a [ProgressEvidence],
    /// The offset of a snapshot that `replay` made for the group's first start.
    pub seed: Option<i64>,
}

/// Where to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// A group's first start, from where its `start` says.
    First(Start),
    /// A group's first start, from the snapshot that was made for it.
    Seeded(i64),
    /// Rebuild the state up to `live_at` without emitting, then go on.
    Resume {
        /// Where to rebuild from when no snapshot can be used, or why that is impossible.
        log_start: Result<i64, String>,
        live_at: i64,
        /// What the rebuilt state must agree with.
        recorded: Option<Recorded>,
    },
}

/// A contradiction between facts: whether there is one, and what to tell the operator.
type Contradiction = fn(&Facts<'_>) -> Option<String>;

/// The contradictions, the most telling first. The leniency of `on_lost_history` covers only what
/// the log has lost, never what the group has.
const CONTRADICTIONS: [Contradiction; 5] =
    [offset_missing, log_ends_early, offset_behind, alerts_ahead, offset_lost_by_log];

/// Decides where to start.
///
/// # Errors
/// A sentence for the operator, when starting would lose or repeat records silently.
pub fn plan(facts: &Facts<'_>) -> Result<Plan, String> {
    if let Some(refused) = CONTRADICTIONS.iter().find_map(|found| found(facts)) {
        return Err(refused);
    }
    let Facts { bounds: (low, high), .. } = *facts;
    let Some((committed, metadata)) = &facts.committed else {
        if let Some(seed) = facts.seed {
            return Ok(Plan::Seeded(seed));
        }
        return facts.start.map(Plan::First).ok_or_else(|| first_start(facts));
    };
    let recorded = Recorded::parse(metadata);
    let start = recorded.as_ref().map_or(low, |p| p.start).min(*committed);
    if *committed > high {
        // Lenient: the log is another one, and so is the history.
        return Ok(Plan::Resume { log_start: Ok(low), live_at: low, recorded: None });
    }
    if start >= low {
        return Ok(Plan::Resume { log_start: Ok(start), live_at: *committed, recorded });
    }
    if facts.on_lost_history == OnLostHistory::Continue {
        let live_at = low.max(*committed);
        // A snapshot may still know what the log has lost; what is left of it alone may not.
        return Ok(Plan::Resume { log_start: Ok(low), live_at, recorded });
    }
    let log_start = Err(format!(
        "{} starts at offset {low}, but group {} started at {start}: no usable snapshot holds its \
         state, and it cannot be rebuilt from what is left of the log; restore the snapshots, or \
         set on_lost_history: continue to go on with a shorter history",
        name(facts.at),
        facts.group,
    ));
    Ok(Plan::Resume { log_start, live_at: *committed, recorded })
}

fn offset_missing(facts: &Facts<'_>) -> Option<String> {
    if facts.committed.is_some() {
        return None;
    }
    let proof = furthest(facts.evidence)?;
    let (group, name, high) = (facts.group, name(facts.at), facts.bounds.1);
    if proof.next > high {
        return Some(format!(
            "group {group} has no committed offset for {name}, and {proof}, but its log ends at \
             {high}: the topic was deleted, and its offsets with it, and created anew; use another \
             group (kafka.group), whose history begins with this log"
        ));
    }
    Some(format!(
        "group {group} has no committed offset for {name}, but {proof}: the offsets were lost; \
         repair: {REPAIR}; if the topic was created anew, use another group (kafka.group) instead"
    ))
}

fn offset_behind(facts: &Facts<'_>) -> Option<String> {
    let (committed, _) = facts.committed.as_ref()?;
    let proof = furthest(facts.evidence).filter(|proof| proof.next > *committed)?;
    Some(format!(
        "group {} has committed offset {committed} for {}, but {proof}: the offset went back; \
         repair: {}",
        facts.group,
        name(facts.at),
        REPAIR,
    ))
}

fn alerts_ahead(facts: &Facts<'_>) -> Option<String> {
    let (committed, metadata) = facts.committed.as_ref()?;
    let recorded = Recorded::parse(metadata)?.seq?;
    let ahead = |proof: &&ProgressEvidence| proof.seq.is_some_and(|seq| seq > recorded);
    let proof = facts.evidence.iter().find(ahead)?;
    Some(format!(
        "group {} recorded {recorded} alerts at offset {committed} of {}, but {proof}: the offset \
         went back; repair: {}",
        facts.group,
        name(facts.at),
        REPAIR,
    ))
}

fn log_ends_early(facts: &Facts<'_>) -> Option<String> {
    let (committed, _) = facts.committed.as_ref()?;
    let high = facts.bounds.1;
    let is_lost = *committed > high && facts.on_lost_history == OnLostHistory::Refuse;
    is_lost.then(|| {
        format!(
            "group {} has committed offset {committed} for {}, but its log ends at {high}: the \
             topic was deleted and created anew, or truncated; restore it, use another group, or \
             set on_lost_history: continue to read what is there",
            facts.group,
            name(facts.at),
        )
    })
}

fn offset_lost_by_log(facts: &Facts<'_>) -> Option<String> {
    let (committed, _) = facts.committed.as_ref()?;
    let low = facts.bounds.0;
    let is_lost = *committed < low && facts.on_lost_history == OnLostHistory::Refuse;
    is_lost.then(|| {
        format!(
            "{} starts at offset {low}, but group {} has only answered up to {committed}: the \
             records between were deleted unread; raise the topic's retention, and set \
             on_lost_history: continue to go on without them",
            name(facts.at),
            facts.group,
        )
    })
}

fn first_start(facts: &Facts<'_>) -> String {
    format!(
        "group {} has no committed offset for {}: the first start of a group needs start: \
         (earliest, latest or a time); if this is not its first start, the offsets were lost: {}",
        facts.group,
        name(facts.at),
        REPAIR,
    )
}

/// Moves the offset to where the evidence proves that all was answered, and records what belongs to
/// it.
const REPAIR: &str = "stop the group's members and run `txwarden state reset --to proven -c FILE`";

fn name(at: &TopicPartition) -> String {
    format!("topic {} partition {}", at.topic, at.partition)
}

fn furthest(evidence: &[ProgressEvidence]) -> Option<&ProgressEvidence> {
    evidence.iter().max_by_key(|proof| (proof.next, proof.seq))
}

/// Compares a rebuilt state with what was recorded when it was first built.
///
/// Another version of the program may answer otherwise; then the caller goes on from what was
/// recorded, and false is returned.
///
/// # Errors
/// A sentence for the operator, when the same setup gave another answer, or the log is another one.
pub fn verify(at: &TopicPartition, ours: &Progress, recorded: &Recorded) -> Result<bool, String> {
    if let (Some(now), Some(then)) = (&ours.fingerprint, &recorded.fingerprint)
        && now != then
    {
        return Err(other_log(at, now, then));
    }
    let is_comparable = (&ours.setup, &ours.version) == (&recorded.setup, &recorded.version);
    if !is_comparable {
        return Ok(false);
    }
    let is_same_head = recorded.head.as_ref().is_none_or(|head| *head == ours.head);
    if recorded.seq.is_none_or(|seq| seq == ours.seq) && is_same_head {
        return Ok(true);
    }
    Err(format!(
        "rebuilding {} gave {} alerts with chain head {:.16}, but {} with head {:.16} were written \
         under the same settings ({}) and version ({}): the log has changed (compaction, or \
         records deleted); compare the alert topic with `txwarden verify` and a replay, then use \
         another group",
        name(at),
        ours.seq,
        ours.head,
        recorded.seq.map_or_else(|| "an unknown number".to_owned(), |seq| seq.to_string()),
        recorded.head.as_deref().unwrap_or("unknown"),
        ours.setup,
        ours.version
    ))
}

/// Tells that the record before the committed offset is not the one that was folded.
pub fn other_log(at: &TopicPartition, now: &str, then: &str) -> String {
    format!(
        "{}: the record before the committed offset has fingerprint {now}, but {then} was folded: \
         the topic was deleted and created anew; use another group (kafka.group), whose history \
         begins with this log",
        name(at),
    )
}
