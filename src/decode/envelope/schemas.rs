//! The schemas of one topic by their ids in the registry: texts, and what is made of them once.

use super::{avro, protobuf};
use crate::decode::{Reason, Refusal, json::field::refuse, value::hex};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// The most schemas of one topic; a new one then takes the place of the one with the lowest id.
pub const SCHEMAS_MAX: usize = 512;
/// Longest text of a schema with all that it refers to, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 1 << 20;

/// How the registry names a schema on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaId {
    Number(u32),
    Guid([u8; 16]),
}

impl SchemaId {
    /// Reads what [`fmt::Display`] writes; a GUID also without dashes.
    pub fn parse(text: &str) -> Option<Self> {
        // Ids are Java integers.
        if let Ok(id) = text.parse::<i32>() {
            return u32::try_from(id).ok().map(Self::Number);
        }
        let digits = text.replace('-', "");
        hex::array(digits.as_bytes()).map(Self::Guid)
    }
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(id) => write!(f, "{id}"),
            Self::Guid(guid) => {
                for (i, byte) in guid.iter().enumerate() {
                    let dash = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

/// The language of a schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SchemaKind {
    /// What a registry means that names none.
    #[default]
    Avro,
    Json,
    Protobuf,
}

/// A schema as the registry tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaText {
    #[serde(default, rename = "schemaType")]
    pub kind: SchemaKind,
    #[serde(rename = "schema")]
    pub text: String,
    /// What it refers to, name and text, each after what it refers to itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved: Vec<(String, String)>,
}

/// Why a text is no schema that records can be read by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(pub(super) String);

/// Why there is no schema for a record.
pub(super) enum Unusable {
    Unknown(SchemaId),
    /// The input names none.
    Unnamed,
    Broken(String),
    /// There is one, and nothing is known of it.
    Sample,
}

impl From<Unusable> for Refusal {
    #[cold]
    fn from(why: Unusable) -> Self {
        let what = match why {
            Unusable::Unknown(id) => format!("schema {id} is not known"),
            Unusable::Unnamed => "the input names no schema".to_owned(),
            Unusable::Broken(why) => why,
            Unusable::Sample => "nothing is known of the schema".to_owned(),
        };
        refuse(Reason::SchemaUnavailable, &what)
    }
}

/// A schema, made ready.
#[derive(Clone, Debug)]
pub(super) enum ReadySchema {
    Json,
    Avro(avro::AvroSchema),
    Protobuf(protobuf::ProtoSchema),
    /// It came from the registry, and cannot be used.
    Broken(SchemaKind, String),
}

impl ReadySchema {
    fn of(text: &SchemaText) -> Result<Self, SchemaError> {
        let n_bytes: usize = text.resolved.iter().map(|(_, text)| text.len()).sum();
        if n_bytes + text.text.len() > SCHEMA_BYTES_MAX {
            return Err(SchemaError(format!("a schema of more than {SCHEMA_BYTES_MAX} bytes")));
        }
        match text.kind {
            SchemaKind::Json => Ok(Self::Json),
            SchemaKind::Avro => avro::AvroSchema::parse(text).map(Self::Avro),
            SchemaKind::Protobuf => protobuf::ProtoSchema::parse(text).map(Self::Protobuf),
        }
    }

    pub fn kind(&self) -> SchemaKind {
        match self {
            Self::Json => SchemaKind::Json,
            Self::Avro(_) => SchemaKind::Avro,
            Self::Protobuf(_) => SchemaKind::Protobuf,
            Self::Broken(kind, _) => *kind,
        }
    }

    pub fn avro(&self) -> Result<&avro::AvroSchema, Refusal> {
        match self {
            Self::Avro(schema) => Ok(schema),
            other => Err(other.unsuited("Avro")),
        }
    }

    pub fn protobuf(&self) -> Result<&protobuf::ProtoSchema, Refusal> {
        match self {
            Self::Protobuf(schema) => Ok(schema),
            other => Err(other.unsuited("Protobuf")),
        }
    }

