//! One record from front to back, in this order: size, UTF-8, structure, each part.

use super::{
    Batch, Limits, Part, Reason, Refusal, Settings, SkipReason,
    envelope::{peel, undo},
    json::{
        JsonFlaw, JsonScanner,
        field::{Reader, refuse},
        guide::Guides,
    },
    node,
};
use crate::model::{Event, Record, drop_false_nonces};

/// Why a part did not become events: the document is broken, or only this part is refused.
pub(super) enum ReadFailure {
    Document(JsonFlaw),
    Part(Refusal),
}

impl From<JsonFlaw> for ReadFailure {
    fn from(flaw: JsonFlaw) -> Self {
        Self::Document(flaw)
    }
}

impl From<Refusal> for ReadFailure {
    fn from(refusal: Refusal) -> Self {
        Self::Part(refusal)
    }
}

/// Reads one value of the document as one part and appends its events.
pub(super) type ReadPart = fn(
    &mut JsonScanner<'_, '_>,
    usize,
    &mut Reader<'_>,
    &mut Vec<Event>,
) -> Result<(), ReadFailure>;

/// Reads a whole value as one part and appends its events.
pub(super) type ReadBytes = fn(&[u8], &mut Reader<'_>, &mut Vec<Event>) -> Result<(), Refusal>;

/// Reads a text; an error refuses it as a whole.
pub(super) type ReadText = fn(&str, &mut Parts<'_>) -> Result<(), Refusal>;

/// Where a reader of text hands in the parts that it finds.
pub(super) struct Parts<'a> {
    pub settings: &'a Settings,
    kafka_ms: Option<i64>,
    guides: &'a mut Guides,
    events: &'a mut Vec<Event>,
    parts: &'a mut Vec<Part>,
}

impl Parts<'_> {
    /// Adds the next part, which `read` makes events of.
    pub fn add(
        &mut self,
        read: impl FnOnce(&mut Reader<'_>, &mut Vec<Event>) -> Result<(), Refusal>,
    ) {
        let Self { settings, kafka_ms, guides, events, parts } = self;
        let start = events.len();
        let mut reader = Reader::new(settings, *kafka_ms, guides);
        let read = read(&mut reader, events);
        let index = parts.len();
        end_part((index, start), read, reader.refused, events, parts);
    }
}

/// Notes what became of the part that began at event `start`, and of what was refused inside of it
/// alone: that has the part's index.
fn end_part(
    (index, start): (usize, usize),
    read: Result<(), Refusal>,
    refused: Vec<Refusal>,
    events: &mut Vec<Event>,
    parts: &mut Vec<Part>,
) {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    match read {
        Ok(()) => {
            // What is left of a part whose every element was refused is nothing.
            if events.len() > start || refused.is_empty() {
                parts.push(Part { index, verdict: Ok(start..events.len()) });
            }
            parts.extend(refused.into_iter().map(|refusal| Part { index, verdict: Err(refusal) }));
        }
        Err(refusal) => {
            events.truncate(start);
            parts.push(Part { index, verdict: Err(refusal) });
        }
    }
}

/// How the values of a format are cut into parts.
#[derive(Clone, Copy)]
pub(super) enum Read {
    /// One JSON document: a part, or an array of them.
    Json(ReadPart),
    /// Any bytes: always one part.
    Bytes(ReadBytes),
    /// Text whose reader finds the parts itself, such as rows.
    Text(ReadText),
}

/// Decodes one record: every part of it ends in `batch.parts`, accepted ones with their events.
///
/// Never fails and never panics, whatever the bytes. `batch` is cleared first.
///
/// # Cost
/// Linear in the record; allocates for events and refusals only.
pub fn decode(settings: &Settings, record: &Record<'_>, batch: &mut Batch) {
    batch.events.clear();
    batch.parts.clear();
    batch.node = None;
    let refusal = match check_size(&settings.limits, record) {
        Err(refusal) => refusal,
        Ok(bytes) => match read_content(settings, record, bytes, batch) {
            Ok(()) => {
                drop_false_nonces(&settings.chain, &mut batch.events);
                return node::note(settings, record, batch);
            }
            Err(refusal) => refusal,
        },
    };
    // A broken document has no parts that could be trusted.
    batch.events.clear();
    batch.parts.clear();
    batch.parts.push(Part { index: 0, verdict: Err(refusal) });
}

/// Checks sizes, and finds the bytes to read.
fn check_size<'a>(limits: &Limits, record: &Record<'a>) -> Result<&'a [u8], Refusal> {
    let too_large = |what: &str| Err(refuse(Reason::TooLarge, what));
    if record.key.is_some_and(|key| key.len() > limits.key_bytes_max) {
        return too_large("the key is too long");
    }
    if record.headers.len() > limits.headers_max {
        return too_large("too many headers");
    }
    let header_bytes: usize = record.headers.iter().map(|(k, v)| k.len() + v.len()).sum();
    if header_bytes > limits.header_bytes_max {
        return too_large("the headers are too long");
    }
    let Some(value) = record.value else { return Err(Refusal::Skip(SkipReason::Tombstone)) };
    if value.is_empty() {
        return Err(refuse(Reason::EmptyValue, "the value has no bytes"));
    }
    if value.len() > limits.value_bytes_max {
        return too_large("the value is too long");
    }
    Ok(value)
}

