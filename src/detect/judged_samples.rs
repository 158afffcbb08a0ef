//! What verdicts are spread over: the past events of judged subjects, and a sample of all others.

use crate::ml::splitmix::mix;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Rows of a page. Full pages never change, so that a copy of the memory shares them.
const PAGE_ROWS: usize = 1_000;
/// Events kept of one subject: a verdict on a busy one must not outweigh a dozen others.
pub const ROWS_PER_SUBJECT: usize = 30;

/// Rows of ranks, by subject and by time.
///
/// # Cost
/// `n_columns + 8` bytes for each of the last `recent_max` events, and thirty rows for each of
/// `subjects_max` subjects: 9 MB with 54 columns, 60,000 events and 3,000 subjects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    n_columns: u32,
    n_pages_max: u32,
    subjects_max: u32,
    seed: u64,
    /// The last events of everybody, oldest page first.
    pages: VecDeque<Arc<SamplePage>>,
    /// Subjects that were alerted or judged, by account.
    subjects: BTreeMap<u64, SubjectSample>,
    /// Counts subjects, so that the one followed longest is known.
    n_followed: u64,
}

/// Some rows in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct SamplePage {
    accounts: Vec<u64>,
    rows: Vec<u8>,
}

/// A uniform sample of the events of one subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SubjectSample {
    /// When it was followed first, in subjects.
    since: u64,
    /// Whether it must not make room for one that nobody has judged.
    is_judged: bool,
    n_seen: u64,
    rows: Arc<Vec<u8>>,
}

impl Spread {
    /// Makes an empty memory.
    pub fn new(n_columns: usize, recent_max: u32, subjects_max: u32, seed: u64) -> Self {
        Self {
            n_columns: n_columns as u32,
            n_pages_max: recent_max.div_ceil(PAGE_ROWS as u32).max(1),
            subjects_max: subjects_max.max(1),
            seed,
            pages: VecDeque::new(),
            subjects: BTreeMap::new(),
            n_followed: 0,
        }
    }

    /// Returns whether this has the given width and its rows are whole (after a restore).
    pub fn is_shaped(&self, n_columns: usize) -> bool {
        let is_page = |page: &Arc<SamplePage>| {
            page.accounts.len() <= PAGE_ROWS && page.rows.len() == page.accounts.len() * n_columns
        };
        let is_sample = |subject: &SubjectSample| {
            subject.rows.len().is_multiple_of(n_columns)
                && subject.rows.len() <= ROWS_PER_SUBJECT * n_columns
        };
        n_columns > 0
            && self.n_columns as usize == n_columns
            && self.pages.len() <= self.n_pages_max as usize
            && self.pages.iter().rev().skip(1).all(|page| page.accounts.len() == PAGE_ROWS)
            && self.pages.iter().all(is_page)
            && self.subjects.len() <= self.subjects_max as usize
            && self.subjects.values().all(is_sample)
    }

    /// Returns how many recent events are held.
    pub fn n_recent(&self) -> usize {
        self.pages.iter().map(|page| page.accounts.len()).sum()
    }

    /// Returns whether a subject was alerted or judged, and is remembered.
    pub fn is_followed(&self, account: u64) -> bool {
        self.subjects.contains_key(&account)
    }

    /// Appends an event, the oldest page leaving when there are too many.
    pub fn push(&mut self, account: u64, row: &[u8]) {
        assert!(row.len() == self.n_columns as usize, "a row has one value a column");
        if self.pages.back().is_none_or(|page| page.accounts.len() >= PAGE_ROWS) {
            if self.pages.len() >= self.n_pages_max as usize {
                self.pages.pop_front();
            }
            self.pages.push_back(Arc::default());
        }
        if let Some(page) = self.pages.back_mut() {
            let page = Arc::make_mut(page);
            page.accounts.push(account);
            page.rows.extend_from_slice(row);
        }
        if let Some(subject) = self.subjects.get_mut(&account) {
            subject.push(row, mix(self.seed ^ account));
        }
    }

