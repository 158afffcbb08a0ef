//! Dates and times as text (RFC 3339), to microseconds since the epoch.

const SECOND_US: i64 = 1_000_000;

/// Reads `2021-04-17T16:43:37.089723Z`; a space may stand for the `T`, an offset for the `Z`, and
/// without either it is UTC. Digits behind the microsecond are dropped.
///
/// # Source
/// RFC 3339; days from a civil date as in Howard Hinnant's "chrono-Compatible Low-Level Date
/// Algorithms".
pub(super) fn micros(text: &[u8]) -> Option<i64> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T' | b't' | b' ', ref clock @ ..] = text
    else {
        return None;
    };
    let &[h0, h1, b':', i0, i1, b':', s0, s1, ref rest @ ..] = clock else { return None };
    let year = number(&[y0, y1, y2, y3])?;
    let (month, day) = (number(&[m0, m1])?, number(&[d0, d1])?);
    let (hour, minute, second) = (number(&[h0, h1])?, number(&[i0, i1])?, number(&[s0, s1])?);
    let is_day = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    // A leap second reads as the second after it.
    if !is_day || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction_us, rest) = fraction(rest)?;
    let offset = offset_seconds(rest)?;
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - offset;
    Some(seconds * SECOND_US + fraction_us)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d & 15)))
}

fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.' | b',', rest)) = rest.split_first() else { return Some((0, rest)) };
    let n = rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(n);
    let padded = digits.iter().chain(&[b'0'; 6]).take(6);
    let micros = padded.fold(0, |n, d| n * 10 + i64::from(d & 15));
    (n > 0).then_some((micros, rest))
}

fn offset_seconds(rest: &[u8]) -> Option<i64> {
    match rest {
        [] | b"Z" | b"z" | b" UTC" => Some(0),
        &[sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            let (hours, minutes) = (number(&[h0, h1])?, number(&[m0, m1])?);
            let seconds = (hours * 60 + minutes) * 60;
            (hours <= 23 && minutes <= 59).then_some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts days since 1970-01-01.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March, so that a leap day is its last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants_are_reproduced() {
        for (text, us) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600_000_000),
            ("2021-04-17T16:43:37.089723Z", 1_618_677_817_089_723),
            ("2021-04-17 16:43:37.0897239", 1_618_677_817_089_723),
            ("2021-04-17T18:43:37.5+02:00", 1_618_677_817_500_000),
            ("1969-12-31T23:59:59Z", -1_000_000),
        ] {
            assert_eq!(micros(text.as_bytes()), Some(us), "{text}");
        }
        for bad in [
            "",
            "2021-02-29T00:00:00Z",
            "2021-13-01T00:00:00Z",
            "2021-01-01",
            "now",
            "2021-01-01T24:00:00Z",
            "2021-01-01T00:00:00.Z",
            "2021-01-01T00:00:00+2",
        ] {
            assert_eq!(micros(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
