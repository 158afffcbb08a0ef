//! A line of `kcat -J`: an object with the members that `kcat` writes, and no others.

use super::LoggedRecord;
use crate::model::{Stamp, TopicPartition};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use std::fmt;

/// The object. `kcat` writes bytes that are no UTF-8 as they are, so texts are read as bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KcatLine {
    topic: String,
    partition: i32,
    offset: i64,
    tstype: TimeType,
    ts: i64,
    #[serde(default, rename = "broker")]
    _broker: Option<i64>,
    #[serde(default)]
    headers: Vec<Option<KcatBytes>>,
    #[serde(deserialize_with = "Option::deserialize")]
    key: Option<KcatBytes>,
    #[serde(deserialize_with = "Option::deserialize")]
    payload: Option<KcatBytes>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TimeType {
    Create,
    LogAppend,
    Unknown,
}

/// Reads a line.
///
/// # Errors
/// A sentence.
pub(super) fn parse(line: &[u8]) -> Result<LoggedRecord, String> {
    let line: KcatLine = serde_json::from_slice(line).map_err(|error| {
        let why = error.to_string();
        let hint = match why.contains("expected a string or null") {
            true => {
                "; kcat writes JSON instead of the bytes when it is run with -s: leave that out"
            }
            false => "",
        };
        format!("no line of kcat -J: {why}{hint}")
    })?;
    if !line.headers.len().is_multiple_of(2) {
        return Err("headers are names and values in turn, and the last name has none".to_owned());
    }
    let mut headers = Vec::with_capacity(line.headers.len() / 2);
    for pair in line.headers.chunks_exact(2) {
        let name = pair[0].as_ref().ok_or("a header has no name")?;
        let name = String::from_utf8(name.0.clone()).map_err(|_| "a header's name is no UTF-8")?;
        headers.push((name, pair[1].as_ref().map(|value| value.0.clone()).unwrap_or_default()));
    }
    let stamp = match line.tstype {
        TimeType::Create => Some(Stamp::Create),
        TimeType::LogAppend => Some(Stamp::Append),
        TimeType::Unknown => None,
    };
    Ok(LoggedRecord {
        place: TopicPartition { topic: line.topic, partition: line.partition },
        offset: line.offset,
        kafka_ms: stamp.map(|_| line.ts).filter(|ms| *ms >= 0),
        stamp,
        key: line.key.map(|key| key.0),
        headers,
        value: line.payload.map(|payload| payload.0),
    })
}

/// The bytes of a JSON text, UTF-8 or not.
struct KcatBytes(Vec<u8>);

impl<'de> Deserialize<'de> for KcatBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfText;
        impl Visitor<'_> for OfText {
            type Value = KcatBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or null")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<KcatBytes, E> {
                Ok(KcatBytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(OfText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `kcat` 1.7.1 writes them.
    const HEAD: &str =
        r#"{"topic":"t","partition":1,"offset":7,"tstype":"create","ts":1700000000000,"broker":1,"#;

    fn read(tail: &str) -> Result<LoggedRecord, String> {
        parse(format!("{HEAD}{tail}}}").as_bytes())
    }

    #[test]
    fn a_line_keeps_what_kafka_had() {
        let line = r#""headers":["node","a","e",""],"key":"k","payload":"{\"topic\":\"x\"}""#;
        let found = read(line).unwrap();
        assert_eq!(found.place, TopicPartition { topic: "t".to_owned(), partition: 1 });
        assert_eq!((found.offset, found.kafka_ms), (7, Some(1_700_000_000_000)));
        assert_eq!(found.stamp, Some(Stamp::Create));
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        assert_eq!(found.headers, [header("node", "a"), header("e", "")]);
        assert_eq!(found.key.as_deref(), Some(&b"k"[..]));
        assert_eq!(found.value.as_deref(), Some(&br#"{"topic":"x"}"#[..]));
        let empty = read(r#""key":"","payload":"""#).unwrap();
        assert_eq!((empty.key, empty.value), (Some(vec![]), Some(vec![])));
        let none = read(r#""key":null,"payload":null"#).unwrap();
        assert_eq!((none.key, none.value), (None, None));
    }

    #[test]
    fn bytes_that_are_no_text_survive() {
        let mut line = format!("{HEAD}\"key\":null,\"payload\":\"").into_bytes();
        line.extend(b"\xff\x80\\\"\\u0001\"}");
        assert_eq!(parse(&line).unwrap().value.as_deref(), Some(&b"\xff\x80\"\x01"[..]));
    }

    #[test]
    fn a_time_that_is_none_is_none() {
        let line = |kind: &str, ms: i64| {
            let text = HEAD.replace("create", kind).replace("1700000000000", &ms.to_string());
            parse(format!("{text}\"key\":null,\"payload\":null}}").as_bytes()).unwrap()
        };
        assert_eq!((line("unknown", 0).kafka_ms, line("create", -1).kafka_ms), (None, None));
        assert_eq!(line("logappend", 5).stamp, Some(Stamp::Append));
    }

    #[test]
    fn mistakes_are_named() {
        for (tail, said) in [
            (r#""key":null"#, "payload"),
            (r#""key":null,"payload":{"a":1}"#, "leave that out"),
            (r#""headers":["a"],"key":null,"payload":null"#, "the last name has none"),
            (r#""headers":[null,"a"],"key":null,"payload":null"#, "has no name"),
            (r#""key":null,"payload":null,"more":1"#, "more"),
        ] {
            let error = read(tail).unwrap_err();
            assert!(error.contains(said), "{tail}: {error}");
        }
    }
}
