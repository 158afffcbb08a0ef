//! Vectors of `f32` in a snapshot: a run of little-endian bytes, at the speed of memory.
//!
//! For `#[serde(with = "crate::ml::floats")]`.

use serde::{
    Deserializer, Serializer,
    de::{Error, Visitor},
};
use std::fmt;

/// Writes the numbers as bytes.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    serializer.serialize_bytes(&bytes)
}

/// Reads the numbers back, bit by bit the same.
///
/// # Errors
/// When the bytes are no whole number of them.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    deserializer.deserialize_bytes(Bytes)
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Vec<f32>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("bytes of 32-bit floats")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<f32>, E> {
        let (values, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(E::invalid_length(bytes.len(), &self));
        }
        Ok(values.iter().map(|value| f32::from_le_bytes(*value)).collect())
    }
}
