//! Event time from a record: units, plausibility, and how far ahead of the bus it may be.

use super::{Reason, Refusal, field::Reader, keys::Field};
use crate::model::{Clock, EventTime, Quality};

/// Seconds from here on are milliseconds in the wrong unit: the year 5138.
const SECONDS_PLAUSIBLE_MAX: i64 = 100_000_000_000;
/// Ahead of the bus by more than this, a time is suspect: venues lead by 76 ms, clocks by less.
pub(super) const SUSPECT_MS: i64 = 2_000;

/// Reads a block's time in seconds; without one, the record's Kafka time stands in.
pub(super) fn block_time(
    field: Field<'_>,
    height: Option<u64>,
    reader: &mut Reader<'_>,
) -> Result<(EventTime, Clock), Refusal> {
    let Some(seconds) = field.signed(reader, Reason::BadTime)? else {
        return Ok((kafka_time(reader), Clock::Kafka));
    };
    let implausible = |what| Err(field.refuse(Reason::ImplausibleTime, what));
    if seconds < 0 {
        return implausible("before 1970");
    }
    if seconds == 0 && height != Some(0) {
        return implausible("zero outside block 0");
    }
    if seconds >= SECONDS_PLAUSIBLE_MAX {
        return implausible("not in seconds");
    }
    if let Some(kafka_ms) = reader.kafka_ms {
        let ahead_ms = (seconds * 1_000).saturating_sub(kafka_ms);
        if ahead_ms > reader.limits().future_block_ms_max {
            return implausible("too far ahead of the record's Kafka time");
        }
        if ahead_ms > SUSPECT_MS {
            reader.quality |= Quality::TIME_SUSPECT;
        }
    }
    Ok((EventTime::from_secs(seconds), Clock::Block))
}

/// Returns the Kafka time; without one (a file), the epoch, flagged so that nothing is aged by it.
pub(super) fn kafka_time(reader: &mut Reader<'_>) -> EventTime {
    reader.quality |= Quality::TIME_INFERRED;
    match reader.kafka_ms {
        Some(ms) if ms > 0 => EventTime::from_millis(ms),
        _ => {
            reader.quality |= Quality::TIME_SUSPECT;
            EventTime::default()
        }
    }
}
