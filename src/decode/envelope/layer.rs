//! The table of layers, and how a topic's setting names them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};

/// One layer around a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    Gzip,
    Zstd,
    /// Binary mode (`ce_` headers) or structured mode, as the content type says.
    Cloudevents,
    /// The wire format of the Schema Registry: JSON Schema, Avro or Protobuf.
    Confluent,
    /// Kafka Connect's JSON with its schema: `{"schema": …, "payload": …}`.
    Connect,
    /// A change event: `before`, `after`, `op`; bare or as a Connect payload.
    Debezium,
    /// A bare datum of the one schema that the input names.
    Avro,
    /// A bare message, the first of the `.proto` that the input names.
    Protobuf,
}

impl Layer {
    pub const ALL: [Self; 8] = [
        Self::Gzip,
        Self::Zstd,
        Self::Cloudevents,
        Self::Confluent,
        Self::Connect,
        Self::Debezium,
        Self::Avro,
        Self::Protobuf,
    ];

    /// Returns the name used in configuration and dead letters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Cloudevents => "cloudevents",
            Self::Confluent => "confluent",
            Self::Connect => "connect",
            Self::Debezium => "debezium",
            Self::Avro => "avro",
            Self::Protobuf => "protobuf",
        }
    }

    /// Finds a layer by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.as_str() == name)
    }
}

/// The setting of a topic: `none`, `auto`, one layer, or a list of them from outside in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// The first record that shows it decides for the topic.
    Auto,
    Layers(Vec<Layer>),
}

/// Every name that the setting knows.
const NAMES: &[&str] = &[
    "none",
    "auto",
    "gzip",
    "zstd",
    "cloudevents",
    "confluent",
    "connect",
    "debezium",
    "avro",
    "protobuf",
];

impl Default for Wrapping {
    fn default() -> Self {
        Self::Layers(Vec::new())
    }
}

impl Wrapping {
    /// Returns whether nothing is to be peeled.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Layers(layers) if layers.is_empty())
    }

    /// Returns whether a layer is named.
    pub fn has(&self, layer: Layer) -> bool {
        matches!(self, Self::Layers(layers) if layers.contains(&layer))
    }

    /// Reads names with `+` between them, as [`fmt::Display`] writes them.
    ///
    /// # Errors
    /// A sentence that names what is not known.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::default()),
            _ => Self::of(text.split('+')),
        }
    }

    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut layers = Vec::new();
        for name in names {
            let Some(layer) = Layer::parse(name) else {
                return Err(format!("unknown layer {name:?} (known: {})", NAMES.join(", ")));
            };
            // Each is peeled once: two of a kind would be a bomb's doing.
            if layers.contains(&layer) {
                return Err(format!("layer {name:?} is named twice"));
            }
            layers.push(layer);
        }
        Ok(Self::Layers(layers))
    }
}

impl fmt::Display for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Layers(layers) if layers.is_empty() => f.write_str("none"),
            Self::Layers(layers) => {
                let names: Vec<_> = layers.iter().map(|layer| layer.as_str()).collect();
                f.write_str(&names.join("+"))
            }
        }
    }
}

impl JsonSchema for Wrapping {
    fn schema_name() -> Cow<'static, str> {
        "Wrapping".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"type": "string", "minLength": 1, "maxLength": 128},
            {"type": "array", "maxItems": 16, "items": {"type": "string", "enum": NAMES}},
        ]})
    }
}

impl Serialize for Wrapping {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Wrapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Spelling)
    }
}

struct Spelling;

impl<'de> Visitor<'de> for Spelling {
    type Value = Wrapping;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an envelope, or a list of them from outside in")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Wrapping, E> {
        Wrapping::parse(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Wrapping, A::Error> {
        let mut names: Vec<String> = Vec::new();
        while let Some(name) = items.next_element()? {
            names.push(name);
        }
        Wrapping::of(names.iter().map(String::as_str)).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_a_word_or_a_list() {
        let read = |json: &str| serde_json::from_str::<Wrapping>(json).map_err(|e| e.to_string());
        assert_eq!(read("\"none\"").unwrap(), Wrapping::default());
        assert_eq!(read("\"auto\"").unwrap(), Wrapping::Auto);
        let two = Wrapping::Layers(vec![Layer::Gzip, Layer::Confluent]);
        assert_eq!(read("[\"gzip\", \"confluent\"]").unwrap(), two);
        assert_eq!(serde_json::to_string(&two).unwrap(), "\"gzip+confluent\"");
        assert_eq!(read("\"gzip+confluent\"").unwrap(), two);
        assert!(read("\"conflunt\"").unwrap_err().contains("unknown layer"));
        assert!(read("[\"gzip\", \"gzip\"]").unwrap_err().contains("twice"));
        let named: Vec<_> = Layer::ALL.iter().map(|l| l.as_str()).collect();
        assert_eq!(&NAMES[2..], named);
    }
}
