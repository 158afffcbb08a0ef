//! What outlives a lost offset: the ends of our own output topics, and the newest snapshot.

use crate::model::TopicPartition;
use std::{collections::BTreeMap, fmt};

/// Who says that a partition had come so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Witness {
    Snapshot,
    Alert,
    DeadLetter,
    Checkpoint,
    Control,
}

/// Proof of progress that does not depend on the group's offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressEvidence {
    pub witness: Witness,
    /// Everything before this offset was answered.
    pub next: i64,
    /// Sequence number of the last alert that is known of.
    pub seq: Option<u64>,
    /// Its hash.
    pub head: Option<String>,
}

/// What the output topics say about each input partition.
pub type Tails = BTreeMap<TopicPartition, Vec<ProgressEvidence>>;

impl ProgressEvidence {
    /// Says what the last entry of the control log proves.
    pub fn of_control(offset: i64) -> Self {
        Self { witness: Witness::Control, next: offset, seq: None, head: None }
    }

    /// Makes the evidence of a snapshot.
    pub fn of_snapshot(offset: i64) -> Self {
        Self { witness: Witness::Snapshot, next: offset, seq: None, head: None }
    }
}

impl fmt::Display for ProgressEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.witness {
            Witness::Snapshot => "the newest snapshot",
            Witness::Alert => "the last alert",
            Witness::DeadLetter => "the last dead letter",
            Witness::Checkpoint => "the last checkpoint",
            Witness::Control => "the last control entry",
        };
        write!(f, "{who} proves progress to offset {}", self.next)?;
        match self.seq {
            Some(seq) => write!(f, " and alert {seq}"),
            None => Ok(()),
        }
    }
}

/// Keeps the furthest evidence of each witness.
pub fn add(evidence: &mut Vec<ProgressEvidence>, new: ProgressEvidence) {
    match evidence.iter_mut().find(|known| known.witness == new.witness) {
        Some(known) => {
            known.next = known.next.max(new.next);
            if new.seq > known.seq {
                (known.seq, known.head) = (new.seq, new.head);
            }
        }
        None => evidence.push(new),
    }
}
