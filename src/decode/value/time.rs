//! Event time from a record: units, plausibility, and how far ahead of the bus it may be.

use super::calendar;
use crate::{
    decode::{
        Reason, Refusal,
        json::{Value, field::Reader, keys::Field},
    },
    model::{Clock, EventTime, Quality},
};

/// From the year 5138 on, seconds were milliseconds in the wrong unit.
const PLAUSIBLE_MAX_US: i64 = 100_000_000_000_000_000;
const SECOND_US: i64 = 1_000_000;
/// Ahead of the bus by more than this, a time is suspect: venues lead by 76 ms, clocks by less.
pub(in crate::decode) const SUSPECT_MS: i64 = 2_000;

/// Reads a block's time, in seconds or as a date; without one, the record's Kafka time stands in.
pub(in crate::decode) fn block_time(
    field: Field<'_>,
    height: Option<u64>,
    reader: &mut Reader<'_>,
) -> Result<(EventTime, Clock), Refusal> {
    let Some(us) = micros(field, reader)? else {
        return Ok((kafka_time(reader), Clock::Kafka));
    };
    let implausible = |what| Err(field.refuse(Reason::ImplausibleTime, what));
    if us < 0 {
        return implausible("before 1970");
    }
    if us == 0 && height != Some(0) {
        return implausible("zero outside block 0");
    }
    if us >= PLAUSIBLE_MAX_US {
        return implausible("not in seconds");
    }
    if let Some(kafka_ms) = reader.kafka_ms {
        let ahead_ms = (us / 1_000).saturating_sub(kafka_ms);
        if ahead_ms > reader.limits().future_block_ms_max {
            return implausible("too far ahead of the record's Kafka time");
        }
        if ahead_ms > SUSPECT_MS {
            reader.quality |= Quality::TIME_SUSPECT;
        }
    }
    Ok((EventTime::from_micros(us), Clock::Block))
}

fn micros(field: Field<'_>, reader: &mut Reader<'_>) -> Result<Option<i64>, Refusal> {
    if let Value::Text(text) = field.value
        && calendar::is_date(text.raw)
    {
        return date(field, text.raw).map(Some);
    }
    let seconds = field.signed(reader, Reason::BadTime)?;
    Ok(seconds.map(|seconds| seconds.saturating_mul(SECOND_US)))
}

/// Reads a text that begins as a date does.
#[cold]
pub(in crate::decode) fn date(field: Field<'_>, text: &[u8]) -> Result<i64, Refusal> {
    calendar::micros(text).ok_or_else(|| field.refuse(Reason::BadTime, "no date with a time"))
}

/// Returns the Kafka time; without one (a file), the epoch, flagged so that nothing is aged by it.
pub(in crate::decode) fn kafka_time(reader: &mut Reader<'_>) -> EventTime {
    reader.quality |= Quality::TIME_INFERRED;
    match reader.kafka_ms {
        Some(ms) if ms > 0 => EventTime::from_millis(ms),
        _ => {
            reader.quality |= Quality::TIME_SUSPECT;
            EventTime::default()
        }
    }
}
