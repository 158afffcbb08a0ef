//! An offset on the command line, of every partition or of one.

use crate::model::TopicPartition;

/// `OFFSET` or `TOPIC/PARTITION=OFFSET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecordBound {
    /// `None` is every partition.
    place: Option<TopicPartition>,
    offset: i64,
}

impl RecordBound {
    /// Reads what the command line says.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || "expected an offset such as 12, or one of a partition: topic/0=12".to_owned();
        let (place, offset) = match text.rsplit_once('=') {
            None => (None, text),
            Some((place, offset)) => {
                let (topic, partition) = place.rsplit_once('/').ok_or_else(wrong)?;
                let partition: i32 = partition.parse().map_err(|_| wrong())?;
                (Some(TopicPartition { topic: topic.to_owned(), partition }), offset)
            }
        };
        let offset: i64 = offset.parse().map_err(|_| wrong())?;
        if offset < 0 { Err(wrong()) } else { Ok(Self { place, offset }) }
    }

    /// Returns the offset that is meant for a partition: its own, else that of all.
    pub(super) fn of(bounds: &[Self], place: &TopicPartition) -> Option<i64> {
        let own = bounds.iter().find(|bound| bound.place.as_ref() == Some(place));
        own.or_else(|| bounds.iter().find(|bound| bound.place.is_none())).map(|b| b.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_has_its_own_bound_or_that_of_all() {
        let bounds: Vec<RecordBound> =
            ["5", "a/b/1=7"].iter().map(|text| RecordBound::parse(text).unwrap()).collect();
        let of = |topic: &str, partition| {
            RecordBound::of(&bounds, &TopicPartition { topic: topic.to_owned(), partition })
        };
        assert_eq!((of("a/b", 1), of("a/b", 0)), (Some(7), Some(5)));
        assert_eq!(
            RecordBound::of(&bounds[1..], &TopicPartition { topic: "t".to_owned(), partition: 1 }),
            None
        );
        for wrong in ["", "x", "-1", "t=1", "t/x=1", "t/0=", "t/0=-4"] {
            assert!(RecordBound::parse(wrong).is_err(), "{wrong}");
        }
    }
}
