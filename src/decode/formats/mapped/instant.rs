//! Event time of a mapped record: its unit, and whether that can be right.

use super::{
    mapping::{TimeAt, TimeUnit},
    path::Source,
};
use crate::{
    decode::{
        Reason, Refusal,
        json::{Value, field::Reader, keys::Field},
        value::{
            calendar,
            decimal::{self, NotDecimal, UnitMisfit},
            time::{SUSPECT_MS, date, kafka_time},
        },
    },
    model::{Clock, EventTime, Quality},
};
use ruint::aliases::U256;

/// The XRP Ledger's epoch, 2000-01-01, in seconds.
const RIPPLE_EPOCH_S: i64 = 946_684_800;
/// Before 2009-01-01 there was no blockchain: seconds were declared as something finer.
const PLAUSIBLE_MIN_US: i64 = 1_230_768_000_000_000;
/// From 2100 on, something finer was declared as seconds.
const PLAUSIBLE_MAX_US: i64 = 4_102_444_800_000_000;

/// Reads a record's time; without one, its Kafka time stands in.
pub(super) fn read(
    at: Option<&TimeAt>,
    source: &Source<'_>,
    reader: &mut Reader<'_>,
) -> Result<(EventTime, Clock), Refusal> {
    let Some(at) = at else { return Ok((kafka_time(reader), Clock::Kafka)) };
    let field = Field { name: "time", value: source.get(&at.path, reader.limits()) };
    let Some(us) = micros(field, at.unit, reader)? else {
        return Ok((kafka_time(reader), Clock::Kafka));
    };
    if !(PLAUSIBLE_MIN_US..PLAUSIBLE_MAX_US).contains(&us) {
        return Err(field.refuse(Reason::ImplausibleTime, "before 2009 or after 2100"));
    }
    let time = EventTime::from_micros(us);
    if let Some(kafka_ms) = reader.kafka_ms {
        let ahead_ms = time.millis().saturating_sub(kafka_ms);
        let limits = reader.limits();
        let max = match at.clock {
            Clock::Block => limits.future_block_ms_max,
            _ => limits.future_ms_max,
        };
        if ahead_ms > max {
            let what = "too far ahead of the record's Kafka time";
            return Err(field.refuse(Reason::ImplausibleTime, what));
        }
        if ahead_ms > SUSPECT_MS {
            reader.quality |= Quality::TIME_SUSPECT;
        }
    }
    Ok((time, at.clock))
}

fn micros(field: Field<'_>, unit: TimeUnit, reader: &Reader<'_>) -> Result<Option<i64>, Refusal> {
    if unit == TimeUnit::Rfc3339 {
        return field.text()?.map(|text| date(field, text)).transpose();
    }
    // A date is one whatever unit the mapping declares for numbers.
    if let Value::Text(text) = field.value
        && calendar::is_date(text.raw)
    {
        return date(field, text.raw).map(Some);
    }
    let number = match decimal::of(field.value, reader.limits()) {
        Ok(number) => number,
        Err(NotDecimal::Absent) => return Ok(None),
        Err(_) => return Err(field.refuse(Reason::BadTime, "no number")),
    };
    if number.is_negative {
        return Err(field.refuse(Reason::ImplausibleTime, "negative"));
    }
    let places = match unit {
        TimeUnit::S | TimeUnit::Ripple | TimeUnit::Rfc3339 => 6,
        TimeUnit::Ms => 3,
        TimeUnit::Us | TimeUnit::Ns => 0,
    };
    let count = match number.in_units(places) {
        Ok(count) | Err(UnitMisfit::TooFine(count)) => count,
        Err(UnitMisfit::TooLarge) => return Err(field.refuse(Reason::BadTime, "too large")),
    };
    let count = if unit == TimeUnit::Ns { count / U256::from(1_000) } else { count };
    let too_large = || field.refuse(Reason::BadTime, "too large");
    let us = i64::try_from(count).map_err(|_| too_large())?;
    let epoch_us = if unit == TimeUnit::Ripple { RIPPLE_EPOCH_S * 1_000_000 } else { 0 };
    us.checked_add(epoch_us).map(Some).ok_or_else(too_large)
}
