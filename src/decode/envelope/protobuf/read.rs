//! One message as JSON: names as they are declared, integers as numbers, bytes as hex with `0x`.
//!
//! A field without presence that is absent is its zero, as proto3 says; one with presence is left
//! out. Of a field that comes twice the last counts.

use super::{
    schema::{ProtoField as Declared, ProtoMessage, ProtoSchema, Type},
    wire::{Wire, WireField, mismatch},
};
use crate::decode::{
    Limits, Reason, Refusal,
    envelope::{avro::AvroCursor, output::JsonText},
    json::{DEPTH_CAP, field::refuse},
    record::check_utf8,
};

/// Reads the message at a path of positions; one without any known field is refused.
pub(in crate::decode::envelope) fn message(
    schema: &ProtoSchema,
    path: &[usize],
    bytes: &[u8],
    limits: &Limits,
) -> Result<Vec<u8>, Refusal> {
    let Some(at) = schema.find(path) else {
        return Err(mismatch("a message index that the schema does not have"));
    };
    let json = JsonText::new(bytes.len(), limits);
    let mut reader = ProtoReader { schema, limits, json };
    let n_known = reader.message(schema.message(at), bytes, 0)?;
    if n_known == 0 {
        return Err(refuse(Reason::MissingField, "a message of unknown fields only"));
    }
    Ok(reader.json.into_bytes())
}

struct ProtoReader<'a> {
    schema: &'a ProtoSchema,
    limits: &'a Limits,
    json: JsonText,
}