    #[cold]
    fn unsuited(&self, wanted: &str) -> Refusal {
        match self {
            Self::Broken(_, why) => Unusable::Broken(why.clone()).into(),
            _ => refuse(Reason::SchemaUnavailable, &format!("the schema is not of {wanted}")),
        }
    }
}

/// The schemas of one topic.
///
/// # Cost
/// At most [`SCHEMAS_MAX`] texts of [`SCHEMA_BYTES_MAX`] each, and what is made of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Texts", into = "Texts")]
pub struct Schemas {
    texts: BTreeMap<SchemaId, SchemaText>,
    ready: BTreeMap<SchemaId, ReadySchema>,
    named: Option<(SchemaText, ReadySchema)>,
    /// Stands for a registry of which only this is known: it has the id 1, and every GUID.
    is_sample: bool,
}

/// What is written of them.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Texts {
    by_id: Vec<(SchemaId, SchemaText)>,
    named: Option<SchemaText>,
}

impl PartialEq for Schemas {
    fn eq(&self, other: &Self) -> bool {
        let named = |of: &Self| of.named.as_ref().map(|(text, _)| text.clone());
        (&self.texts, named(self), self.is_sample) == (&other.texts, named(other), other.is_sample)
    }
}

impl From<Texts> for Schemas {
    fn from(texts: Texts) -> Self {
        let named = texts.named.map(|text| (text.clone(), ready(&text)));
        let mut schemas = Self { named, ..Self::default() };
        texts.by_id.into_iter().for_each(|(id, text)| schemas.insert(id, text));
        schemas
    }
}

impl From<Schemas> for Texts {
    fn from(schemas: Schemas) -> Self {
        let by_id = schemas.texts.into_iter().collect();
        Self { by_id, named: schemas.named.map(|(text, _)| text) }
    }
}

/// Makes a schema ready; one that is broken says so to each record.
fn ready(text: &SchemaText) -> ReadySchema {
    ReadySchema::of(text).unwrap_or_else(|SchemaError(why)| ReadySchema::Broken(text.kind, why))
}

impl Schemas {
    /// Makes the table of an input whose records all have one schema.
    ///
    /// # Errors
    /// When records cannot be read by it.
    pub fn of_one(text: SchemaText) -> Result<Self, SchemaError> {
        let schema = ReadySchema::of(&text)?;
        Ok(Self { named: Some((text, schema)), ..Self::default() })
    }

    /// Makes the table that judges an envelope by itself (see [`super::opaque`]).
    pub(in crate::decode) fn sample() -> Self {
        Self { is_sample: true, ..Self::default() }
    }

    /// Returns whether there is no schema.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.named.is_none() && !self.is_sample
    }

    /// Returns whether frames with ids are to be expected.
    pub(super) fn is_at_hand(&self) -> bool {
        !self.texts.is_empty() || self.is_sample
    }

    /// Returns how many schemas have an id.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Adds a schema; one that cannot be used says so to each record that needs it.
    pub fn insert(&mut self, id: SchemaId, text: SchemaText) {
        while self.texts.len() >= SCHEMAS_MAX && !self.texts.contains_key(&id) {
            if let Some((oldest, _)) = self.texts.pop_first() {
                self.ready.remove(&oldest);
            }
        }
        self.ready.insert(id, ready(&text));
        self.texts.insert(id, text);
    }

    /// Adds a schema.
    ///
    /// # Errors
    /// When records cannot be read by it.
    pub fn try_insert(&mut self, id: SchemaId, text: SchemaText) -> Result<(), SchemaError> {
        ReadySchema::of(&text)?;
        self.insert(id, text);
        Ok(())
    }

    pub(super) fn get(&self, id: &SchemaId) -> Result<&ReadySchema, Unusable> {
        match self.ready.get(id) {
            Some(schema) => Ok(schema),
            None if self.is_sample && matches!(id, SchemaId::Guid(_) | SchemaId::Number(1)) => {
                Err(Unusable::Sample)
            }
            None => Err(Unusable::Unknown(*id)),
        }
    }

    pub(super) fn named(&self) -> Result<&ReadySchema, Unusable> {
        match &self.named {
            Some((_, schema)) => Ok(schema),
            None if self.is_sample => Err(Unusable::Sample),
            None => Err(Unusable::Unnamed),
        }
    }
}
