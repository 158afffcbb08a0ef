//! The one reader of the calendar: days, and dates with a time (RFC 3339, and as databases write).
//!
//! Strict: what the calendar does not have is no day, and no part may have more or fewer digits.

use crate::model::EventTime;
use jiff::{civil::Date, fmt::temporal::DateTimeParser};

/// Bytes of `2021-04-17`.
const DAY_BYTES: usize = 10;
const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// Bytes of `2021-04-17 16:43:37`, which every such text begins with.
const CLOCK_BYTES: usize = 19;
/// Bytes of a point and nine digits: finer than a nanosecond is not read.
const FRACTION_BYTES_MAX: usize = 10;
static PARSER: DateTimeParser = DateTimeParser::new();

/// Reads `YYYY-MM-DD` from 1970 to 9999 as the start of that day, in UTC.
pub fn day(text: &str) -> Option<EventTime> {
    let is_written_out = text.len() == DAY_BYTES
        && text.bytes().enumerate().all(|(i, byte)| match i {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_written_out {
        return None;
    }
    let (year, month, day) = (text[..4].parse(), text[5..7].parse(), text[8..].parse());
    let since = Date::new(year.ok()?, month.ok()?, day.ok()?).ok()?.duration_since(EPOCH);
    (!since.is_negative()).then(|| EventTime::from_secs(since.as_secs()))
}

/// Returns whether a text begins as a date does, with a year and a dash: no number does.
pub(in crate::decode) fn is_date(text: &[u8]) -> bool {
    matches!(text, [y0, y1, y2, y3, b'-', ..] if [y0, y1, y2, y3].iter().all(|y| y.is_ascii_digit()))
}

/// Reads `2021-04-17T16:43:37.089723Z`, in microseconds since the epoch.
///
/// A space may stand for the `T`; `UTC`, an offset (`+02:00`, `+0200`, `+02`) or nothing, which is
/// UTC, for the `Z`. Digits behind the microsecond are dropped, and a leap second reads as the
/// second before it.
///
/// # Source
/// RFC 3339; BigQuery's, PostgreSQL's and Go's way of writing instants.
pub(in crate::decode) fn micros(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok().filter(|text| is_date(text.as_bytes()))?;
    let (clock, rest) = text.split_at_checked(CLOCK_BYTES)?;
    if !matches!(clock.as_bytes()[10], b'T' | b't' | b' ') {
        return None;
    }
    let end = rest.find(|c: char| !matches!(c, '.' | ',' | '0'..='9')).unwrap_or(rest.len());
    let (fraction, zone) = rest.split_at(end);
    let fraction = &fraction[..fraction.len().min(FRACTION_BYTES_MAX)];
    let zone = match zone.strip_prefix(' ').unwrap_or(zone) {
        "" | "Z" | "z" | "UTC" | "+0000 UTC" => "Z",
        offset if offset.starts_with(['+', '-']) && !offset.contains('[') => offset,
        _ => return None,
    };
    let instant = PARSER.parse_timestamp(format!("{clock}{fraction}{zone}")).ok()?;
    Some(instant.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let days = |text| day(text).map(|t| t.secs() / 86_400);
        for (text, n) in [
            ("1970-01-01", 0),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2024-02-29", 19_782),
            ("9999-12-31", 2_932_896),
        ] {
            assert_eq!(days(text), Some(n), "{text}");
        }
        for bad in [
            "",
            "2024-02-31",
            "2024-02-30",
            "2023-02-29",
            "2100-02-29",
            "2024-04-31",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "1969-12-31",
            "0000-01-01",
            "0001-01-01",
            "10000-01-01",
            "2024-1-01",
            "+024-01-01",
            "2024-01-01T24:00:00Z",
            "2024-01-01 00:00",
            "2024/01/01",
            "yesterday",
            "２０２４-01-01",
        ] {
            assert_eq!(day(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn known_instants_are_reproduced() {
        for (text, us) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600_000_000),
            ("2021-04-17T16:43:37.089723Z", 1_618_677_817_089_723),
            ("2021-04-17 16:43:37.0897239", 1_618_677_817_089_723),
            ("2021-04-17 16:43:37.089723999999", 1_618_677_817_089_723),
            ("2021-04-17T18:43:37.5+02:00", 1_618_677_817_500_000),
            ("2021-04-17 18:43:37+0200", 1_618_677_817_000_000),
            ("2021-04-17 14:43:37-02", 1_618_677_817_000_000),
            ("2021-04-17 16:43:37 UTC", 1_618_677_817_000_000),
            ("2021-04-17 16:43:37.5 UTC", 1_618_677_817_500_000),
            ("2021-04-17 16:43:37.000 Z", 1_618_677_817_000_000),
            ("2021-04-17 16:43:37 +0000 UTC", 1_618_677_817_000_000),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000_000),
            ("1969-12-31T23:59:59Z", -1_000_000),
        ] {
            assert_eq!(micros(text.as_bytes()), Some(us), "{text}");
        }
        for bad in [
            "",
            "2021-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2021-04-31T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "2021-00-01T00:00:00Z",
            "2021-01-00T00:00:00Z",
            "2021-01-01T23:60:00Z",
            "2021-01-01T23:59:61Z",
            "2021-02-31 00:00:00 UTC",
            "2021-13-01T00:00:00Z",
            "2021-01-01",
            "now",
            "1618677817",
            "2021-01-01T24:00:00Z",
            "2021-01-01T00:00:00.Z",
            "2021-01-01T00:00:00+2",
            "2021-01-01T00:00:00 CET",
            "2021-01-01T00:00:00+02:00 UTC",
            "2021-01-01T00:00:00+02:00[Europe/Berlin]",
            "2021-01-01T00:00:00Z\0",
            "2021-01-01/00:00:00Z",
            "2021-01-01T00:00:00Zé",
        ] {
            assert_eq!(micros(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
