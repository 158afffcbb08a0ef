//! The dead-letter topic: letters, and the notes of what was written back.

use super::place::{RecordPosition, Which};
use crate::{
    cli::CliError,
    engine::DeadLetter,
    kafka::{ScanError, Scanner},
    model::Record,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most records that can have been written back; with more, idempotence could not be promised.
const REPLAYED_MAX: usize = 500_000;

/// The name and version of the note that a record was written back.
pub(super) const REPLAYED: &str = "txwarden.replayed/1";

/// A dead letter, and where it is.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Letter {
    /// Its own; the record's are in the body.
    #[serde(rename = "letter_partition")]
    pub partition: i32,
    #[serde(rename = "letter_offset")]
    pub offset: i64,
    pub written_ms: i64,
    /// The consumer group that could not read the record.
    pub group: Option<String>,
    /// Whether the record was written back.
    pub is_replayed: bool,
    #[serde(flatten)]
    pub body: DeadLetter,
}

impl Letter {
    /// Returns where the record is that it is about.
    pub(super) fn place(&self) -> RecordPosition {
        let DeadLetter { topic, partition, offset, .. } = &self.body;
        RecordPosition { topic: topic.clone(), partition: *partition, offset: *offset }
    }

    /// Returns whether it is the one that is meant.
    pub(super) fn is(&self, which: &Which) -> bool {
        match which {
            Which::Letter { partition, offset } => {
                (self.partition, self.offset) == (*partition, *offset)
            }
            Which::Record(place) => self.place() == *place,
        }
    }
}

/// The note that a record was written back; it is in the transaction that wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Replayed {
    pub schema: String,
    /// Where the record was that could not be read.
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Where it was written to.
    pub to: String,
}

/// What the dead-letter topic says of what was written back.
#[derive(Default)]
pub(super) struct Notes {
    replayed: BTreeSet<RecordPosition>,
}

/// Why the dead-letter topic cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DlqError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(
        "more than {REPLAYED_MAX} records were written back: lower retention.ms of the \
         dead-letter topic"
    )]
    Full,
}

impl From<DlqError> for CliError {
    fn from(error: DlqError) -> Self {
        Self::failure("cannot read the dead-letter topic", error)
    }
}

impl From<ScanError> for CliError {
    fn from(error: ScanError) -> Self {
        DlqError::from(error).into()
    }
}

impl Notes {
    /// Reads the notes of a dead-letter topic.
    pub(super) fn read(scanner: &Scanner, topic: &str) -> Result<Self, DlqError> {
        let mut notes = Self::default();
        scanner.all(topic, &mut |record| {
            if let Some(Content::Replayed(note)) = content(record) {
                let Replayed { topic, partition, offset, .. } = *note;
                notes.replayed.insert(RecordPosition { topic, partition, offset });
            }
            if notes.replayed.len() > REPLAYED_MAX { Err(DlqError::Full) } else { Ok(()) }
        })?;
        Ok(notes)
    }

    /// Returns whether a record was written back.
    pub(super) fn has(&self, place: &RecordPosition) -> bool {
        self.replayed.contains(place)
    }
}

/// Hands in every letter of the topic; returns how many records are neither letters nor notes.
pub(super) fn each(
    scanner: &Scanner,
    topic: &str,
    notes: &Notes,
    on_letter: &mut dyn FnMut(Letter),
) -> Result<u64, DlqError> {
    let mut n_foreign = 0;
    scanner.all(topic, &mut |record| {
        match content(record) {
            Some(Content::Letter(body)) => {
                let group = record.headers.iter().find(|(name, _)| *name == "dlq-group");
                let mut letter = Letter {
                    partition: record.partition,
                    offset: record.offset,
                    written_ms: record.kafka_ms.unwrap_or_default(),
                    group: group.map(|(_, text)| String::from_utf8_lossy(text).into_owned()),
                    is_replayed: false,
                    body: *body,
                };
                letter.is_replayed = notes.has(&letter.place());
                on_letter(letter);
            }
            Some(Content::Replayed(_)) => {}
            None => n_foreign += 1,
        }
        Ok::<(), DlqError>(())
    })?;
    Ok(n_foreign)
}

enum Content {
    Letter(Box<DeadLetter>),
    Replayed(Box<Replayed>),
}

/// Reads a record of the topic; `None` when this version did not write its kind.
fn content(record: &Record<'_>) -> Option<Content> {
    let value = record.value?;
    let is_note = |note: &Replayed| note.schema == REPLAYED;
    if let Some(note) = serde_json::from_slice(value).ok().filter(is_note) {
        return Some(Content::Replayed(Box::new(note)));
    }
    let is_letter = |letter: &DeadLetter| letter.schema == DeadLetter::SCHEMA;
    let letter = serde_json::from_slice(value).ok().filter(is_letter)?;
    Some(Content::Letter(Box::new(letter)))
}
