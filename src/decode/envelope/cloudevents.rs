//! CloudEvents 1.0 over Kafka: binary mode in headers, structured and batched mode in JSON.

use super::peel::{LayerStep, header, members, range_of};
use crate::decode::{
    Reason, Refusal, Settings, SkipReason,
    json::{Value, answer, field::refuse},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The attributes that every event has.
const REQUIRED: [&str; 3] = ["id", "source", "type"];
const STRUCTURED: &[u8] = b"application/cloudevents";
const BATCHED: &[u8] = b"application/cloudevents-batch";

type Headers<'a> = &'a [(&'a str, &'a [u8])];

/// Returns whether the headers say that the record is an event, in either mode.
pub(super) fn is_marked(headers: Headers<'_>) -> bool {
    header(headers, "ce_specversion").is_some() || media_type(headers).starts_with(STRUCTURED)
}

/// Finds the data of an event.
pub(super) fn peel(
    bytes: &[u8],
    headers: Headers<'_>,
    settings: &Settings,
) -> Result<LayerStep, Refusal> {
    if let Some(version) = header(headers, "ce_specversion") {
        check_version(version)?;
        for name in REQUIRED {
            if header(headers, &format!("ce_{name}")).is_none_or(<[u8]>::is_empty) {
                return Err(incomplete(name));
            }
        }
        return Ok(LayerStep::Part(0..bytes.len()));
    }
    let media = media_type(headers);
    let encoding = media.split(|&b| b == b'+').nth(1);
    if media.starts_with(STRUCTURED) && encoding.is_some_and(|encoding| encoding != b"json") {
        return Err(refuse(Reason::UnknownFormat, "an event that is not in JSON"));
    }
    if media.starts_with(BATCHED) { batch(bytes, settings) } else { structured(bytes, settings) }
}

/// Returns the source of an event in JSON.
pub(super) fn source(bytes: &[u8], settings: &Settings) -> Option<Box<str>> {
    match members(bytes, ["source"], &settings.limits).ok()? {
        [Value::Text(text)] => Some((&*text.unescape()).into()),
        _ => None,
    }
}

/// Finds the data of an event in JSON.
fn structured(bytes: &[u8], settings: &Settings) -> Result<LayerStep, Refusal> {
    let names = ["specversion", "id", "source", "type", "data", "data_base64"];
    let [version, id, source, kind, data, packed] = members(bytes, names, &settings.limits)?;
    match version {
        Value::Text(text) => check_version(text.raw)?,
        // Whoever writes events may write a node's error without one around it.
        Value::Null => {
            let bare = incomplete("specversion");
            return Err(answer::refusal(Value::Object(bytes), &settings.limits, bare));
        }
        _ => return Err(refuse(Reason::BadEnvelope, "specversion is no text")),
    }
    for (name, value) in REQUIRED.iter().zip([id, source, kind]) {
        match value {
            Value::Text(text) if !text.raw.is_empty() => {}
            Value::Text(_) | Value::Null => return Err(incomplete(name)),
            _ => return Err(refuse(Reason::BadEnvelope, &format!("{name} is no text"))),
        }
    }
    match (data, packed) {
        (Value::Null, Value::Null) => Err(Refusal::Skip(SkipReason::NullResult)),
        (Value::Null, Value::Text(text)) => match STANDARD.decode(text.unescape().as_bytes()) {
            Ok(data) => Ok(LayerStep::Bytes(data)),
            Err(_) => Err(refuse(Reason::BadEnvelope, "data_base64 is no base64")),
        },
        (Value::Object(raw) | Value::Array(raw), Value::Null) => {
            Ok(LayerStep::Part(range_of(bytes, raw)))
        }
        (Value::Text(text), Value::Null) => {
            Ok(LayerStep::Bytes(text.unescape().into_owned().into()))
        }
        (_, Value::Null) => Err(refuse(Reason::BadEnvelope, "data is no document")),
        _ => Err(refuse(Reason::BadEnvelope, "data and data_base64 exclude each other")),
    }
}

/// Makes one array of the data of a batch, so that its parts are judged one by one.
fn batch(bytes: &[u8], settings: &Settings) -> Result<LayerStep, Refusal> {
    if !settings.is_batch_allowed {
        let what = "a batch of events, and batches are not allowed";
        return Err(refuse(Reason::UnexpectedBatch, what));
    }
    let mut out = b"[".to_vec();
    for event in super::peel::elements(bytes, &settings.limits)? {
        let data = match structured(event, settings)? {
            LayerStep::Part(range) => &event[range],
            LayerStep::Bytes(_) | LayerStep::Undone(_) => {
                return Err(refuse(Reason::BadEnvelope, "a batch of what is not JSON"));
            }
        };
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(data);
    }
    out.push(b']');
    Ok(LayerStep::Bytes(out))
}

fn check_version(version: &[u8]) -> Result<(), Refusal> {
    match version {
        b"1.0" | b"0.3" => Ok(()),
        b"" => Err(incomplete("specversion")),
        _ => Err(refuse(Reason::BadEnvelope, "a version of CloudEvents that is not known")),
    }
}

#[cold]
fn incomplete(name: &str) -> Refusal {
    refuse(Reason::EnvelopeIncomplete, &format!("the event has no {name}"))
}

/// Returns the content type in lower case without its parameters.
fn media_type(headers: Headers<'_>) -> Vec<u8> {
    let text = header(headers, "content-type").unwrap_or_default();
    let media = text.split(|&b| b == b';').next().unwrap_or_default();
    media.trim_ascii().to_ascii_lowercase()
}
