//! The hash chain of one input partition: numbers each alert and ties it to the one before.

use super::{Digest, Frontier};
use crate::model::Alert;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Stands in `provenance.hash` while the body is hashed.
const PLACEHOLDER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Stands before the value of `provenance.hash` in a body, after that of `prev_hash`. Quotes inside
/// JSON strings are escaped, so the two keys cannot come from the data.
const PREV_KEY: &[u8] = b"\"prev_hash\":\"";
const HASH_KEY: &[u8] = b"\",\"hash\":\"";

/// The chain of one input partition after some alerts.
///
/// The hash of an alert is the SHA-256 of the exact bytes that are written, the 64 digits of
/// `provenance.hash` replaced by zeros. Those bytes hold `prev_hash`, so that a change anywhere
/// breaks every later link, and a third party needs no canonical form of JSON.
///
/// # Cost
/// O(log n) bytes: the head and the frontier of the Merkle tree over all hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashChain {
    topic: String,
    partition: i32,
    seq: u64,
    head: Digest,
    tree: Frontier,
}

/// The chains of every topic and partition that raised an alert.
///
/// # Cost
/// One head and frontier each; as many as records name.
#[derive(Clone, Debug, Default)]
pub struct HashChains(BTreeMap<(String, i32), HashChain>);

impl HashChains {
    /// Makes an alert the next of its partition's chain; returns the bytes to write.
    ///
    /// # Errors
    /// As [`HashChain::seal`].
    pub fn seal(&mut self, alert: &mut Alert) -> Result<Vec<u8>, serde_json::Error> {
        let (topic, partition) = (alert.provenance.topic.clone(), alert.provenance.partition);
        let empty = || HashChain::new(&topic, partition);
        self.0.entry((topic.clone(), partition)).or_insert_with(empty).seal(alert)
    }

    /// Returns the chain of a partition, an empty one where it raised no alert.
    pub fn of(&self, topic: &str, partition: i32) -> HashChain {
        let known = self.0.get(&(topic.to_owned(), partition)).cloned();
        known.unwrap_or_else(|| HashChain::new(topic, partition))
    }
}

/// Returns the `prev_hash` of the first alert of a partition: it binds the chain to its place.
///
/// # Source
/// SHA-256 of `txwarden.chain/1`, topic and partition, a line each without a line's end after the
/// last.
pub fn genesis(topic: &str, partition: i32) -> Digest {
    Digest::of(&[format!("txwarden.chain/1\n{topic}\n{partition}").as_bytes()])
}

impl HashChain {
    /// Makes the chain of a partition without alerts.
    pub fn new(topic: &str, partition: i32) -> Self {
        Self {
            topic: topic.to_owned(),
            partition,
            seq: 0,
            head: genesis(topic, partition),
            tree: Frontier::default(),
        }
    }

    /// Makes the chain of a partition after the alerts that a tree holds, of which the last had
    /// this hash.
    pub fn resume(topic: &str, partition: i32, head: Digest, tree: Frontier) -> Self {
        Self { topic: topic.to_owned(), partition, seq: tree.n_leaves(), head, tree }
    }

    /// Makes an alert the next of the chain: cuts it to the size that can be sent, sets `seq`,
    /// `prev_hash` and `hash`, and returns the exact bytes to be written.
    ///
    /// # Errors
    /// Never for alerts made by this program: all numbers are finite and all keys are text.
    ///
    /// # Panics
    /// When the alert is another partition's, a bug.
    pub fn seal(&mut self, alert: &mut Alert) -> Result<Vec<u8>, serde_json::Error> {
        let provenance = &mut alert.provenance;
        // INVARIANT: a chain holds the alerts of one partition.
        assert_eq!((&provenance.topic, provenance.partition), (&self.topic, self.partition));
        provenance.seq = self.seq + 1;
        provenance.prev_hash = self.head.to_string();
        provenance.hash = PLACEHOLDER.to_owned();
        let mut body = serde_json::to_vec(alert)?;
        if body.len() > Alert::BODY_BYTES_MAX {
            alert.shrink();
            body = serde_json::to_vec(alert)?;
        }
        let digest = Digest::of(&[&body]);
        alert.provenance.hash = digest.to_string();
        let at = hash_at(&body);
        // INVARIANT: the struct writes both fields, one after the other.
        assert!(at.is_some(), "an alert's body has no place for its hash");
        if let Some(at) = at {
            body[at..at + Digest::HEX_LEN].copy_from_slice(alert.provenance.hash.as_bytes());
        }
        self.seq += 1;
        self.head = digest;
        self.tree.push(&digest.0);
        Ok(body)
    }

    /// Returns the topic of the input partition.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns the number of the input partition.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// Returns the sequence number of the last alert; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Returns the hash of the last alert; before the first, what it will name as `prev_hash`.
    pub fn head(&self) -> Digest {
        self.head
    }

    /// Returns the root of the Merkle tree over the hashes of all alerts.
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// Returns the Merkle tree over the hashes of all alerts.
    pub fn tree(&self) -> &Frontier {
        &self.tree
    }
}

/// Computes the hash of a written body; `None` when it has no place for one.
pub fn hash_of(body: &[u8]) -> Option<Digest> {
    let at = hash_at(body)?;
    Some(Digest::of(&[&body[..at], PLACEHOLDER.as_bytes(), &body[at + Digest::HEX_LEN..]]))
}

/// Returns where the value of `provenance.hash` begins.
fn hash_at(body: &[u8]) -> Option<usize> {
    let prev = memchr::memmem::find(body, PREV_KEY)? + PREV_KEY.len();
    let key = prev + Digest::HEX_LEN;
    let at = key + HASH_KEY.len();
    let is_whole = body.get(key..at)? == HASH_KEY && body.len() > at + Digest::HEX_LEN;
    is_whole.then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genesis_names_topic_and_partition() {
        // printf 'txwarden.chain/1\nt\n0' | sha256sum
        let known = "1b3f490adbc027ff253eafd09099d4965d58cbedd2c3720713fc6e58adc94fe6";
        assert_eq!(HashChain::new("t", 0).head().to_string(), known);
        assert_ne!(genesis("t", 1), genesis("t", 0));
        assert_ne!(genesis("t1", 1), genesis("t", 11));
    }
}
