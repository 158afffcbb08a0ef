//! Contents whose schema is not known, held to what their encoding alone can tell.
//!
//! Only `decode` reads such records, to judge an envelope by itself; `run` and `replay` never do.

use super::{
    avro::AvroCursor,
    output::{JsonText, decimal},
    protobuf::{Wire, WireField},
};
use crate::decode::{Limits, Reason, Refusal, json::field::refuse};

/// Fields up to here are taken as known: their tags take one byte, so schemas use them first.
const KNOWN_FIELDS_MAX: u32 = 15;
/// Bytes of a decimal of 256 bits with its sign.
const DECIMAL_BYTES_MAX: usize = 33;

/// Reads a Protobuf message: its first fields, named by their numbers.
pub(super) fn protobuf(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let mut json = JsonText::new(bytes.len(), limits);
    json.raw("[")?;
    let (mut wire, mut is_first, mut n) = (Wire::new(bytes), true, 0usize);
    while let Some((number, field)) = wire.next()? {
        n += 1;
        if n > limits.items_max {
            return Err(refuse(Reason::LimitExceeded, "too many fields in a message"));
        }
        if number > KNOWN_FIELDS_MAX {
            continue;
        }
        json.comma(&mut is_first)?;
        json.raw(&format!("[{number},"))?;
        match field {
            WireField::Varint(value) | WireField::Fixed64(value) => json.integer(value)?,
            WireField::Fixed32(value) => json.integer(value)?,
            WireField::Bytes(bytes) => json.hex(bytes)?,
        }
        json.raw("]")?;
    }
    if is_first {
        return Err(refuse(Reason::MissingField, "a message of unknown fields only"));
    }
    json.raw("]")?;
    let mut whole = b"{\"fields\":".to_vec();
    whole.extend(json.into_bytes());
    whole.push(b'}');
    Ok(whole)
}

/// Reads an Avro datum: without its schema only a decimal shows what it is.
pub(super) fn avro(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let mut cursor = AvroCursor::new(bytes);
    let n = cursor.long()?;
    if n.unsigned_abs() > limits.items_max as u64 {
        return Err(refuse(Reason::LimitExceeded, "a block of too many items"));
    }
    let rest = cursor.rest();
    if usize::try_from(n) != Ok(rest.len()) || !(1..=DECIMAL_BYTES_MAX).contains(&rest.len()) {
        return Err(refuse(Reason::SchemaMismatch, "no decimal, and no schema says what else"));
    }
    match decimal(rest, 0) {
        Some(text) if !text.starts_with('-') => Ok(format!("{{\"amount\":\"{text}\"}}").into()),
        Some(_) => Err(refuse(Reason::AmountOutOfRange, "a negative decimal")),
        None => Err(refuse(Reason::AmountOutOfRange, "a decimal of more than 256 bits")),
    }
}
