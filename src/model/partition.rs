//! Partitions of a log: which one, in whose reading, and where a reader starts.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, fmt};

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// One partition as one consumer group reads it: whose state a snapshot is, and whose control log.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupPartition {
    pub group: String,
    pub topic: String,
    pub partition: i32,
}

impl fmt::Display for GroupPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.group, self.topic, self.partition)
    }
}

/// Where a group starts that has never committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Earliest,
    Latest,
    /// The first record whose timestamp, in milliseconds since the epoch, is not earlier.
    TimestampMs(i64),
}

impl Serialize for Start {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Earliest => s.serialize_str("earliest"),
            Self::Latest => s.serialize_str("latest"),
            Self::TimestampMs(ms) => s.serialize_i64(*ms),
        }
    }
}

impl JsonSchema for Start {
    fn schema_name() -> Cow<'static, str> {
        "Start".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"type": "string", "enum": ["earliest", "latest"]},
            {"type": "integer", "minimum": 0, "maximum": i64::MAX, "x-unit": "ms since 1970"},
        ]})
    }
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct StartVisitor;
        impl serde::de::Visitor<'_> for StartVisitor {
            type Value = Start;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("earliest, latest or milliseconds since the epoch")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Start, E> {
                match text {
                    "earliest" => Ok(Start::Earliest),
                    "latest" => Ok(Start::Latest),
                    other => match other.parse() {
                        Ok(ms) => self.visit_i64(ms),
                        Err(_) => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                    },
                }
            }

            fn visit_i64<E: serde::de::Error>(self, ms: i64) -> Result<Start, E> {
                if ms < 0 {
                    return Err(E::invalid_value(serde::de::Unexpected::Signed(ms), &self));
                }
                Ok(Start::TimestampMs(ms))
            }

            fn visit_u64<E: serde::de::Error>(self, ms: u64) -> Result<Start, E> {
                self.visit_i64(i64::try_from(ms).unwrap_or(-1))
            }
        }
        d.deserialize_any(StartVisitor)
    }
}
