//! One Avro datum as JSON, in one pass that never trusts a length.
//!
//! Decimals become texts of digits, bytes and fixed texts of hex with `0x`; a union is what it
//! holds; times stay the numbers that they are.
//!
//! # Source
//! Apache Avro 1.11 specification, "Binary Encoding".

use super::{AvroKind, AvroNode, AvroSchema};
use crate::decode::{
    Limits, Reason, Refusal,
    envelope::output::JsonText,
    json::{DEPTH_CAP, field::refuse},
    record::check_utf8,
};

/// Bytes of a 64-bit number in groups of seven bits.
const VARINT_BYTES_MAX: usize = 10;

/// Reads a datum that takes all of the bytes.
pub(in crate::decode::envelope) fn datum(
    schema: &AvroSchema,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Vec<u8>, Refusal> {
    let json = JsonText::new(bytes.len(), limits);
    let mut reader = AvroReader { schema, cursor: AvroCursor::new(bytes), limits, json };
    reader.value(schema.root(), 0)?;
    if !reader.cursor.rest().is_empty() {
        return Err(mismatch("bytes are left over"));
    }
    Ok(reader.json.into_bytes())
}

/// Reads numbers and runs of bytes.
pub(in crate::decode::envelope) struct AvroCursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> AvroCursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn position(&self) -> usize {
        self.at
    }

    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub fn take(&mut self, n: usize) -> Result<&'a [u8], Refusal> {
        let taken = self.rest().get(..n).ok_or_else(|| mismatch("the bytes end early"))?;
        self.at += n;
        Ok(taken)
    }

    /// Reads groups of seven bits, the lowest first.
    pub fn varint(&mut self) -> Result<u64, Refusal> {
        let mut value = 0u64;
        for (i, &byte) in self.rest().iter().take(VARINT_BYTES_MAX).enumerate() {
            // The tenth group has room for one bit.
            if i + 1 == VARINT_BYTES_MAX && byte > 1 {
                return Err(mismatch("a number of more than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                self.at += i + 1;
                return Ok(value);
            }
        }
        Err(mismatch("a number that does not end"))
    }

    /// Reads a number whose sign is in its lowest bit.
    pub fn long(&mut self) -> Result<i64, Refusal> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    fn run(&mut self) -> Result<&'a [u8], Refusal> {
        let n = self.long()?;
        let n = usize::try_from(n).map_err(|_| mismatch("a negative length"))?;
        self.take(n)
    }
}

#[cold]
pub(super) fn mismatch(what: &str) -> Refusal {
    refuse(Reason::SchemaMismatch, what)
}

struct AvroReader<'a> {
    schema: &'a AvroSchema,
    cursor: AvroCursor<'a>,
    limits: &'a Limits,
    json: JsonText,
}

impl AvroReader<'_> {
    fn value(&mut self, node: AvroNode, depth: usize) -> Result<(), Refusal> {
        // Also what ends a record that contains itself without a byte in between.
        if depth > self.limits.depth_max.min(DEPTH_CAP) {
            return Err(refuse(Reason::LimitExceeded, "nested too deeply"));
        }
        let schema = self.schema;
        let Self { cursor, json, .. } = self;
        match schema.kind(node) {
            AvroKind::Null => json.raw("null"),
            AvroKind::Boolean => match cursor.take(1)? {
                [0] => json.raw("false"),
                [1] => json.raw("true"),
                _ => Err(mismatch("a boolean that is neither 0 nor 1")),
            },
            AvroKind::Int => match i32::try_from(cursor.long()?) {
                Ok(n) => json.integer(n),
                Err(_) => Err(mismatch("an int of more than 32 bits")),
            },
            AvroKind::Long => json.integer(cursor.long()?),
            AvroKind::Float => {
                let bytes = cursor.take(4)?.first_chunk().copied().unwrap_or_default();
                json.float(f64::from(f32::from_le_bytes(bytes)))
            }
            AvroKind::Double => {
                let bytes = cursor.take(8)?.first_chunk().copied().unwrap_or_default();
                json.float(f64::from_le_bytes(bytes))
            }
            AvroKind::Bytes => json.hex(cursor.run()?),
            AvroKind::Text => json.text(check_utf8(cursor.run()?)?),
            AvroKind::Fixed(n) => json.hex(cursor.take(*n)?),
            AvroKind::Decimal { scale, size: None } => json.decimal(cursor.run()?, *scale),
            AvroKind::Decimal { scale, size: Some(n) } => json.decimal(cursor.take(*n)?, *scale),
            AvroKind::Enum(symbols) => json.text(pick(symbols, cursor.long()?)?),
            AvroKind::Union(branches) => {
                let branch = *pick(branches, cursor.long()?)?;
                self.value(branch, depth + 1)
            }
            AvroKind::Record(fields) => {
                let mut is_first = true;
                json.raw("{")?;
                for (name, node) in fields {
                    self.json.comma(&mut is_first)?;
                    self.json.name(name)?;
                    self.value(*node, depth + 1)?;
                }
                self.json.raw("}")
            }
            AvroKind::Array(items) => self.blocks(*items, false, depth),
            AvroKind::Map(values) => self.blocks(*values, true, depth),
        }
    }

    /// Reads the blocks of an array or a map.
    fn blocks(&mut self, node: AvroNode, is_map: bool, depth: usize) -> Result<(), Refusal> {
        let (open, close) = if is_map { ("{", "}") } else { ("[", "]") };
        self.json.raw(open)?;
        let (mut is_first, mut n_items) = (true, 0u64);
        loop {
            let n = self.cursor.long()?;
            if n == 0 {
                return self.json.raw(close);
            }
            n_items = n_items.saturating_add(n.unsigned_abs());
            let most = if is_map { self.limits.keys_max } else { self.limits.items_max };
            if n_items > most as u64 {
                return Err(refuse(Reason::LimitExceeded, "a block of too many items"));
            }
            if n < 0 && self.cursor.long()? < 0 {
                return Err(mismatch("a block of negative size"));
            }
            for _ in 0..n.unsigned_abs() {
                self.json.comma(&mut is_first)?;
                if is_map {
                    let key = check_utf8(self.cursor.run()?)?;
                    self.json.name(key)?;
                }
                self.value(node, depth + 1)?;
            }
        }
    }
}

fn pick<T>(all: &[T], i: i64) -> Result<&T, Refusal> {
    let one = usize::try_from(i).ok().and_then(|i| all.get(i));
    one.ok_or_else(|| mismatch("a branch or symbol that the schema does not have"))
}
