//! A line of `txwarden record`: a record with base64 for bytes, or a mark of what was read.

use super::{Item, LoggedRecord, Mark, MarkEnd};
use crate::model::{Record, Stamp, TopicPartition};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The name and version of the lines: the first member of each.
pub const SCHEMA: &str = "txwarden.record/1";

/// The object of a record.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct OwnLine<'a> {
    schema: Cow<'a, str>,
    topic: Cow<'a, str>,
    partition: i32,
    offset: i64,
    #[serde(deserialize_with = "Option::deserialize")]
    kafka_ms: Option<i64>,
    #[serde(deserialize_with = "Option::deserialize")]
    stamp: Option<Stamp>,
    #[serde(deserialize_with = "Option::deserialize")]
    key_b64: Option<String>,
    headers_b64: Vec<(Cow<'a, str>, String)>,
    #[serde(deserialize_with = "Option::deserialize")]
    value_b64: Option<String>,
}

/// The object of a mark: one of the two offsets.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct MarkLine<'a> {
    schema: Cow<'a, str>,
    topic: Cow<'a, str>,
    partition: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_from: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_to: Option<i64>,
}

/// What is looked at first.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    schema: Cow<'a, str>,
    #[serde(default)]
    offset: Option<i64>,
}

/// Returns whether a line begins as those of any version do.
pub(super) fn is_own(line: &[u8]) -> bool {
    let head: Result<Head<'_>, _> = serde_json::from_slice(line);
    let stem = SCHEMA.trim_end_matches(|c: char| c.is_ascii_digit());
    // A line that was cut off is one, too: what is wrong with it is said when it is read.
    let start = format!("{{\"schema\":\"{stem}");
    head.map_or(line.starts_with(start.as_bytes()), |head| head.schema.starts_with(stem))
}

/// Reads a line.
///
/// # Errors
/// A sentence.
pub(super) fn parse(line: &[u8]) -> Result<Item, String> {
    let wrong = |error: serde_json::Error| match error.is_eof() {
        true => "the line is cut off: continue the file with txwarden record --resume, or remove \
                 the line"
            .to_owned(),
        false => format!("no line of txwarden record: {error}"),
    };
    let head: Head<'_> = serde_json::from_slice(line).map_err(wrong)?;
    if head.schema != SCHEMA {
        return Err(format!(
            "schema {} is not {SCHEMA}: use the version that wrote it",
            head.schema
        ));
    }
    if head.offset.is_none() {
        return mark(serde_json::from_slice(line).map_err(wrong)?).map(Item::Mark);
    }
    let line: OwnLine<'_> = serde_json::from_slice(line).map_err(wrong)?;
    let bytes = |text: &str, what: &str| {
        STANDARD.decode(text).map_err(|error| format!("{what} is no base64: {error}"))
    };
    let optional = |text: Option<String>, what| text.map(|text| bytes(&text, what)).transpose();
    let headers = line.headers_b64.into_iter();
    let headers = headers.map(|(name, value)| {
        let value = bytes(&value, "a header's value")?;
        Ok((name.into_owned(), value))
    });
    Ok(Item::Record(LoggedRecord {
        place: TopicPartition { topic: line.topic.into_owned(), partition: line.partition },
        offset: line.offset,
        kafka_ms: line.kafka_ms,
        stamp: line.stamp,
        key: optional(line.key_b64, "key_b64")?,
        headers: headers.collect::<Result<_, String>>()?,
        value: optional(line.value_b64, "value_b64")?,
    }))
}

fn mark(line: MarkLine<'_>) -> Result<Mark, String> {
    let (end, offset) = match (line.read_from, line.read_to) {
        (Some(offset), None) => (MarkEnd::From, offset),
        (None, Some(offset)) => (MarkEnd::To, offset),
        _ => return Err("neither a record nor one mark: it has no offset".to_owned()),
    };
    let place = TopicPartition { topic: line.topic.into_owned(), partition: line.partition };
    Ok(Mark { place, end, offset })
}

