//! One input partition of a merge: which of its records are out, in what fits a committed offset.
//!
//! Records leave the window in another order than they came in, so the committed offset is the
//! lowest one that is not out yet, and its metadata say which of those above it are: a restart
//! reads from there and passes each record on exactly once.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use std::collections::BTreeSet;

/// The most offsets between the lowest record that is not out and the next one to be read: a bit
/// each, in base64, fit into the 4,096 bytes that brokers grant.
pub const SPAN_MAX: i64 = 20_000;

/// The first word of the metadata: their form.
const FORM: &str = "route1";

/// The progress of one input partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionLane {
    /// The next offset to be read.
    next: i64,
    /// Offsets that were read and are not out.
    held: BTreeSet<i64>,
    /// Offsets that were out before a restart, from where it reads again.
    done: BTreeSet<i64>,
    /// The height up to which the merge had let records out.
    frontier: Option<u64>,
}

impl PartitionLane {
    /// Starts at an offset, with the metadata that were committed with it; what is not ours is
    /// empty.
    pub fn open(offset: i64, metadata: &str) -> Self {
        let mut words = metadata.split(' ');
        let mut lane = Self { next: offset, ..Self::default() };
        if words.next() != Some(FORM) {
            return lane;
        }
        lane.frontier = words.next().and_then(|word| word.parse().ok());
        let bits = words.next().and_then(|word| STANDARD_NO_PAD.decode(word).ok());
        for (n, byte) in bits.unwrap_or_default().iter().take(SPAN_MAX as usize / 8).enumerate() {
            let set = (0..8).filter(|bit| byte & (1 << bit) != 0);
            lane.done.extend(set.map(|bit| offset + 8 * n as i64 + bit));
        }
        lane
    }

    /// Returns the next offset to be read.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// Returns the height up to which records were out when this was committed.
    pub fn frontier(&self) -> Option<u64> {
        self.frontier
    }

    /// Notes that a record was read; returns whether it was out before the restart.
    pub fn read(&mut self, offset: i64) -> bool {
        self.next = offset + 1;
        let is_done = self.done.remove(&offset);
        if !is_done {
            self.held.insert(offset);
        }
        is_done
    }

    /// Notes that a record is out.
    pub fn release(&mut self, offset: i64) {
        self.held.remove(&offset);
    }

    /// Returns the offset to be committed: the lowest that is not out.
    pub fn floor(&self) -> i64 {
        self.held.first().map_or(self.next, |first| *first)
    }

    /// Returns how many offsets lie between the lowest record that is not out and the next one.
    pub fn span(&self) -> i64 {
        let last = self.done.last().map_or(self.next, |last| self.next.max(last + 1));
        last - self.floor()
    }

    /// Writes what goes with the committed offset.
    pub fn metadata(&self, frontier: Option<u64>) -> String {
        let floor = self.floor();
        let mut bits = Vec::new();
        let read = (floor..self.next).filter(|offset| !self.held.contains(offset));
        for offset in read.chain(self.done.iter().copied()) {
            // What does not fit would be passed on once more: `span` is kept below the bound.
            let Ok(at) = usize::try_from(offset - floor) else { continue };
            if at >= SPAN_MAX as usize {
                continue;
            }
            bits.resize(bits.len().max(at / 8 + 1), 0u8);
            bits[at / 8] |= 1 << (at % 8);
        }
        let frontier = frontier.map_or_else(|| "-".to_owned(), |height| height.to_string());
        format!("{FORM} {frontier} {}", STANDARD_NO_PAD.encode(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_knows_exactly_what_is_out() {
        let mut lane = PartitionLane::open(100, "");
        for offset in [100, 101, 102, 105, 106] {
            assert!(!lane.read(offset));
        }
        for offset in [100, 102, 106] {
            lane.release(offset);
        }
        assert_eq!((lane.floor(), lane.next()), (101, 107));
        let again = lane.metadata(Some(7));
        let mut lane = PartitionLane::open(lane.floor(), &again);
        assert_eq!((lane.next(), lane.frontier()), (101, Some(7)));
        // A second stop before anything was read again keeps what was known.
        assert_eq!(lane.metadata(Some(7)), again);
        let out: Vec<bool> = [101, 102, 105, 106, 107].map(|offset| lane.read(offset)).to_vec();
        assert_eq!(out, [false, true, false, true, false]);
    }

    #[test]
    fn the_longest_metadata_fit_and_what_is_not_ours_is_empty() {
        let mut lane = PartitionLane::open(5, "7 of something else");
        assert_eq!((lane.frontier(), lane.next()), (None, 5));
        for offset in 5..5 + SPAN_MAX {
            lane.read(offset);
        }
        (6..5 + SPAN_MAX).for_each(|offset| lane.release(offset));
        let text = lane.metadata(Some(u64::MAX));
        assert!(text.len() < 4_096, "{} bytes", text.len());
        assert_eq!(lane.span(), SPAN_MAX);
        let lane = PartitionLane::open(5, &text);
        assert_eq!(lane.done.len() as i64, SPAN_MAX - 1);
        for text in ["route1", "route1 x !!", "route1 5", ""] {
            assert!(PartitionLane::open(0, text).done.is_empty());
        }
    }
}
