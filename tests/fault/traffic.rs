//! The input: simulated EVM and UTXO chains with garbage in between, and what it must lead to.

use crate::oracle::Expected;
use rand::Rng;
use std::cell::OnceCell;
use txwarden::sim::{Evm, Scenario, Utxo};

/// Which input topic a feed belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chain {
    Evm,
    Utxo,
}

/// The partitions of the EVM topic: each an independent stream, so that workers share them.
pub const EVM_PARTITIONS: i32 = 3;

/// Every so many records one is garbage: a dead letter, and no flood.
const GARBAGE_EVERY: usize = 300;

/// The records of one partition.
#[derive(Clone)]
pub struct Feed {
    pub chain: Chain,
    pub partition: i32,
    /// Values with their Kafka time.
    pub lines: Vec<(Vec<u8>, i64)>,
}

/// The records of a whole case.
pub struct Traffic {
    pub feeds: Vec<Feed>,
    /// The feed and the offset of a record that has to be set aside.
    pub aside: Option<(usize, usize)>,
    expected: OnceCell<Expected>,
}

impl Traffic {
    /// Makes about `n` records: 3 × 28 % EVM, 16 % UTXO. The data never depend on the suite's seed,
    /// only the faults do.
    pub fn new(n: usize) -> Self {
        let evm = n * 28 / 100;
        let mut feeds: Vec<Feed> = (0..EVM_PARTITIONS)
            .map(|partition| {
                // A block makes some 19 records.
                let params = Evm { n_blocks: 40 + evm as u64 / 15, ..Evm::default() };
                let scenario = Scenario::new(7 + partition as u64).evm(params);
                feed(Chain::Evm, partition, scenario, evm)
            })
            .collect();
        let utxo = n - 3 * evm;
        let params = Utxo { n_blocks: 40 + utxo as u64 / 12, ..Utxo::default() };
        feeds.push(feed(Chain::Utxo, 0, Scenario::new(11).utxo(params), utxo));
        Self::of(feeds)
    }

    /// Makes traffic of given feeds.
    pub fn of(feeds: Vec<Feed>) -> Self {
        Self { feeds, aside: None, expected: OnceCell::new() }
    }

    /// Returns the same traffic with one record that has to be set aside, and a text that no other
    /// record contains.
    pub fn poisoned(&self, rng: &mut impl Rng) -> (Self, String) {
        let all = || self.feeds.iter().flat_map(|feed| &feed.lines);
        loop {
            let feed = rng.gen_range(0..self.feeds.len());
            let lines = &self.feeds[feed].lines;
            // With neighbours on both sides.
            let offset = rng.gen_range(lines.len() / 4..lines.len() * 3 / 4);
            let Some(text) = hash_of(&lines[offset].0) else { continue };
            let has = |line: &[u8]| line.windows(text.len()).any(|w| w == text.as_bytes());
            if all().filter(|(line, _)| has(line)).count() == 1 {
                let feeds = self.feeds.clone();
                return (
                    Self { feeds, aside: Some((feed, offset)), expected: OnceCell::new() },
                    text,
                );
            }
        }
    }

    /// Takes over what other traffic must lead to.
    pub fn expect(&self, other: &Self) {
        let taken = self.expected.set(other.expected().clone());
        assert!(taken.is_ok(), "expected twice");
    }

    pub fn n_records(&self) -> usize {
        self.feeds.iter().map(|feed| feed.lines.len()).sum()
    }

    /// Returns what the pure engine makes of it.
    pub fn expected(&self) -> &Expected {
        self.expected.get_or_init(|| Expected::fold(self))
    }
}

fn feed(chain: Chain, partition: i32, scenario: Scenario, n: usize) -> Feed {
    let mut lines = Vec::with_capacity(n);
    for line in scenario.lines().take(n) {
        let ms = line.event_time.millis();
        let n_before = lines.len() + 1;
        if n_before % GARBAGE_EVERY == 0 {
            lines.push((garbage(n_before / GARBAGE_EVERY, line.json.as_bytes()), ms));
        }
        lines.push((line.json.into_bytes(), ms));
    }
    lines.truncate(n);
    Feed { chain, partition, lines }
}

/// Returns the hash that a record is about.
fn hash_of(line: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(line).ok()?;
    Some(value.get("hash")?.as_str()?.to_owned())
}

/// Spoils a record in one of several ways.
fn garbage(turn: usize, line: &[u8]) -> Vec<u8> {
    match turn % 4 {
        0 => line[..line.len() / 2].to_vec(),
        1 => vec![0xff, 0xfe, b'{', b'}'],
        2 => format!("{{\"type\": \"transaction\", \"hash\": {turn}}}").into_bytes(),
        _ => b"not a record".to_vec(),
    }
}
