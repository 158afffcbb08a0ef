//! Records for which there is no mapping yet: held to the limits, and kept as notices.

use super::{account::digest, amount, path::elements};
use crate::{
    decode::{
        Limits, Reason, Refusal,
        json::{
            JsonScanner, Value,
            field::{Reader, refuse},
            keys::Field,
        },
        value::time::kafka_time,
    },
    model::{Body, Clock, Event, Notice, Quality},
};

/// Names under which numbers are amounts, in lower case.
const AMOUNTS: [&str; 9] =
    ["amount", "value", "quantity", "qty", "price", "size", "fee", "volume", "total"];

/// Reads an object of which nothing is known: what looks like a decimal amount must be one.
pub(super) fn read(
    value: Value<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let Value::Object(raw) = value else {
        return Err(refuse(Reason::BadField, "a record is no JSON object"));
    };
    check(value, reader)?;
    reader.quality |= Quality::ID_COMPUTED;
    let time = kafka_time(reader);
    let notice = Notice { id: digest(raw), account: None, amount: None };
    let body = Body::Notice(Box::new(notice));
    events.push(Event { time, clock: Clock::Kafka, quality: reader.quality, body });
    Ok(())
}

fn check(value: Value<'_>, reader: &Reader<'_>) -> Result<(), Refusal> {
    let limits = reader.limits();
    match value {
        Value::Array(_) => elements(value, limits).into_iter().try_for_each(|v| check(v, reader)),
        Value::Object(raw) => fields(raw, limits).into_iter().try_for_each(|(is_amount, value)| {
            let is_number = match value {
                Value::Number(_) | Value::Whole(_) => true,
                // Digits alone may be of any radix: only what has a point is surely decimal.
                Value::Text(text) => is_decimal(text.raw),
                _ => false,
            };
            if is_amount && is_number { check_amount(value, reader) } else { check(value, reader) }
        }),
        _ => Ok(()),
    }
}

fn check_amount(value: Value<'_>, reader: &Reader<'_>) -> Result<(), Refusal> {
    let field = Field { name: "amount", value };
    match amount::number(field, reader)? {
        Some(number) => amount::check_scale(field, number),
        None => Ok(()),
    }
}

fn is_decimal(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    unsigned.iter().all(|b| b.is_ascii_digit() || *b == b'.')
        && (unsigned.contains(&b'.') || unsigned.len() < text.len())
}

fn fields<'a>(raw: &'a [u8], limits: &Limits) -> Vec<(bool, Value<'a>)> {
    let (mut scratch, mut found) = (Vec::new(), Vec::new());
    let on_field = |_, key: &[u8], value| {
        let is_amount = AMOUNTS.iter().any(|name| key.eq_ignore_ascii_case(name.as_bytes()));
        found.push((is_amount, value));
    };
    // It has been validated with the record.
    let _ = JsonScanner::new(raw, limits, &mut scratch).object(0, on_field);
    found
}