impl ProtoReader<'_> {
    /// Reads a message; returns how many of its fields are known.
    fn message(
        &mut self,
        message: &ProtoMessage,
        bytes: &[u8],
        depth: usize,
    ) -> Result<usize, Refusal> {
        if depth > self.limits.depth_max.min(DEPTH_CAP) {
            return Err(refuse(Reason::LimitExceeded, "messages nested too deeply"));
        }
        let mut found: Vec<(usize, WireField<'_>)> = Vec::new();
        let mut wire = Wire::new(bytes);
        while let Some((number, field)) = wire.next()? {
            let position = message.fields.binary_search_by_key(&number, |f| f.number);
            let Ok(position) = position else { continue };
            if found.len() >= self.limits.items_max {
                return Err(refuse(Reason::LimitExceeded, "too many fields in a message"));
            }
            found.push((position, field));
        }
        // Stable: the occurrences of one field stay in their order.
        found.sort_by_key(|(position, _)| *position);
        if message.is_decimal {
            self.decimal(&found)?;
            return Ok(found.len());
        }
        self.json.raw("{")?;
        let (mut is_first, mut at) = (true, 0);
        for (position, declared) in message.fields.iter().enumerate() {
            let n = found[at..].iter().take_while(|(p, _)| *p == position).count();
            let own = &found[at..at + n];
            at += n;
            self.field(declared, own, depth, &mut is_first)?;
        }
        self.json.raw("}")?;
        Ok(found.len())
    }

    fn field(
        &mut self,
        declared: &Declared,
        own: &[(usize, WireField<'_>)],
        depth: usize,
        is_first: &mut bool,
    ) -> Result<(), Refusal> {
        let is_list = declared.is_repeated || declared.key.is_some();
        if own.is_empty() && (declared.has_presence || is_list) {
            return Ok(());
        }
        self.json.comma(is_first)?;
        self.json.name(&declared.name)?;
        match own.last() {
            _ if declared.key.is_some() => self.map(declared, own, depth),
            _ if declared.is_repeated => self.list(declared.kind, own, depth),
            Some((_, last)) => self.value(declared.kind, *last, depth),
            None => self.zero(declared.kind),
        }
    }

    fn list(
        &mut self,
        kind: Type,
        own: &[(usize, WireField<'_>)],
        depth: usize,
    ) -> Result<(), Refusal> {
        self.json.raw("[")?;
        let (mut is_first, mut n_items) = (true, 0);
        let is_packable = !matches!(kind, Type::Text | Type::Bytes | Type::Message(_));
        for (_, field) in own {
            let WireField::Bytes(packed) = field else {
                self.item(kind, *field, depth, &mut is_first, &mut n_items)?;
                continue;
            };
            if !is_packable {
                self.item(kind, *field, depth, &mut is_first, &mut n_items)?;
                continue;
            }
            let mut cursor = AvroCursor::new(packed);
            while !cursor.rest().is_empty() {
                let item = packed_item(kind, &mut cursor)?;
                self.item(kind, item, depth, &mut is_first, &mut n_items)?;
            }
        }
        self.json.raw("]")
    }

    fn item(
        &mut self,
        kind: Type,
        field: WireField<'_>,
        depth: usize,
        is_first: &mut bool,
        n_items: &mut usize,
    ) -> Result<(), Refusal> {
        *n_items += 1;
        if *n_items > self.limits.items_max {
            return Err(refuse(Reason::LimitExceeded, "too many items in a list"));
        }
        self.json.comma(is_first)?;
        self.value(kind, field, depth)
    }

    /// Reads the entries of a map, each a message of a key and a value.
    fn map(
        &mut self,
        declared: &Declared,
        own: &[(usize, WireField<'_>)],
        depth: usize,
    ) -> Result<(), Refusal> {
        self.json.raw("{")?;
        let mut is_first = true;
        for (_, field) in own {
            let WireField::Bytes(entry) = field else {
                return Err(mismatch("a map of no entries"));
            };
            let (mut key, mut value) = (String::new(), None);
            let mut wire = Wire::new(entry);
            while let Some((number, field)) = wire.next()? {
                match (number, field) {
                    (1, WireField::Bytes(text)) => key = check_utf8(text)?.to_owned(),
                    (1, WireField::Varint(n) | WireField::Fixed64(n)) => key = n.to_string(),
                    (1, WireField::Fixed32(n)) => key = n.to_string(),
                    (2, field) => value = Some(field),
                    _ => {}
                }
            }
            self.json.comma(&mut is_first)?;
            self.json.name(&key)?;
            match value {
                Some(value) => self.value(declared.kind, value, depth)?,
                None => self.zero(declared.kind)?,
            }
        }
        self.json.raw("}")
    }

    fn value(&mut self, kind: Type, field: WireField<'_>, depth: usize) -> Result<(), Refusal> {
        match (kind, field) {
            // Of 32 bits the lowest count, as every implementation does.
            (Type::Int32, WireField::Varint(n)) => self.json.integer(n as i32),
            (Type::Int64, WireField::Varint(n)) => self.json.integer(n as i64),
            (Type::Uint32, WireField::Varint(n)) => self.json.integer(n as u32),
            (Type::Uint64, WireField::Varint(n)) | (Type::Fixed64, WireField::Fixed64(n)) => {
                self.json.integer(n)
            }
            (Type::Sint32, WireField::Varint(n)) => self.json.integer(zigzag(n) as i32),
            (Type::Sint64, WireField::Varint(n)) => self.json.integer(zigzag(n)),
            (Type::Bool, WireField::Varint(n)) => {
                self.json.raw(if n == 0 { "false" } else { "true" })
            }
            (Type::Enum(at), WireField::Varint(n)) => match self.schema.symbol(at, n as i32) {
                Some(name) => self.json.text(name),
                None => self.json.integer(n as i32),
            },
            (Type::Fixed32, WireField::Fixed32(n)) => self.json.integer(n),
            (Type::Sfixed32, WireField::Fixed32(n)) => self.json.integer(n as i32),
            (Type::Sfixed64, WireField::Fixed64(n)) => self.json.integer(n as i64),
            (Type::Float, WireField::Fixed32(n)) => self.json.float(f64::from(f32::from_bits(n))),
            (Type::Double, WireField::Fixed64(n)) => self.json.float(f64::from_bits(n)),
            (Type::Text, WireField::Bytes(bytes)) => self.json.text(check_utf8(bytes)?),
            (Type::Bytes, WireField::Bytes(bytes)) => self.json.hex(bytes),
            (Type::Message(at), WireField::Bytes(bytes)) => {
                let schema = self.schema;
                self.message(schema.message(at), bytes, depth + 1).map(|_| ())
            }
            _ => Err(mismatch("a field of another wire type")),
        }
    }

    fn zero(&mut self, kind: Type) -> Result<(), Refusal> {
        match kind {
            Type::Text => self.json.raw("\"\""),
            Type::Bytes => self.json.hex(&[]),
            Type::Bool => self.json.raw("false"),
            Type::Message(_) => self.json.raw("null"),
            Type::Enum(at) => match self.schema.symbol(at, 0) {
                Some(name) => self.json.text(name),
                None => self.json.raw("0"),
            },
            _ => self.json.raw("0"),
        }
    }

    fn decimal(&mut self, found: &[(usize, WireField<'_>)]) -> Result<(), Refusal> {
        let (mut units, mut scale) = (&[][..], 0);
        for (position, field) in found {
            match (position, field) {
                (0, WireField::Bytes(bytes)) => units = bytes,
                (2, WireField::Varint(n)) => scale = *n,
                _ => {}
            }
        }
        let scale = u32::try_from(scale).map_err(|_| mismatch("a decimal of negative scale"))?;
        self.json.decimal(units, scale)
    }
}

fn packed_item<'a>(kind: Type, cursor: &mut AvroCursor<'a>) -> Result<WireField<'a>, Refusal> {
    let early = || mismatch("the bytes end early");
    Ok(match kind {
        Type::Double | Type::Fixed64 | Type::Sfixed64 => {
            let bytes = cursor.take(8)?.first_chunk().ok_or_else(early)?;
            WireField::Fixed64(u64::from_le_bytes(*bytes))
        }
        Type::Float | Type::Fixed32 | Type::Sfixed32 => {
            let bytes = cursor.take(4)?.first_chunk().ok_or_else(early)?;
            WireField::Fixed32(u32::from_le_bytes(*bytes))
        }
        _ => WireField::Varint(cursor.varint()?),
    })
}

fn zigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}
