//! Kafka Connect's JSON with its schema: bytes and decimals become what they mean.

use super::{
    output::{JsonText, decimal},
    peel::{LayerStep, members, range_of},
};
use crate::decode::{
    Limits, Reason, Refusal, SkipReason,
    json::{DEPTH_CAP, JsonScanner, Value, answer, field::refuse},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

const DECIMAL: &[u8] = b"org.apache.kafka.connect.data.Decimal";
const VARIABLE_DECIMAL: &[u8] = b"io.debezium.data.VariableScaleDecimal";

/// Finds the payload; where its schema has bytes, they are rewritten.
pub(super) fn peel(bytes: &[u8], limits: &Limits) -> Result<LayerStep, Refusal> {
    let [schema, payload] = members(bytes, ["schema", "payload"], limits)?;
    let (raw, schema) = match (payload, schema) {
        (Value::Object(raw) | Value::Array(raw), Value::Object(schema)) => (raw, Some(schema)),
        (Value::Object(raw) | Value::Array(raw), Value::Null) => (raw, None),
        (Value::Null, Value::Object(_)) => return Err(Refusal::Skip(SkipReason::Tombstone)),
        _ => {
            let no_payload = refuse(Reason::BadEnvelope, "no schema with a payload");
            return Err(answer::refusal(Value::Object(bytes), limits, no_payload));
        }
    };
    let has_bytes = |schema: &[u8]| memchr::memmem::find(schema, b"\"bytes\"").is_some();
    match schema.filter(|schema| has_bytes(schema)) {
        None => Ok(LayerStep::Part(range_of(bytes, raw))),
        Some(schema) => {
            let mut json = JsonText::new(bytes.len(), limits);
            ConnectRewriter { limits }.value(schema, payload, 0, &mut json)?;
            Ok(LayerStep::Bytes(json.into_bytes()))
        }
    }
}

struct ConnectRewriter<'l> {
    limits: &'l Limits,
}

impl ConnectRewriter<'_> {
    fn value(
        &self,
        schema: &[u8],
        value: Value<'_>,
        depth: usize,
        json: &mut JsonText,
    ) -> Result<(), Refusal> {
        if depth > self.limits.depth_max.min(DEPTH_CAP) {
            return Err(refuse(Reason::LimitExceeded, "a schema nested too deeply"));
        }
        let names = ["type", "name", "parameters", "fields", "items"];
        let [kind, name, parameters, fields, items] = members(schema, names, self.limits)?;
        let (kind, name) = (plain(kind), plain(name));
        match (kind, value) {
            (b"bytes", Value::Text(text)) => {
                let Ok(bytes) = STANDARD.decode(text.unescape().as_bytes()) else {
                    return Err(mismatch("bytes that are no base64"));
                };
                match name {
                    DECIMAL => json.decimal(&bytes, self.scale(parameters)?),
                    _ => json.hex(&bytes),
                }
            }
            (b"struct", Value::Object(raw)) if name == VARIABLE_DECIMAL => {
                self.variable_decimal(raw, json)
            }
            (b"struct", Value::Object(raw)) => self.record(fields, raw, depth, json),
            (b"array", Value::Array(raw)) => {
                let Value::Object(items) = items else {
                    return Err(mismatch("an array without items in its schema"));
                };
                let (mut is_first, mut n) = (true, 0);
                json.raw("[")?;
                let mut scratch = Vec::new();
                let mut scanner = JsonScanner::new(raw, self.limits, &mut scratch);
                let mut is_more = scanner.open_array(0)?;
                while is_more {
                    json.comma(&mut is_first)?;
                    self.value(items, scanner.value(1)?, depth + 1, json)?;
                    is_more = scanner.next_element(&mut n)?;
                }
                json.raw("]")
            }
            (b"bytes" | b"struct" | b"array", Value::Null) => json.raw("null"),
            (b"bytes" | b"struct" | b"array", _) => Err(mismatch("a value of another type")),
            // Of maps and scalars, the JSON is what is meant.
            _ => verbatim(value, json),
        }
    }

    fn record(
        &self,
        fields: Value<'_>,
        raw: &[u8],
        depth: usize,
        json: &mut JsonText,
    ) -> Result<(), Refusal> {
        let Value::Array(fields) = fields else {
            return Err(mismatch("a struct without fields in its schema"));
        };
        let mut schemas = Vec::new();
        for field in super::peel::elements(fields, self.limits)? {
            let [name] = members(field, ["field"], self.limits)?;
            schemas.push((plain(name), field));
        }
        schemas.sort_unstable_by_key(|(name, _)| *name);
        let (mut values, mut scratch) = (Vec::new(), Vec::new());
        JsonScanner::new(raw, self.limits, &mut scratch)
            .object(0, |_, key, value| values.push((key.to_vec(), value)))?;
        let mut is_first = true;
        json.raw("{")?;
        for (key, value) in values {
            json.comma(&mut is_first)?;
            json.name(&String::from_utf8_lossy(&key))?;
            match schemas.binary_search_by_key(&key.as_slice(), |(name, _)| *name) {
                Ok(i) => self.value(schemas[i].1, value, depth + 1, json)?,
                Err(_) => verbatim(value, json)?,
            }
        }
        json.raw("}")
    }

    fn scale(&self, parameters: Value<'_>) -> Result<u32, Refusal> {
        let Value::Object(raw) = parameters else {
            return Err(mismatch("a decimal without scale"));
        };
        let [scale] = members(raw, ["scale"], self.limits)?;
        let scale = match scale {
            Value::Text(text) => text.unescape().parse().ok(),
            Value::Whole(n) => u32::try_from(n).ok(),
            _ => None,
        };
        scale.ok_or_else(|| mismatch("a decimal whose scale is no count"))
    }

    fn variable_decimal(&self, raw: &[u8], json: &mut JsonText) -> Result<(), Refusal> {
        let [scale, value] = members(raw, ["scale", "value"], self.limits)?;
        let text = match (scale, value) {
            (Value::Whole(scale), Value::Text(text)) => STANDARD
                .decode(text.unescape().as_bytes())
                .ok()
                .and_then(|units| decimal(&units, u32::try_from(scale).ok()?)),
            _ => None,
        };
        json.text(&text.ok_or_else(|| mismatch("no decimal of variable scale"))?)
    }
}

fn plain(value: Value<'_>) -> &[u8] {
    match value {
        Value::Text(text) => text.raw,
        _ => b"",
    }
}

#[cold]
fn mismatch(what: &str) -> Refusal {
    refuse(Reason::SchemaMismatch, what)
}

/// Copies a value as it stands.
fn verbatim(value: Value<'_>, json: &mut JsonText) -> Result<(), Refusal> {
    let raw = match value {
        Value::Null => return json.raw("null"),
        Value::Bool(true) => return json.raw("true"),
        Value::Bool(false) => return json.raw("false"),
        Value::Whole(n) => return json.integer(n),
        Value::Text(text) => {
            json.raw("\"")?;
            json.raw(&String::from_utf8_lossy(text.raw))?;
            return json.raw("\"");
        }
        Value::Number(raw) | Value::Array(raw) | Value::Object(raw) => raw,
    };
    json.raw(&String::from_utf8_lossy(raw))
}
