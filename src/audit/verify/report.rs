//! What a verification found.

use serde::Serialize;
use std::fmt;

/// What happened to the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationKind {
    /// The record's bytes are not those that were hashed.
    Edited,
    /// Records are missing between others.
    Deleted,
    /// A record stands where none was written.
    Inserted,
    /// Records stand in another order than they were written in.
    Swapped,
    /// The end is missing, as a checkpoint knows, or the start.
    Truncated,
    /// The hashes agree with each other but not with a checkpoint: a record was changed and all
    /// later hashes computed anew.
    Rewritten,
    /// A checkpoint cannot be believed.
    BadCheckpoint,
}

impl ViolationKind {
    /// Returns the name used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Deleted => "deleted",
            Self::Inserted => "inserted",
            Self::Swapped => "swapped",
            Self::Truncated => "truncated",
            Self::Rewritten => "rewritten",
            Self::BadCheckpoint => "bad_checkpoint",
        }
    }
}

/// Where a record was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReadPlace {
    /// A file, or topic/partition of the alert topic.
    pub input: String,
    /// Line of the file, from 1, or offset in the topic.
    pub position: u64,
}

impl fmt::Display for ReadPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.input, self.position)
    }
}

/// One thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub kind: ViolationKind,
    /// The chain: topic and partition of the input.
    pub topic: String,
    pub partition: i32,
    /// The first sequence number concerned.
    pub seq: u64,
    /// Records concerned.
    pub n_records: u64,
    /// The record itself; of missing records, the one that follows; absent at the end.
    pub at: Option<ReadPlace>,
    pub found: String,
    pub expected: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.as_str())?;
        if !self.topic.is_empty() {
            write!(f, " {}/{} seq {}", self.topic, self.partition, self.seq)?;
        }
        if self.n_records > 1 {
            write!(f, "–{}", self.seq + self.n_records - 1)?;
        }
        match &self.at {
            Some(at) => write!(f, " at {at}")?,
            None => write!(f, " at the end")?,
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

/// What the first record of a chain was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// The chain's beginning.
    Genesis,
    /// A checkpoint with this sequence number.
    Checkpoint(u64),
    /// Nothing: what came before is unknown.
    Unanchored,
}

/// One chain's counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    pub topic: String,
    pub partition: i32,
    /// Records that the hashes vouch for.
    pub n_records: u64,
    pub first_seq: u64,
    pub last_seq: u64,
    /// Hash of the last record.
    pub head: String,
    pub anchor: Anchor,
    /// Checkpoints that agree.
    pub n_checkpoints: u64,
    /// Sequence number up to which a checkpoint agrees.
    pub covered_seq: u64,
    pub n_findings: u64,
}

impl fmt::Display for ChainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partition, n_records, first_seq, last_seq, .. } = self;
        write!(f, "{topic}/{partition}: {n_records} alerts, seq {first_seq}–{last_seq}")?;
        match self.anchor {
            Anchor::Genesis => write!(f, " from the beginning")?,
            Anchor::Checkpoint(seq) => write!(f, " from the checkpoint at {seq}")?,
            Anchor::Unanchored => write!(f, " UNANCHORED")?,
        }
        write!(f, ", {} checkpoints agree up to {}", self.n_checkpoints, self.covered_seq)?;
        match self.n_findings {
            0 => write!(f, ": intact"),
            1 => write!(f, ": 1 FINDING"),
            n => write!(f, ": {n} FINDINGS"),
        }
    }
}

/// The whole verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    pub is_intact: bool,
    pub chains: Vec<ChainReport>,
    /// In the order in which they were read; what has no place comes last.
    pub findings: Vec<Violation>,
    /// What this verification could not exclude, and why.
    pub notes: Vec<String>,
}

impl VerifyReport {
    /// Forgets the other chains, and what was found in them.
    pub fn keep_only(&mut self, topic: &str, partition: i32) {
        self.chains.retain(|c| c.topic == topic && c.partition == partition);
        self.findings
            .retain(|f| f.topic.is_empty() || f.topic == topic && f.partition == partition);
        self.is_intact = self.findings.is_empty();
    }
}
