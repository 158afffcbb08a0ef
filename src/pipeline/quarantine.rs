//! A record that brings the process down whenever it is read: found with a marker, then set aside.
//!
//! The marker of a partition says at which committed offset a process went live, and how many
//! processes before it ended there without a word. After two such ends the next process also notes
//! each record before it folds it; if it ends too, the record that is noted is the culprit. It
//! becomes a dead letter (`crash_loop`), and an entry of the control log in the same transaction
//! makes every replay skip it. This is the one exception to "the same log gives the same alerts":
//! what is set aside depends on how processes ended.
//!
//! | state of the marker | meaning for the next process |
//! |---|---|
//! | absent | the last one left in good order |
//! | another committed offset | the last one committed something and then broke off here: once |
//! | this committed offset, n | n + 1 processes broke off here |
//! | this offset, n ≥ 2, a record | that record did it |

use crate::{
    model::GroupPartition,
    store::{Store, StoreError},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Processes that may end without a word at one committed offset before records are noted.
const ABNORMAL_MAX: u32 = 2;

/// The most records of a partition that are set aside; beyond it a person has to look.
pub const SKIPPED_MAX: usize = 1_000;

const MARKER: &str = "inflight";
const SKIPPED: &str = "skipped";

/// What a process leaves behind for the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Marker {
    committed: i64,
    n_abnormal: u32,
    /// The record that is being folded, when records are noted.
    #[serde(default)]
    offset: Option<i64>,
}

/// What is set aside.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Skipped {
    offsets: BTreeSet<i64>,
}

/// The watch over one partition.
pub struct CrashLoop {
    /// Absent when snapshots are off: then nothing is noted and nothing set aside.
    store: Option<(Store, GroupPartition)>,
    /// Found at the start.
    left: Option<Marker>,
    skipped: BTreeSet<i64>,
    marker: Option<Marker>,
    /// Records that are still to be noted.
    n_left: usize,
    /// The most that a batch holds: the culprit is among so many.
    records_max: usize,
}

impl CrashLoop {
    /// Reads what the last process left, and sets aside the record that it names.
    ///
    /// # Errors
    /// A sentence for the operator, when a record has to be set aside and that cannot be recorded.
    pub fn open(
        store: Option<&Store>,
        place: &GroupPartition,
        committed: Option<i64>,
        records_max: usize,
    ) -> Result<Self, String> {
        let mut watch = Self {
            store: store.map(|store| (store.clone(), place.clone())),
            left: None,
            skipped: BTreeSet::new(),
            marker: None,
            n_left: 0,
            records_max,
        };
        let Some((store, _)) = &watch.store else { return Ok(watch) };
        watch.left = read(store, place, MARKER);
        watch.skipped = read::<Skipped>(store, place, SKIPPED).unwrap_or_default().offsets;
        let culprit = watch.left.as_ref().filter(|m| m.n_abnormal >= ABNORMAL_MAX);
        let culprit = culprit.filter(|m| Some(m.committed) == committed).and_then(|m| m.offset);
        if let Some(offset) = culprit {
            watch.set_aside(offset)?;
        }
        Ok(watch)
    }

    /// Sets a record aside that an earlier process recorded elsewhere.
    pub fn add(&mut self, offset: i64) {
        self.skipped.insert(offset);
    }

    /// Returns whether a record was set aside.
    pub fn is_skipped(&self, offset: i64) -> bool {
        !self.skipped.is_empty() && self.skipped.contains(&offset)
    }

    /// Leaves a marker for the next process: from here on records are folded for the first time.
    fn went_live(&mut self, committed: i64) {
        let n_abnormal = match &self.left {
            None => 0,
            Some(left) if left.committed == committed => left.n_abnormal.saturating_add(1),
            Some(_) => 1,
        };
        self.marker = Some(Marker { committed, n_abnormal, offset: None });
        if n_abnormal >= ABNORMAL_MAX {
            self.n_left = self.records_max;
            if let Some((_, place)) = &self.store {
                tracing::warn!(
                    %place, committed, n_abnormal,
                    "processes ended here without a word: records are noted one by one"
                );
            }
        }
        self.write();
    }

