//! Points in time and spans of it, as people write and read them.

use crate::{decode::day, model::EventTime};
use jiff::Timestamp;

/// Writes milliseconds since the epoch as UTC, to the second.
pub(super) fn utc(ms: i64) -> String {
    match Timestamp::from_second(ms.div_euclid(1_000)) {
        Ok(time) => time.to_string().replacen('T', " ", 1),
        // Beyond the year 9999.
        Err(_) => format!("{ms} ms"),
    }
}

/// Reads the beginning of a year, month or day, in UTC.
pub(super) fn date(text: &str) -> Result<EventTime, String> {
    let written_out = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    day(&written_out)
        .ok_or_else(|| "expected a day of the calendar: YYYY, YYYY-MM or YYYY-MM-DD".to_owned())
}

/// Reads `1d`, `12h`, `30m` or `90s`.
pub(super) fn span(text: &str) -> Result<i64, String> {
    let wrong = || "expected a time such as 1d, 12h, 30m or 90s".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit = match unit {
        "d" => EventTime::DAY,
        "h" => EventTime::HOUR,
        "m" => EventTime::MINUTE,
        "s" => EventTime::SECOND,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    Ok(i64::from(number).saturating_mul(unit))
}

/// Reads a date, a time from now (`90d`, `12h`, `30m`) or `now`, as milliseconds since the epoch.
pub(super) fn until(text: &str, now_ms: i64) -> Result<i64, String> {
    if text == "now" {
        return Ok(now_ms);
    }
    let ahead = span(text).map(|us| now_ms.saturating_add(us / 1_000));
    ahead.or_else(|_| date(text).map(EventTime::millis)).map_err(|_| {
        format!("expected a date such as 2027-01-31, a time such as 90d, or now; not {text}")
    })
}

/// Reads a date or a time so long ago (`12h`), as milliseconds since the epoch.
#[cfg(any(feature = "kafka", test))]
pub(super) fn ago(text: &str, now_ms: i64) -> Result<i64, String> {
    let before = span(text).map(|us| now_ms.saturating_sub(us / 1_000));
    before.or_else(|_| date(text).map(EventTime::millis)).map_err(|_| {
        format!("expected a date such as 2027-01-31 or a time such as 12h, not {text}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_civil() {
        assert_eq!(utc(0), "1970-01-01 00:00:00Z");
        assert_eq!(utc(1_709_210_096_000), "2024-02-29 12:34:56Z");
    }

    #[test]
    fn dates_and_spans_are_read_as_written() {
        let secs = |text| date(text).map(EventTime::secs).ok();
        assert_eq!(secs("1970"), Some(0));
        assert_eq!(secs("2018-01"), Some(1_514_764_800));
        assert_eq!(secs("2024-02-29"), Some(1_709_164_800));
        assert_eq!([secs("2018-13"), secs("18"), secs("x"), secs("2018-01-01-01")], [None; 4]);
        assert_eq!([secs("2018-1"), secs("0000"), secs("10000"), secs("2018-1-1")], [None; 4]);
        assert_eq!([secs("2018-02-31"), secs("2023-02-29"), secs("1969-12-31")], [None; 3]);
        assert_eq!(span("12h"), Ok(12 * EventTime::HOUR));
        assert!([span(""), span("d"), span("1y")].iter().all(Result::is_err));
        assert_eq!(until("90d", 5), Ok(5 + 90 * 86_400_000));
        assert_eq!((until("now", 5), until("1970-01-02", 5)), (Ok(5), Ok(86_400_000)));
        let none = ["soon", "2024-02-31", "2023-02-29", "2024-01-01T24:00:00Z", "10000-01-01"];
        assert!(none.into_iter().all(|text| until(text, 5).is_err()));
        assert!(until("soon", 5).is_err() && ago("soon", 5).is_err());
        assert_eq!((ago("5s", 6_000), ago("1970-01-02", 5)), (Ok(1_000), Ok(86_400_000)));
    }
}
