//! `auto`: the layers that one record shows by signs that nothing else can have.

use super::{
    Layer, Wrapping, cloudevents, compression,
    peel::{header, members},
};
use crate::{
    decode::{Limits, Settings, json::Value},
    model::Record,
};
use std::borrow::Cow;

const GZIP: &[u8] = &[0x1f, 0x8b, 0x08];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Decides what the records of a topic are wrapped in, from its first record that shows it; `None`
/// when this one does not, or when the settings say it.
///
/// Whoever reads a topic asks until there is an answer, and never again.
pub fn decide(settings: &Settings, record: &Record<'_>) -> Option<Wrapping> {
    let is_bounded = |value: &&[u8]| value.len() <= settings.limits.value_bytes_max;
    let value = record.value.filter(is_bounded).filter(|value| !value.is_empty())?;
    match settings.envelope.wrapping {
        Wrapping::Auto => layers(settings, record, value).map(Wrapping::Layers),
        Wrapping::Layers(_) => None,
    }
}

/// Returns the layers of a record; `None` when it shows neither a sign nor a document.
pub(super) fn layers(settings: &Settings, record: &Record<'_>, value: &[u8]) -> Option<Vec<Layer>> {
    let (mut layers, mut bytes) = (Vec::new(), Cow::Borrowed(value));
    if let Some((layer, unpacked)) = unpack(settings, record, value) {
        layers.push(layer);
        let Some(unpacked) = unpacked else { return Some(layers) };
        bytes = Cow::Owned(unpacked);
    }
    if cloudevents::is_marked(record.headers) {
        layers.push(Layer::Cloudevents);
        // What the data of structured mode is, the setting has to say: it is peeled once.
        return Some(layers);
    }
    let has_id = header(record.headers, "__value_schema_id").is_some();
    let is_framed = matches!(bytes.first(), Some(0 | 1)) && settings.envelope.schemas.is_at_hand();
    if has_id || (is_framed && !settings.format.is_binary()) {
        layers.push(Layer::Confluent);
        return Some(layers);
    }
    if settings.format.is_binary() {
        return Some(layers);
    }
    document(&bytes, &settings.limits, &mut layers)?;
    Some(layers)
}

/// Finds the compression, with what is inside; nothing is inside a broken stream.
fn unpack(
    settings: &Settings,
    record: &Record<'_>,
    value: &[u8],
) -> Option<(Layer, Option<Vec<u8>>)> {
    let limits = &settings.limits;
    let is_guessable = !settings.format.is_binary();
    let said = header(record.headers, "content-encoding");
    let starts = |magic| said.is_none() && is_guessable && value.starts_with(magic);
    if said == Some(b"gzip") || starts(GZIP) {
        return Some((Layer::Gzip, compression::gunzip(value, limits).ok()));
    }
    if said == Some(b"zstd") || starts(ZSTD) {
        return Some((Layer::Zstd, compression::unzstd(value, limits).ok()));
    }
    None
}

/// Finds the envelopes that a JSON document is; `None` when it is no document.
fn document(bytes: &[u8], limits: &Limits, layers: &mut Vec<Layer>) -> Option<()> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if *first != b'{' {
        // A batch has no envelope, and other text no sign.
        return (*first == b'[' || bytes.is_ascii()).then_some(());
    }
    let names = ["schema", "payload", "op", "before", "after"];
    let [schema, payload, op, before, after] = members(bytes, names, limits).ok()?;
    let is_object = |value| matches!(value, Value::Object(_));
    let is_change =
        |op, before, after| matches!(op, Value::Text(_)) && (is_object(before) || is_object(after));
    if let Value::Object(inner) = payload {
        let [op, before, after] = members(inner, ["op", "before", "after"], limits).ok()?;
        if is_object(schema) {
            layers.push(Layer::Connect);
        }
        if is_change(op, before, after) {
            layers.push(Layer::Debezium);
        }
    } else if is_change(op, before, after) {
        layers.push(Layer::Debezium);
    }
    Some(())
}
