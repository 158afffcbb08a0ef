//! The wire format: tags and what they announce.
//!
//! # Source
//! Protocol Buffers documentation, "Encoding".

use crate::decode::{Reason, Refusal, envelope::avro::AvroCursor, json::field::refuse};

/// Nesting of groups that are stepped over.
const GROUPS_MAX: usize = 32;
const FIELD_NUMBER_MAX: u64 = (1 << 29) - 1;

/// What one tag announces.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode::envelope) enum WireField<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// Reads the fields of one message.
pub(in crate::decode::envelope) struct Wire<'a> {
    cursor: AvroCursor<'a>,
}

impl<'a> Wire<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { cursor: AvroCursor::new(bytes) }
    }

    /// Reads the next field with its number; groups are stepped over.
    pub fn next(&mut self) -> Result<Option<(u32, WireField<'a>)>, Refusal> {
        let mut groups = Vec::new();
        loop {
            if self.cursor.rest().is_empty() {
                return match groups.is_empty() {
                    true => Ok(None),
                    false => Err(mismatch("a group that does not end")),
                };
            }
            let tag = self.cursor.varint()?;
            let number = tag >> 3;
            if number == 0 || number > FIELD_NUMBER_MAX {
                return Err(mismatch("a field number that cannot be"));
            }
            let field = match tag & 7 {
                0 => WireField::Varint(self.cursor.varint()?),
                1 => WireField::Fixed64(u64::from_le_bytes(self.array()?)),
                2 => {
                    let n = usize::try_from(self.cursor.varint()?).unwrap_or(usize::MAX);
                    WireField::Bytes(self.cursor.take(n)?)
                }
                3 if groups.len() < GROUPS_MAX => {
                    groups.push(number);
                    continue;
                }
                4 if groups.pop() == Some(number) => continue,
                5 => WireField::Fixed32(u32::from_le_bytes(self.array()?)),
                _ => return Err(mismatch("a wire type that cannot be")),
            };
            if groups.is_empty() {
                return Ok(Some((number as u32, field)));
            }
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let bytes = self.cursor.take(N)?;
        bytes.first_chunk().copied().ok_or_else(|| mismatch("the bytes end early"))
    }
}

#[cold]
pub(super) fn mismatch(what: &str) -> Refusal {
    refuse(Reason::SchemaMismatch, what)
}