/// Appends a record as a line.
pub fn write_record(record: &Record<'_>, stamp: Option<Stamp>, to: &mut Vec<u8>) {
    let encode = |bytes: &[u8]| STANDARD.encode(bytes);
    let headers = record.headers.iter();
    let line = OwnLine {
        schema: SCHEMA.into(),
        topic: record.topic.into(),
        partition: record.partition,
        offset: record.offset,
        kafka_ms: record.kafka_ms,
        stamp,
        key_b64: record.key.map(encode),
        headers_b64: headers.map(|(name, value)| ((*name).into(), encode(value))).collect(),
        value_b64: record.value.map(encode),
    };
    append(&line, to);
}

/// Appends a mark as a line.
pub fn write_mark(mark: &Mark, to: &mut Vec<u8>) {
    let of = |end| (mark.end == end).then_some(mark.offset);
    let line = MarkLine {
        schema: SCHEMA.into(),
        topic: (&*mark.place.topic).into(),
        partition: mark.place.partition,
        read_from: of(MarkEnd::From),
        read_to: of(MarkEnd::To),
    };
    append(&line, to);
}

fn append(line: &impl Serialize, to: &mut Vec<u8>) {
    // Neither a vector nor these types can fail.
    let written = serde_json::to_writer(&mut *to, line);
    debug_assert!(written.is_ok(), "{written:?}");
    to.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_line() {
        let bytes: Vec<u8> = (0..=255).collect();
        let headers = [("node", &b"a"[..]), ("node", &bytes), ("empty", b"")];
        for (key, value) in [
            (None, None),
            (Some(&b""[..]), Some(&b""[..])),
            (Some(&bytes[..]), Some(&br#"{"topic":"x","schema":"txwarden.record/9"}"#[..])),
        ] {
            let (kafka_ms, stamp) = (value.map(|_| 5), key.map(|_| Stamp::Append));
            let record = Record {
                topic: "t",
                partition: 3,
                offset: 9,
                kafka_ms,
                key,
                value,
                headers: &headers,
            };
            let mut line = Vec::new();
            write_record(&record, stamp, &mut line);
            assert!(is_own(&line) && line.ends_with(b"\n"));
            let Ok(Item::Record(found)) = parse(&line) else { panic!("{}", line.escape_ascii()) };
            assert_eq!(found.stamp, stamp);
            let mut scratch = Vec::new();
            let again = found.record(&mut scratch);
            assert_eq!(format!("{again:?}"), format!("{record:?}"));
        }
    }

    #[test]
    fn a_mark_survives_its_line() {
        let place = TopicPartition { topic: "t".to_owned(), partition: 0 };
        for end in [MarkEnd::From, MarkEnd::To] {
            let mark = Mark { place: place.clone(), end, offset: 12 };
            let mut line = Vec::new();
            write_mark(&mark, &mut line);
            assert!(is_own(&line));
            assert_eq!(parse(&line), Ok(Item::Mark(mark)));
        }
    }

    #[test]
    fn mistakes_are_named() {
        let mut whole = Vec::new();
        write_record(
            &Record { topic: "t", value: Some(b"xyz"), ..Record::default() },
            None,
            &mut whole,
        );
        let whole = String::from_utf8(whole).unwrap();
        for (line, said) in [
            (whole[..whole.len() / 2].to_owned(), "--resume"),
            (whole.replace("record/1", "record/2"), "use the version that wrote it"),
            (whole.replace("eHl6", "eHl"), "value_b64 is no base64"),
            (whole.replace("\"key_b64\":null,", ""), "key_b64"),
            (format!(r#"{{"schema":"{SCHEMA}","topic":"t","partition":0}}"#), "nor one mark"),
        ] {
            assert!(is_own(line.as_bytes()), "{line}");
            let error = parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