    /// Samples the events of a subject from now on, and those that are still in memory.
    ///
    /// # Cost
    /// A walk over the accounts of the recent events: 30 µs for 60,000.
    pub fn follow(&mut self, account: u64, is_judged: bool) {
        if let Some(subject) = self.subjects.get_mut(&account) {
            subject.is_judged = is_judged;
            return;
        }
        if self.subjects.len() >= self.subjects_max as usize {
            // Those that nobody judged leave first, then the oldest.
            let oldest = self.subjects.iter().min_by_key(|(_, s)| (s.is_judged, s.since));
            if let Some(oldest) = oldest.map(|(account, _)| *account) {
                self.subjects.remove(&oldest);
            }
        }
        self.n_followed += 1;
        let mut subject =
            SubjectSample { since: self.n_followed, is_judged, n_seen: 0, rows: Arc::default() };
        let seed = mix(self.seed ^ account);
        for page in &self.pages {
            for (of, row) in
                page.accounts.iter().zip(page.rows.chunks_exact(self.n_columns as usize))
            {
                if *of == account {
                    subject.push(row, seed);
                }
            }
        }
        self.subjects.insert(account, subject);
    }

    /// Returns the sample of a subject, row-major; empty for one that is not followed.
    pub fn rows_of(&self, account: u64) -> &[u8] {
        self.subjects.get(&account).map_or(&[], |subject| &subject.rows)
    }

    /// Draws recent events of subjects that were neither alerted nor judged, with replacement.
    pub fn others(&self, n_rows: usize, seed: u64) -> impl Iterator<Item = &[u8]> {
        let n_recent = self.n_recent() as u64;
        let width = self.n_columns as usize;
        let draw = move |n: u64| {
            let at = (mix(mix(seed) ^ n) % n_recent) as usize;
            let page = self.pages.get(at / PAGE_ROWS)?;
            let idx = at % PAGE_ROWS;
            let is_other = !self.is_followed(*page.accounts.get(idx)?);
            is_other.then(|| page.rows.get(idx * width..(idx + 1) * width)).flatten()
        };
        // Where most events are of followed subjects, fewer will do.
        let n_draws = if n_recent == 0 { 0 } else { 2 * n_rows as u64 };
        (0..n_draws).filter_map(draw).take(n_rows)
    }
}

impl SubjectSample {
    /// Offers a row to the sample.
    ///
    /// # Source
    /// Algorithm R (Vitter 1985).
    fn push(&mut self, row: &[u8], seed: u64) {
        self.n_seen += 1;
        let width = row.len();
        if self.rows.len() < ROWS_PER_SUBJECT * width {
            Arc::make_mut(&mut self.rows).extend_from_slice(row);
            return;
        }
        let slot = (mix(seed ^ mix(self.n_seen)) % self.n_seen) as usize;
        if slot < ROWS_PER_SUBJECT {
            Arc::make_mut(&mut self.rows)[slot * width..(slot + 1) * width].copy_from_slice(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_followed_into_its_past() {
        let mut spread = Spread::new(2, 3_000, 2, 7);
        for n in 0..5_000u32 {
            spread.push(u64::from(n % 100), &[(n % 100) as u8, (n >> 8) as u8]);
        }
        assert!((2_001..=3_000).contains(&spread.n_recent()));
        assert!(spread.rows_of(7).is_empty());
        spread.follow(7, false);
        assert_eq!(spread.rows_of(7).len(), 2 * 30, "thirty of fifty rows are kept");
        assert!(spread.rows_of(7).chunks_exact(2).all(|row| row[0] == 7));
        let before = spread.rows_of(7).to_vec();
        (0..300).for_each(|_| spread.push(7, &[7, 200]));
        let n_new = spread.rows_of(7).chunks_exact(2).filter(|row| row[1] == 200).count();
        assert!((18..30).contains(&n_new), "the sample is uniform: {n_new} of 30 are new");
        assert_ne!(spread.rows_of(7), before);
        assert!(spread.is_shaped(2) && !spread.is_shaped(3));
    }

    #[test]
    fn the_unjudged_make_room_and_are_no_sample_of_others() {
        let mut spread = Spread::new(1, 1_000, 2, 7);
        (0..1_000u32).for_each(|n| spread.push(u64::from(n % 4), &[(n % 4) as u8]));
        spread.follow(0, true);
        spread.follow(1, false);
        assert_eq!(spread.others(500, 3).filter(|row| row[0] < 2).count(), 0);
        assert!(spread.others(200, 3).count() > 150);
        spread.follow(2, false);
        assert!(spread.is_followed(0) && !spread.is_followed(1) && spread.is_followed(2));
        assert_eq!(spread.others(200, 3).find(|row| row[0] == 1), Some(&[1u8][..]));
    }
}