    /// Notes that a record is folded for the first time, and which one if there is reason to.
    /// Returns whether it did: then no other record may be noted any more.
    pub fn before(&mut self, committed: i64, offset: i64) -> bool {
        if self.marker.is_none() {
            self.went_live(committed);
        }
        if self.n_left == 0 {
            return false;
        }
        self.n_left -= 1;
        if let Some(marker) = &mut self.marker {
            marker.offset = Some(offset);
            self.write();
        }
        true
    }

    /// Notes that no record is being folded: what happens now is no record's fault.
    pub fn between(&mut self) {
        if self.marker.as_mut().is_some_and(|m| m.offset.take().is_some()) {
            self.write();
        }
    }

    /// Takes the marker away: the process leaves the partition in good order.
    pub fn close(&mut self) {
        if self.marker.take().is_none() {
            return;
        }
        if let Some((store, place)) = &self.store
            && let Err(error) = store.remove_marker(place, MARKER)
        {
            warn(place, &error);
        }
    }

    /// Takes the marker away of a partition that is another's by now: we live on, no record is to
    /// blame. If its next owner has written one already, that one stays.
    pub fn lose(&mut self) {
        let (Some((store, place)), Some(ours)) = (&self.store, &self.marker) else { return };
        if read::<Marker>(store, place, MARKER).as_ref() == Some(ours) {
            self.close();
        }
    }

    fn set_aside(&mut self, offset: i64) -> Result<(), String> {
        let Some((store, place)) = &self.store else { return Ok(()) };
        if self.skipped.len() >= SKIPPED_MAX {
            return Err(format!(
                "{SKIPPED_MAX} records of {place} were set aside because they brought the process \
                 down; another one at offset {offset} does it too: look at the dead letters of \
                 reason crash_loop, then remove {SKIPPED}.json of this partition in {}",
                store.url()
            ));
        }
        self.skipped.insert(offset);
        let list = Skipped { offsets: self.skipped.clone() };
        let text = serde_json::to_string(&list).unwrap_or_default();
        store.put_marker(place, SKIPPED, &text).map_err(|error| {
            format!(
                "the record of {place} at offset {offset} brought the process down three times, \
                 and that it is to be set aside cannot be recorded in {}: {error}",
                store.url()
            )
        })?;
        tracing::error!(
            %place, offset,
            "record set aside as crash_loop: it brought the process down three times"
        );
        Ok(())
    }

    fn write(&mut self) {
        let (Some((store, place)), Some(marker)) = (&self.store, &self.marker) else { return };
        let text = serde_json::to_string(marker).unwrap_or_default();
        if let Err(error) = store.put_marker(place, MARKER, &text) {
            warn(place, &error);
            // Detection matters more than finding a culprit: no further attempts.
            self.n_left = 0;
        }
    }
}

/// Returns the offsets of a place that are set aside.
///
/// # Errors
/// When the store cannot be read.
pub fn set_aside(store: &Store, place: &GroupPartition) -> Result<BTreeSet<i64>, StoreError> {
    let text = store.get_marker(place, SKIPPED)?;
    let list = text.and_then(|text| serde_json::from_str::<Skipped>(&text).ok());
    Ok(list.unwrap_or_default().offsets)
}

/// Reads a marker; what cannot be read counts as absent.
fn read<T: for<'de> Deserialize<'de>>(
    store: &Store,
    place: &GroupPartition,
    name: &str,
) -> Option<T> {
    let text = store.get_marker(place, name).inspect_err(|error| warn(place, error)).ok()??;
    serde_json::from_str(&text)
        .inspect_err(|error| tracing::warn!(%place, name, %error, "marker is unreadable"))
        .ok()
}

