//! Positions of records as people write them.

use std::fmt;

/// Where a record is, or was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecordPosition {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

impl fmt::Display for RecordPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// Which letter is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// By its own position in the dead-letter topic.
    Letter { partition: i32, offset: i64 },
    /// By the position of the record that it is about.
    Record(RecordPosition),
}

impl Which {
    /// Reads `OFFSET`, `PARTITION/OFFSET` or `TOPIC/PARTITION/OFFSET`.
    ///
    /// # Errors
    /// A sentence that says so.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            "expected OFFSET or PARTITION/OFFSET of the letter, or TOPIC/PARTITION/OFFSET of the \
             record that it is about"
                .to_owned()
        };
        let mut parts = text.rsplitn(3, '/');
        let offset = parts.next().and_then(|t| t.parse().ok()).ok_or_else(wrong)?;
        let Some(partition) = parts.next() else {
            return Ok(Self::Letter { partition: 0, offset });
        };
        let partition = partition.parse().map_err(|_| wrong())?;
        Ok(match parts.next() {
            None => Self::Letter { partition, offset },
            Some(topic) => {
                Self::Record(RecordPosition { topic: topic.to_owned(), partition, offset })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_written() {
        assert_eq!(Which::parse("7"), Ok(Which::Letter { partition: 0, offset: 7 }));
        assert_eq!(Which::parse("2/7"), Ok(Which::Letter { partition: 2, offset: 7 }));
        let place = RecordPosition { topic: "tx.in".to_owned(), partition: 2, offset: 7 };
        assert_eq!(Which::parse(&place.to_string()), Ok(Which::Record(place)));
        assert!(["", "x", "a/7", "t/x/7", "7/"].iter().all(|text| Which::parse(text).is_err()));
    }
}
