//! Records as Kafka had them, from files: lines of `txwarden record` or of `kcat -J`.
//!
//! What a file holds is told by its first line alone, and then holds for all of its lines. A line
//! of `txwarden record` begins with its schema; a line of `kcat -J` is an object with `topic`,
//! `partition`, `offset`, `tstype`, `ts`, `key` and `payload`, and with no member that `kcat` does
//! not write. Everything else is plain lines: a chain's record that has a member `topic` is a plain
//! line, and a record that is inside of a recorded line is text or base64 there, never looked at.

mod kcat;
mod line;
mod reader;
mod survey;

pub use line::{SCHEMA, write_mark, write_record};
pub use reader::{LogReader, shape_of, shape_of_line};
pub use survey::{Extent, Survey};

use crate::model::{Record, Stamp, TopicPartition};

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineShape {
    /// Each line is a record's value, or the file is a JSON array of them.
    Plain,
    /// Lines of `kcat -J`.
    Kcat,
    /// Lines of `txwarden record`.
    Own,
}

/// A record with all that Kafka says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRecord {
    pub place: TopicPartition,
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub kafka_ms: Option<i64>,
    pub stamp: Option<Stamp>,
    pub key: Option<Vec<u8>>,
    /// In their order; names may repeat.
    pub headers: Vec<(String, Vec<u8>)>,
    /// `None` is a tombstone; an empty value is none.
    pub value: Option<Vec<u8>>,
}

impl LoggedRecord {
    /// Borrows it as a record. `headers` is scratch space for the result.
    pub fn record<'a>(&'a self, headers: &'a mut Vec<(&'a str, &'a [u8])>) -> Record<'a> {
        headers.extend(self.headers.iter().map(|(name, value)| (&**name, &**value)));
        Record {
            topic: &self.place.topic,
            partition: self.place.partition,
            offset: self.offset,
            kafka_ms: self.kafka_ms,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers,
        }
    }
}

/// What a line of a recorded file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Record(LoggedRecord),
    Mark(Mark),
}

/// Says that a partition was read from or up to an offset: between two such marks an offset without
/// a line had no record that could be read (an aborted transaction, a marker, compaction).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub place: TopicPartition,
    pub end: MarkEnd,
    pub offset: i64,
}

/// Which end a mark is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkEnd {
    /// All that follows was read from this offset on.
    From,
    /// All before this offset was read.
    To,
}

/// Why a recorded file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordedError {
    #[error("cannot be read")]
    Io(#[from] std::io::Error),
    /// A line that is not what it should be; the sentence says what to do.
    #[error("line {n_line}: {what}")]
    Line { n_line: u64, what: String },
}