fn warn(place: &GroupPartition, error: &StoreError) {
    tracing::warn!(%place, code = error.code(), %error, "crash loops cannot be noticed");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Params;

    struct Case(Store, GroupPartition);

    impl Case {
        fn new() -> Self {
            let params = Params { url: "memory:".to_owned(), ..Params::default() };
            let place =
                GroupPartition { group: "g".to_owned(), topic: "t".to_owned(), partition: 0 };
            Self(Store::open(&params).unwrap().unwrap(), place)
        }

        /// A process that starts at a committed offset, goes live and notes some records.
        fn start(&self, committed: i64, noted: std::ops::Range<i64>) -> CrashLoop {
            let mut watch = self.open(committed);
            noted.for_each(|offset| {
                watch.before(committed, offset);
            });
            watch
        }

        fn open(&self, committed: i64) -> CrashLoop {
            CrashLoop::open(Some(&self.0), &self.1, Some(committed), 5).unwrap()
        }

        fn noted(&self) -> Option<(i64, u32, Option<i64>)> {
            let marker: Marker = read(&self.0, &self.1, MARKER)?;
            Some((marker.committed, marker.n_abnormal, marker.offset))
        }
    }

    #[test]
    fn the_record_at_which_the_third_process_ends_is_set_aside() {
        let case = Case::new();
        // The first one starts at 100, commits up to 200 and breaks off.
        drop(case.start(100, 100..150));
        assert_eq!(case.noted(), Some((100, 0, None)), "nothing is written per record");
        drop(case.start(200, 200..205));
        assert_eq!(case.noted(), Some((200, 1, None)));
        drop(case.start(200, 200..204));
        assert_eq!(case.noted(), Some((200, 2, Some(203))));
        let mut watch = case.start(200, 200..203);
        let skipped: Vec<i64> = (0..300).filter(|offset| watch.is_skipped(*offset)).collect();
        assert_eq!(skipped, [203]);
        watch.between();
        assert_eq!(case.noted(), Some((200, 3, None)));
        watch.close();
        assert_eq!(case.noted(), None);
        // Every later process sets it aside too.
        let watch = case.start(900, 900..901);
        assert!(watch.is_skipped(203) && !watch.is_skipped(900));
        assert_eq!(case.noted(), Some((900, 0, None)));
    }

    #[test]
    fn ends_between_records_and_before_going_live_blame_no_record() {
        let case = Case::new();
        let mut watch = case.start(10, 10..11);
        watch.between();
        drop(watch);
        for n in 1..6 {
            let mut watch = case.start(10, 10..13);
            watch.between();
            drop(watch);
            assert_eq!(case.noted(), Some((10, n, None)));
            // Ends while rebuilding leave no trace.
            drop(case.open(10));
        }
        let watch = case.open(10);
        assert!(watch.skipped.is_empty());
        // Progress forgives.
        drop(case.start(11, 11..12));
        assert_eq!(case.noted(), Some((11, 1, None)));
    }

    #[test]
    fn a_partition_that_a_living_process_loses_blames_no_record() {
        let case = Case::new();
        (0..2).for_each(|_| drop(case.start(10, 10..11)));
        let mut loser = case.start(10, 10..13);
        assert_eq!(case.noted(), Some((10, 2, Some(12))));
        // The next owner was faster: its note stays.
        let mut heir = case.start(11, 11..12);
        let theirs = case.noted();
        loser.lose();
        assert_eq!(case.noted(), theirs);
        heir.lose();
        assert_eq!(case.noted(), None);
    }

    #[test]
    fn notes_are_bounded_and_turned_off_without_a_store() {
        let case = Case::new();
        (0..2).for_each(|_| drop(case.start(10, 10..11)));
        let mut watch = case.start(10, 10..15);
        watch.between();
        watch.before(10, 15);
        assert_eq!(case.noted(), Some((10, 2, None)), "five records a batch, five notes");
        let mut off = CrashLoop::open(None, &case.1, Some(10), 5).unwrap();
        off.before(10, 10);
        off.close();
        assert!(!off.is_skipped(10));
        assert_eq!(case.noted(), Some((10, 2, None)));
    }
}
