//! The coverage ledger: where every part of every record ended, by height and by partition, and
//! which heights and offsets nothing came of.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Heights with a row of their own: as many as the hashes by which a reorg is noticed, so that what
/// it orphans can be told apart exactly. Older rows are merged into ranges.
const HEIGHTS_MAX: usize = 4_096;

/// Ranges of older heights; beyond, the two oldest become one that counts what is missing in it.
const RANGES_MAX: usize = 256;

/// Partitions with a row of their own (a replay of files may have many); the others share the last.
const PLACES_MAX: usize = 256;

/// What became of parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fates {
    /// Transactions judged.
    pub n_scored: u64,
    /// Blocks, logs, observations and other facts that were learned.
    pub n_applied: u64,
    /// Skipped on purpose, duplicates among them.
    pub n_skipped: u64,
    pub n_dead_letters: u64,
}

/// What became of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Scored,
    Applied,
    Skipped,
    DeadLetter,
}

/// Heights that follow one another, and what became of their parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeightRange {
    pub from: u64,
    /// Inclusive.
    pub to: u64,
    /// Heights inside of which nothing came: only in ranges that were merged for want of room.
    pub n_missing: u64,
    pub fates: Fates,
}

/// One partition of the input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceRow {
    /// Empty where several share the row.
    pub topic: String,
    pub partition: i32,
    pub first_offset: i64,
    /// The next offset that is expected.
    pub next_offset: i64,
    pub n_records: u64,
    /// Offsets without a record: transaction markers, aborted and compacted records.
    pub n_holes: u64,
    pub n_parts: u64,
    pub fates: Fates,
}

/// What an engine has been given, and where it went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Ascending; all below the recent ones.
    older: Vec<HeightRange>,
    recent: BTreeMap<u64, Fates>,
    places: Vec<PlaceRow>,
    /// The row of the record that is being folded.
    place_idx: usize,
    /// Parts of no height: what could not be read, what is pending.
    unplaced: Fates,
    orphaned: Fates,
    n_orphaned: u64,
    n_passed: u64,
    n_closed: u64,
}

impl Fates {
    fn add(&mut self, fate: Fate) {
        *match fate {
            Fate::Scored => &mut self.n_scored,
            Fate::Applied => &mut self.n_applied,
            Fate::Skipped => &mut self.n_skipped,
            Fate::DeadLetter => &mut self.n_dead_letters,
        } += 1;
    }

    /// Returns how many parts there are.
    pub fn n_parts(&self) -> u64 {
        self.n_scored + self.n_applied + self.n_skipped + self.n_dead_letters
    }

    /// Returns these and others.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            n_scored: self.n_scored + other.n_scored,
            n_applied: self.n_applied + other.n_applied,
            n_skipped: self.n_skipped + other.n_skipped,
            n_dead_letters: self.n_dead_letters + other.n_dead_letters,
        }
    }
}

impl Ledger {
    /// Returns the heights that came, in ranges that follow one another without a gap.
    pub fn ranges(&self) -> Vec<HeightRange> {
        let mut out = Vec::with_capacity(self.older.len());
        self.older.iter().for_each(|range| push(&mut out, *range));
        for (height, fates) in &self.recent {
            push(&mut out, HeightRange { from: *height, to: *height, n_missing: 0, fates: *fates });
        }
        out
    }

    /// Returns the heights below the greatest one of which nothing came, or nothing since a reorg:
    /// first and last of each gap.
    pub fn gaps(&self) -> Vec<(u64, u64)> {
        self.ranges().windows(2).map(|pair| (pair[0].to + 1, pair[1].from - 1)).collect()
    }

    /// Returns how many heights are missing now.
    pub fn n_missing(&self) -> u64 {
        let older = self.older.iter().map(|r| r.to - r.from + 1 - r.n_missing).sum::<u64>();
        let first = self.older.first().map(|r| r.from).or(self.recent.keys().next().copied());
        let last = self.recent.keys().next_back().copied().or(self.older.last().map(|r| r.to));
        let n_spanned = first.zip(last).map_or(0, |(first, last)| last - first + 1);
        n_spanned.saturating_sub(older + self.recent.len() as u64)
    }

    /// Returns how many heights the stream passed by without a record.
    pub fn n_passed(&self) -> u64 {
        self.n_passed
    }

    /// Returns how many missing heights came after all.
    pub fn n_closed(&self) -> u64 {
        self.n_closed
    }

    /// Returns how many heights reorgs took back, with the parts that had come of them.
    pub fn orphaned(&self) -> (u64, Fates) {
        (self.n_orphaned, self.orphaned)
    }

    /// Returns what became of parts without a height.
    pub fn unplaced(&self) -> Fates {
        self.unplaced
    }

    /// Returns the partitions.
    pub fn places(&self) -> &[PlaceRow] {
        &self.places
    }

    /// Returns how many offsets held no record.
    pub fn n_holes(&self) -> u64 {
        self.places.iter().map(|place| place.n_holes).sum()
    }

