//! What recorded files hold of each partition, and what they lack.

use super::{Item, MarkEnd};
use crate::model::TopicPartition;
use std::collections::BTreeMap;

/// What is known of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    pub n_records: u64,
    /// The offset from which it was read, as a mark or the first record says.
    pub from: i64,
    /// The offset behind all that was read, as a mark or the last record says.
    pub to: i64,
    /// Whether a mark says from where it was read.
    pub is_marked: bool,
    /// The first offsets that were not read, as marks say: from, and before.
    pub hole: Option<(i64, i64)>,
    /// Offsets without a line where no mark says that they had no record.
    pub n_unknown: u64,
    /// The first of them.
    pub unknown: Option<i64>,
    is_open: bool,
}

/// What is known of each partition.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    pub places: BTreeMap<TopicPartition, Extent>,
}

impl Survey {
    /// Takes in the next item.
    ///
    /// # Errors
    /// A sentence, when it goes back behind what was there before.
    pub fn add(&mut self, item: &Item) -> Result<(), String> {
        let (place, offset) = match item {
            Item::Record(record) => (&record.place, record.offset),
            Item::Mark(mark) => (&mark.place, mark.offset),
        };
        if offset < 0 {
            return Err(format!("offset {offset} of {place} is below 0"));
        }
        if !self.places.contains_key(place) {
            let start = Extent { from: offset, to: offset, ..Extent::default() };
            self.places.insert(place.clone(), start);
        }
        let Some(extent) = self.places.get_mut(place) else { return Ok(()) };
        if offset < extent.to {
            return Err(format!(
                "offset {offset} of {place} comes after offset {}: records of a partition stand in \
                 their order, and each once",
                extent.to - 1
            ));
        }
        let gap = (extent.to, offset);
        match item {
            Item::Record(_) => {
                if !extent.is_open && gap.0 < gap.1 {
                    extent.n_unknown += gap.1.abs_diff(gap.0);
                    extent.unknown.get_or_insert(gap.0);
                }
                extent.n_records += 1;
                extent.to = offset.saturating_add(1);
            }
            Item::Mark(mark) => {
                if mark.end == MarkEnd::From {
                    extent.is_marked |= extent.n_records == 0 && extent.from == offset;
                    if gap.0 < gap.1 {
                        extent.hole.get_or_insert(gap);
                    }
                }
                extent.is_open = mark.end == MarkEnd::From;
                extent.to = offset;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::recorded::{LoggedRecord, Mark};

    fn place() -> TopicPartition {
        TopicPartition { topic: "t".to_owned(), partition: 0 }
    }

    fn record(offset: i64) -> Item {
        let (kafka_ms, stamp, key, value) = (None, None, None, None);
        let headers = Vec::new();
        Item::Record(LoggedRecord { place: place(), offset, kafka_ms, stamp, key, headers, value })
    }

    fn mark(end: MarkEnd, offset: i64) -> Item {
        Item::Mark(Mark { place: place(), end, offset })
    }

    fn survey(items: &[Item]) -> Result<Extent, String> {
        let mut survey = Survey::default();
        items.iter().try_for_each(|item| survey.add(item))?;
        Ok(survey.places[&place()].clone())
    }

    #[test]
    fn marks_tell_a_marker_from_a_hole() {
        use MarkEnd::{From, To};
        let whole = survey(&[mark(From, 2), record(3), record(5), mark(To, 7)]).unwrap();
        assert_eq!((whole.from, whole.to, whole.n_records), (2, 7, 2));
        assert_eq!((whole.is_marked, whole.hole, whole.n_unknown), (true, None, 0));
        // Continued without a hole, also after a file that was cut off before its last mark.
        let torn = [mark(From, 0), record(0), mark(From, 1), record(2), mark(To, 3)];
        assert_eq!(survey(&torn).unwrap().hole, None);
        let holed = [mark(From, 0), record(0), mark(To, 4), mark(From, 6), record(6)];
        assert_eq!(survey(&holed).unwrap().hole, Some((4, 6)));
        // Without marks nobody knows.
        let unknown = survey(&[record(4), record(5), record(8)]).unwrap();
        assert_eq!((unknown.n_unknown, unknown.unknown, unknown.is_marked), (2, Some(6), false));
    }

    #[test]
    fn what_goes_back_is_refused() {
        for items in [
            vec![record(4), record(4)],
            vec![record(4), record(3)],
            vec![mark(MarkEnd::From, 4), record(3)],
            vec![record(4), mark(MarkEnd::To, 4)],
            vec![record(-1)],
        ] {
            assert!(survey(&items).is_err(), "{items:?}");
        }
    }
}
