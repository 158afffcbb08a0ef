//! The wire format of the Schema Registry: a magic byte, the schema's id, then the content.
//!
//! # Source
//! Confluent, "Wire format": `00` and a 4-byte id, or `01` and a 16-byte GUID, in front of the
//! content or in the header `__value_schema_id`; Protobuf adds a path of message indexes.

use super::{
    SchemaId, SchemaKind, Schemas, avro, opaque,
    peel::{LayerStep, header},
    protobuf,
    schemas::Unusable,
};
use crate::decode::{Limits, Reason, Refusal, json::field::refuse, value::hex};

/// Longest path of message indexes: messages nest no deeper.
const INDEXES_MAX: usize = 32;
const HEADER: &str = "__value_schema_id";

/// Where the content of a frame begins, and what describes it.
pub(super) struct Frame {
    pub id: SchemaId,
    /// Bytes in front of the content; none when the header says the id.
    n_front: usize,
    /// What follows the id in the header.
    tail: Option<Vec<u8>>,
}

/// Reads the frame of a record.
pub(super) fn frame(bytes: &[u8], headers: &[(&str, &[u8])]) -> Result<Frame, Refusal> {
    let Some(said) = header(headers, HEADER) else {
        let (id, n_front) = id(bytes)?;
        return Ok(Frame { id, n_front, tail: None });
    };
    // Tools that show headers as text write hex.
    let written = (said.len() == 34 || said.len() == 10).then_some(said).and_then(unhex);
    let said = written.unwrap_or_else(|| said.to_vec());
    let (id, n_id) = id(&said)?;
    Ok(Frame { id, n_front: 0, tail: Some(said[n_id..].to_vec()) })
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 2];
    hex::decode(text, &mut bytes).then_some(bytes)
}

fn id(bytes: &[u8]) -> Result<(SchemaId, usize), Refusal> {
    match bytes {
        [0, rest @ ..] => {
            let id = rest.first_chunk().map(|id| (SchemaId::Number(u32::from_be_bytes(*id)), 5));
            id.ok_or_else(|| refuse(Reason::BadEnvelope, "a frame shorter than its id"))
        }
        [1, rest @ ..] => {
            let guid = rest.first_chunk().map(|guid| (SchemaId::Guid(*guid), 17));
            guid.ok_or_else(|| refuse(Reason::BadEnvelope, "a frame shorter than its GUID"))
        }
        _ => Err(refuse(Reason::BadEnvelope, "a frame begins with 00 or 01")),
    }
}

/// Reads the content of a frame.
pub(super) fn peel(
    bytes: &[u8],
    headers: &[(&str, &[u8])],
    schemas: &Schemas,
    limits: &Limits,
) -> Result<LayerStep, Refusal> {
    let Frame { id, n_front, tail } = frame(bytes, headers)?;
    let content = bytes.get(n_front..).unwrap_or_default();
    if content.is_empty() {
        return Err(refuse(Reason::BadEnvelope, "a frame without content"));
    }
    let whole = || Ok(LayerStep::Part(n_front..bytes.len()));
    let schema = match schemas.get(&id) {
        Ok(schema) => schema,
        // Of a sample nothing is known: JSON shows itself, and the rest is held to be Protobuf.
        Err(Unusable::Sample) if matches!(content.first(), Some(b'{' | b'[')) => return whole(),
        Err(Unusable::Sample) => {
            let (_, n_path) = if tail.is_some() { (vec![0], 0) } else { indexes(content)? };
            return opaque::protobuf(&content[n_path..], limits).map(LayerStep::Bytes);
        }
        Err(why) => return Err(why.into()),
    };
    match schema.kind() {
        // Not validated: the format reads what it needs, and refuses what it cannot.
        SchemaKind::Json => whole(),
        SchemaKind::Avro => avro::datum(schema.avro()?, content, limits).map(LayerStep::Bytes),
        SchemaKind::Protobuf => {
            let (path, n_path) = match tail {
                Some(tail) if tail.is_empty() => (vec![0], 0),
                Some(tail) => (indexes(&tail)?.0, 0),
                None => indexes(content)?,
            };
            let message = &content[n_path..];
            protobuf::message(schema.protobuf()?, &path, message, limits).map(LayerStep::Bytes)
        }
    }
}

/// Reads the path to a message, and how many bytes it takes; a single `00` is the first message.
fn indexes(bytes: &[u8]) -> Result<(Vec<usize>, usize), Refusal> {
    let bad = |what: &str| refuse(Reason::BadEnvelope, what);
    let mut cursor = super::avro::AvroCursor::new(bytes);
    let mut next = || cursor.long().map_err(|_| bad("a message index that does not end"));
    let n = usize::try_from(next()?).map_err(|_| bad("a negative number of message indexes"))?;
    if n > INDEXES_MAX {
        return Err(bad("too many message indexes"));
    }
    let mut path = Vec::with_capacity(n.max(1));
    for _ in 0..n {
        path.push(usize::try_from(next()?).map_err(|_| bad("a negative message index"))?);
    }
    if n == 0 {
        path.push(0);
    }
    Ok((path, cursor.position()))
}