/// Checks that text is UTF-8 throughout, in what is ignored too.
pub(super) fn check_utf8(bytes: &[u8]) -> Result<&str, Refusal> {
    simdutf8::compat::from_utf8(bytes)
        .map_err(|e| refuse(Reason::NotUtf8, &format!("no UTF-8 at byte {}", e.valid_up_to())))
}

/// The UTF-8 mark (BOM), which some editors and spreadsheets put in front of a text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Refuses text behind a mark: JSON has none in front (RFC 8259), and a column's name none either.
fn check_mark(bytes: &[u8], reason: Reason) -> Result<(), Refusal> {
    match bytes.starts_with(MARK) {
        true => Err(refuse(reason, "a UTF-8 mark (BOM) stands in front of the text")),
        false => Ok(()),
    }
}

/// Peels what is around the value, and reads what is in it.
fn read_content(
    settings: &Settings,
    record: &Record<'_>,
    value: &[u8],
    batch: &mut Batch,
) -> Result<(), Refusal> {
    if settings.envelope.wrapping.is_none() {
        return read_value(settings, record.kafka_ms, value, batch);
    }
    let peeled = peel(settings, record, value)?;
    read_value(settings, record.kafka_ms, &peeled.bytes, batch)?;
    if peeled.is_undone {
        undo(&mut batch.events);
    }
    Ok(())
}

/// Reads a value the way of its format.
fn read_value(
    settings: &Settings,
    kafka_ms: Option<i64>,
    bytes: &[u8],
    batch: &mut Batch,
) -> Result<(), Refusal> {
    match settings.format.reader(settings) {
        Read::Json(read) => {
            check_mark(bytes, Reason::BadJson)?;
            check_utf8(bytes)?;
            Ok(read_document(settings, read, kafka_ms, bytes, batch)?)
        }
        Read::Text(read) => {
            check_mark(bytes, Reason::BadField)?;
            let text = check_utf8(bytes)?;
            let Batch { events, parts, guides, .. } = batch;
            read(text, &mut Parts { settings, kafka_ms, guides, events, parts })
        }
        Read::Bytes(read) => {
            let Batch { events, parts, guides, .. } = batch;
            let mut reader = Reader::new(settings, kafka_ms, guides);
            read(bytes, &mut reader, events)?;
            end_part((0, 0), Ok(()), reader.refused, events, parts);
            Ok(())
        }
    }
}

/// Reads the document: one part, or an array of parts.
fn read_document(
    settings: &Settings,
    read_part: ReadPart,
    kafka_ms: Option<i64>,
    bytes: &[u8],
    batch: &mut Batch,
) -> Result<(), JsonFlaw> {
    let Batch { events, parts, keys, guides, .. } = batch;
    let mut scanner = JsonScanner::of_record(bytes, &settings.limits, keys);
    // Counted over all parts: what a record may cost does not depend on how it is cut.
    let mut n_signatures = 0;
    let mut read = |scanner: &mut JsonScanner<'_, '_>, index: usize, depth| {
        let start = events.len();
        let mut reader = Reader { n_signatures, ..Reader::new(settings, kafka_ms, guides) };
        let read = match read_part(scanner, depth, &mut reader, events) {
            Ok(()) => Ok(()),
            Err(ReadFailure::Part(refusal)) => Err(refusal),
            Err(ReadFailure::Document(flaw)) => return Err(flaw),
        };
        n_signatures = reader.n_signatures;
        end_part((index, start), read, reader.refused, events, parts);
        Ok(())
    };
    if scanner.peek() != Some(b'[') {
        read(&mut scanner, 0, 0)?;
    } else if settings.is_batch_allowed {
        let mut n = 0;
        let mut is_more = scanner.open_array(0)?;
        while is_more {
            read(&mut scanner, n, 1)?;
            is_more = scanner.next_element(&mut n)?;
        }
        if n == 0 {
            // An empty batch holds nothing, but its record must be accounted for.
            parts.push(Part { index: 0, verdict: Err(Refusal::Skip(SkipReason::NullResult)) });
        }
    } else {
        scanner.value(0)?;
        let refusal = refuse(Reason::UnexpectedBatch, "an array, and batches are not allowed");
        parts.push(Part { index: 0, verdict: Err(refusal) });
    }
    scanner.end()
}