    /// Returns what became of all parts, summed over heights.
    pub fn total(&self) -> Fates {
        let heights = self.older.iter().map(|r| &r.fates).chain(self.recent.values());
        let rest = [&self.unplaced, &self.orphaned];
        heights.chain(rest).fold(Fates::default(), |sum, fates| sum.plus(fates))
    }

    /// Notes a record that is about to be folded.
    pub(super) fn record(&mut self, topic: &str, partition: i32, offset: i64) {
        let is_its = |row: &PlaceRow| row.partition == partition && row.topic == topic;
        if !self.places.get(self.place_idx).is_some_and(is_its) {
            let known = self.places.iter().position(is_its);
            self.place_idx = known.unwrap_or_else(|| self.open(topic, partition, offset));
        }
        let row = &mut self.places[self.place_idx];
        if is_its(row) {
            row.n_holes += u64::try_from(offset - row.next_offset).unwrap_or_default();
            row.next_offset = row.next_offset.max(offset + 1);
        }
        row.n_records += 1;
    }

    /// Notes where a part of that record ended.
    pub(super) fn part(&mut self, height: Option<u64>, fate: Fate) {
        if let Some(row) = self.places.get_mut(self.place_idx) {
            row.n_parts += 1;
            row.fates.add(fate);
        }
        match height {
            Some(height) => self.at(height).add(fate),
            None => self.unplaced.add(fate),
        }
    }

    /// Takes back the heights from one on: a reorg orphaned what had come of them.
    pub(super) fn revert(&mut self, from: u64) {
        for fates in self.recent.split_off(&from).values() {
            self.orphaned = self.orphaned.plus(fates);
            self.n_orphaned += 1;
        }
        // As deep as this no hashes are remembered: what is cut in the middle keeps its counts.
        while let Some(range) = self.older.last_mut().filter(|range| range.to >= from) {
            self.n_orphaned += range.to + 1 - range.from.max(from);
            if range.from < from {
                range.to = from - 1;
                range.n_missing = range.n_missing.min(range.to + 1 - range.from);
                break;
            }
            self.orphaned = self.orphaned.plus(&range.fates);
            self.older.pop();
        }
    }

    fn open(&mut self, topic: &str, partition: i32, offset: i64) -> usize {
        let mut row = PlaceRow {
            topic: topic.to_owned(),
            partition,
            first_offset: offset,
            next_offset: offset,
            ..PlaceRow::default()
        };
        if self.places.len() >= PLACES_MAX {
            return self.places.len() - 1;
        }
        if self.places.len() == PLACES_MAX - 1 {
            // No topic has this name: what follows is counted together.
            row = PlaceRow { partition: -1, ..PlaceRow::default() };
        }
        self.places.push(row);
        self.places.len() - 1
    }

    /// Returns the row of a height, which counts as seen from now on.
    fn at(&mut self, height: u64) -> &mut Fates {
        if self.older.last().is_some_and(|last| height <= last.to) {
            return self.at_older(height);
        }
        if !self.recent.contains_key(&height) {
            let top = self.recent.keys().next_back().copied().or(self.older.last().map(|r| r.to));
            let bottom = self.older.first().map(|r| r.from).or(self.recent.keys().next().copied());
            match (top, bottom) {
                (Some(top), _) if height > top => self.n_passed += height - top - 1,
                (_, Some(bottom)) if height > bottom => self.n_closed += 1,
                _ => {}
            }
            self.recent.insert(height, Fates::default());
            if self.recent.len() > HEIGHTS_MAX
                && let Some((height, fates)) = self.recent.pop_first()
            {
                let n_missing = 0;
                push(&mut self.older, HeightRange { from: height, to: height, n_missing, fates });
                self.keep_bounds();
            }
        }
        match self.older.last().is_some_and(|last| height <= last.to) {
            // It was the lowest of all recent ones.
            true => self.at_older(height),
            false => self.recent.entry(height).or_default(),
        }
    }

    fn keep_bounds(&mut self) {
        while self.older.len() > RANGES_MAX {
            let first = self.older.remove(0);
            let second = &mut self.older[0];
            second.n_missing += first.n_missing + second.from - first.to - 1;
            second.from = first.from;
            second.fates = second.fates.plus(&first.fates);
        }
    }

    /// Returns the range of a height that is not above all older ones.
    fn at_older(&mut self, height: u64) -> &mut Fates {
        self.keep_bounds();
        let at = self.older.partition_point(|range| range.to < height);
        let is_in = self.older.get(at).is_some_and(|range| range.from <= height);
        if !is_in {
            self.n_closed += u64::from(at > 0);
            let fates = Fates::default();
            let range = HeightRange { from: height, to: height, n_missing: 0, fates };
            // Neighbours that touch stay apart: they are joined when they are shown.
            self.older.insert(at, range);
        }
        &mut self.older[at].fates
    }
}

/// Adds a range behind others, joined to the last one where they touch.
fn push(ranges: &mut Vec<HeightRange>, next: HeightRange) {
    match ranges.last_mut() {
        Some(last) if last.to + 1 == next.from => {
            last.to = next.to;
            last.n_missing += next.n_missing;
            last.fates = last.fates.plus(&next.fates);
        }
        _ => ranges.push(next),
    }
}
