//! Points in time and spans of it, as people write and read them.

use crate::model::EventTime;

/// Writes milliseconds since the epoch as UTC.
///
/// # Source
/// Civil from days (Hinnant, "chrono-compatible low-level date algorithms").
pub(super) fn utc(ms: i64) -> String {
    let seconds = ms.div_euclid(1_000);
    let days = seconds.div_euclid(86_400) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let clock = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// Reads the beginning of a year, month or day, in UTC.
///
/// # Source
/// Days from civil (Hinnant, "chrono-compatible low-level date algorithms").
pub(super) fn date(text: &str) -> Result<EventTime, String> {
    let wrong = || "expected YYYY, YYYY-MM or YYYY-MM-DD".to_owned();
    let parts: Vec<i64> = text
        .split('-')
        .map(|part| part.parse::<u32>().map(i64::from).map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    let (year, month, day) = match parts[..] {
        [year] => (year, 1, 1),
        [year, month] => (year, month, 1),
        [year, month, day] => (year, month, day),
        _ => return Err(wrong()),
    };
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(wrong());
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Ok(EventTime::from_secs((days - 719_468) * 86_400))
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
        assert_eq!(span("12h"), Ok(12 * EventTime::HOUR));
        assert!([span(""), span("d"), span("1y")].iter().all(Result::is_err));
        assert_eq!(until("90d", 5), Ok(5 + 90 * 86_400_000));
        assert_eq!((until("now", 5), until("1970-01-02", 5)), (Ok(5), Ok(86_400_000)));
        assert!(until("soon", 5).is_err());
    }
}
