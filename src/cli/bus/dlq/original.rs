//! The record that a dead letter is about, as it was, and what it decodes to now.

use super::letters::{DlqError, Letter};
use crate::{
    config::Config,
    decode::{
        Settings,
        inspect::{Inspection, inspect},
    },
    kafka::Scanner,
    model::{Record, TopicPartition},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// A record of which nothing is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Original {
    pub kafka_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    /// Whether it is the letter's copy: the topic no longer holds the record, its headers are lost.
    pub is_copy: bool,
}

impl Original {
    /// Copies a record.
    pub(super) fn of(record: &Record<'_>) -> Self {
        Self {
            kafka_ms: record.kafka_ms,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.unwrap_or_default().to_vec(),
            headers: record.headers.iter().map(|(k, v)| ((*k).to_owned(), v.to_vec())).collect(),
            is_copy: false,
        }
    }
}

/// Why a record cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The topic no longer holds it, and it was longer than what a letter keeps.
    Gone,
    /// There is another record in its place.
    Other,
}

impl Lost {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone: its topic no longer holds it, the letter only its first KiB",
            Self::Other => "another record is in its place: the topic was made anew",
        }
    }
}

/// Reads the record of a letter from its topic, else from the letter.
pub(super) fn find(scanner: &Scanner, letter: &Letter) -> Result<Result<Original, Lost>, DlqError> {
    let body = &letter.body;
    let at = TopicPartition { topic: body.topic.clone(), partition: body.partition };
    Ok(of(letter, scanner.one(&at, body.offset, Original::of)?))
}

/// Returns the record of a letter: what is in its place if it is the same, else the letter's copy.
pub(super) fn of(letter: &Letter, found: Option<Original>) -> Result<Original, Lost> {
    let body = &letter.body;
    let is_it = |original: &Original| sha256(&original.value) == body.sha256;
    let why = match found {
        Some(original) if is_it(&original) => return Ok(original),
        Some(_) => Lost::Other,
        None => Lost::Gone,
    };
    let copy = Original {
        kafka_ms: body.kafka_ms,
        key: body.key_b64.as_deref().and_then(|text| STANDARD.decode(text).ok()),
        value: STANDARD.decode(&body.head_b64).unwrap_or_default(),
        headers: Vec::new(),
        is_copy: true,
    };
    if is_it(&copy) { Ok(copy) } else { Err(why) }
}

/// Returns how the records of a topic are read now; `None` when no input reads it.
pub(super) fn settings(config: &Config, topic: &str) -> Option<Settings> {
    let input = config.run.inputs.iter().find(|input| input.topic == topic)?;
    config.settings(input)
}

/// Decodes a record by the present configuration.
pub(super) fn decode(settings: &Settings, letter: &Letter, original: &Original) -> Inspection {
    let headers: Vec<(&str, &[u8])> =
        original.headers.iter().map(|(name, text)| (name.as_str(), text.as_slice())).collect();
    let record = Record {
        topic: &letter.body.topic,
        partition: letter.body.partition,
        offset: letter.body.offset,
        kafka_ms: original.kafka_ms,
        key: original.key.as_deref(),
        value: Some(&original.value),
        headers: &headers,
    };
    inspect(settings, &record)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
