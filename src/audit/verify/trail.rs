//! What was read: alerts in their order, and the checkpoints that may be believed.

use super::{
    record::{self, ChainEntry, Soundness},
    report::{ReadPlace, Violation, ViolationKind},
};
use crate::audit::{Checkpoint, Digest, PublicKey};
use std::collections::BTreeMap;

/// The most alerts of one verification, about 100 bytes each; more are verified in parts.
pub const RECORDS_MAX: usize = 20_000_000;

/// Why no more can be taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrailError {
    #[error("more than {RECORDS_MAX} alerts: verify a part of them, with --from-checkpoint")]
    TooMany,
}

impl TrailError {
    /// Returns the label of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
        }
    }
}

/// A checkpoint that may be believed, and where it was read.
#[derive(Clone, Debug)]
pub(super) struct TrustedHead {
    pub(super) checkpoint: Checkpoint,
    pub(super) at: ReadPlace,
}

/// One input partition's alerts.
#[derive(Debug, Default)]
pub(super) struct PartitionAlerts {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// Checkpoints that may be believed, by sequence number.
    pub(super) heads: BTreeMap<u64, TrustedHead>,
}

/// Everything that was read, in the order of reading.
#[derive(Debug, Default)]
pub struct Trail {
    /// Files, or partitions of the alert topic: each is ordered in itself.
    streams: Vec<String>,
    pub(super) entries: Vec<ChainEntry>,
    pub(super) chains: Vec<PartitionAlerts>,
    by_name: BTreeMap<(String, i32), u32>,
    keys: Vec<PublicKey>,
    /// The group whose checkpoints count; `None` is any.
    group: Option<String>,
    pub(super) groups: BTreeMap<String, u64>,
    pub(super) findings: Vec<Violation>,
    pub(super) n_checkpoints: u64,
    pub(super) n_unsigned: u64,
}

impl Trail {
    /// Makes an empty trail. With keys only checkpoints signed by one of them are believed.
    pub fn new(keys: Vec<PublicKey>, group: Option<String>) -> Self {
        Self { keys, group, ..Self::default() }
    }

    /// Returns the number of a file or partition whose records are in order.
    pub fn stream_named(&mut self, name: &str) -> u32 {
        let known = self.streams.iter().rposition(|known| known == name);
        let number = known.unwrap_or_else(|| {
            self.streams.push(name.to_owned());
            self.streams.len() - 1
        });
        number as u32
    }

    /// Returns whether checkpoints must be signed.
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Returns whether some chain has a checkpoint with this sequence number.
    pub fn has_checkpoint(&self, seq: u64) -> bool {
        self.chains.iter().any(|links| links.heads.contains_key(&seq))
    }

    /// Returns the number of alerts taken in.
    pub fn n_records(&self) -> usize {
        self.entries.len()
    }

    /// Returns the groups that wrote the checkpoints, with their numbers.
    pub fn groups(&self) -> &BTreeMap<String, u64> {
        &self.groups
    }

    /// Takes in an alert's body as it was read from a stream.
    ///
    /// # Errors
    /// When there are too many.
    pub fn alert(&mut self, stream: u32, position: u64, body: &[u8]) -> Result<(), TrailError> {
        if self.entries.len() >= RECORDS_MAX {
            return Err(TrailError::TooMany);
        }
        let at = (stream, position);
        let entry = match record::read(body) {
            Some(claim) => ChainEntry {
                soundness: if claim.is_sound { Soundness::Sound } else { Soundness::Altered },
                at,
                chain: self.chain(&claim.topic, claim.partition),
                seq: claim.seq,
                prev: claim.prev,
                digest: claim.digest,
            },
            None => ChainEntry {
                soundness: Soundness::Unreadable,
                at,
                chain: u32::MAX,
                seq: 0,
                prev: Digest::default(),
                digest: Digest::of(&[body]),
            },
        };
        self.entries.push(entry);
        Ok(())
    }

    /// Takes in a checkpoint's body as it was read from a stream.
    pub fn checkpoint(&mut self, stream: u32, position: u64, body: &[u8]) {
        let at = self.place((stream, position));
        let checkpoint = match serde_json::from_slice::<Checkpoint>(body) {
            Ok(checkpoint) if checkpoint.schema == Checkpoint::SCHEMA => checkpoint,
            _ => return self.distrust(at, None, "no checkpoint", "a checkpoint".to_owned()),
        };
        if self.group.as_ref().is_some_and(|wanted| *wanted != checkpoint.group) {
            return;
        }
        *self.groups.entry(checkpoint.group.clone()).or_default() += 1;
        let has_signed = |key: &PublicKey| key.has_signed(body);
        if self.has_keys() && !self.keys.iter().any(has_signed) {
            let ids: Vec<&str> = self.keys.iter().map(PublicKey::key_id).collect();
            let wanted = format!("a signature by key {}", ids.join(" or "));
            let found =
                if checkpoint.signature.is_empty() { "no signature" } else { "another signature" };
            return self.distrust(at, Some(&checkpoint), found, wanted);
        }
        self.n_checkpoints += 1;
        self.n_unsigned += u64::from(checkpoint.signature.is_empty());
        let chain = self.chain(&checkpoint.topic, checkpoint.partition);
        let heads = &mut self.chains[chain as usize].heads;
        match heads.get(&checkpoint.seq) {
            Some(known) if known.checkpoint.head != checkpoint.head => {
                let wanted = format!("head {}", known.checkpoint.head);
                self.distrust(at, Some(&checkpoint), "another head for the same seq", wanted);
            }
            // The same head again: a heartbeat.
            Some(_) => {}
            None => drop(heads.insert(checkpoint.seq, TrustedHead { checkpoint, at })),
        }
    }

    /// Returns a place as it is shown.
    pub(super) fn place(&self, (stream, position): (u32, u64)) -> ReadPlace {
        let name = self.streams.get(stream as usize).cloned().unwrap_or_default();
        ReadPlace { input: name, position }
    }

    fn distrust(
        &mut self,
        at: ReadPlace,
        what: Option<&Checkpoint>,
        found: &str,
        expected: String,
    ) {
        self.findings.push(Violation {
            kind: ViolationKind::BadCheckpoint,
            topic: what.map(|c| c.topic.clone()).unwrap_or_default(),
            partition: what.map_or(0, |c| c.partition),
            seq: what.map_or(0, |c| c.seq),
            n_records: 0,
            at: Some(at),
            found: found.to_owned(),
            expected,
        });
    }

    fn chain(&mut self, topic: &str, partition: i32) -> u32 {
        if let Some(known) = self.by_name.get(&(topic.to_owned(), partition)) {
            return *known;
        }
        let number = self.chains.len() as u32;
        let links = PartitionAlerts { topic: topic.to_owned(), partition, heads: BTreeMap::new() };
        self.chains.push(links);
        self.by_name.insert((topic.to_owned(), partition), number);
        number
    }
}
