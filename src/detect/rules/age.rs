//! How old an account is, as far as the stream can tell: young, old, or not known yet.

use crate::{
    detect::Scene,
    model::{EventTime, Severity},
    state::Profile,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// At or below this nonce an account has hardly ever acted: direct evidence of youth that needs
/// no history. Five: it covers being funded, a test payment and the first few real ones.
const YOUNG_NONCE_MAX: u64 = 5;

/// From this nonce on an account has a past, whatever we have seen of it (Forta's threshold for
/// positive reputation).
const OLD_NONCE_MIN: u64 = 500;

/// The answer to "is it younger than the threshold?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    Young,
    Old,
    /// We have not watched for long enough to say.
    Unknown,
}

/// What a rule about young accounts does while their age is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownAge {
    /// Stays quiet.
    Ignore,
    /// Fires, but only for information.
    Info,
    /// Takes the account for young: right for a stream that starts with the chain.
    Young,
}

/// Returns whether an account is younger than `threshold_us`.
///
/// An account that we first saw just now may be years old when we have only just begun to watch:
/// it is young only if we had been watching for the whole threshold before its first sight, or
/// if `nonce`, its own count of transactions, says so. An account that was evicted and comes back
/// counts as new.
pub fn of(
    scene: &Scene<'_>,
    profile: Option<&Profile>,
    nonce: Option<u64>,
    threshold_us: i64,
) -> Age {
    let now = scene.event.time;
    let first_seen = profile.map_or(now, Profile::first_seen);
    let watched_us = scene.state.observed_since().map_or(0, |since| first_seen.since(since));
    decide(now.since(first_seen), watched_us, nonce, threshold_us)
}

/// Returns the severity a rule about young accounts fires with, `None` when it stays quiet.
pub fn severity(age: Age, unknown: UnknownAge, severity: Severity) -> Option<Severity> {
    match (age, unknown) {
        (Age::Young, _) | (Age::Unknown, UnknownAge::Young) => Some(severity),
        (Age::Unknown, UnknownAge::Info) => Some(Severity::Info),
        (Age::Old, _) | (Age::Unknown, UnknownAge::Ignore) => None,
    }
}

/// Writes an age for the middle of a sentence.
pub fn text(age: Age, threshold_us: i64) -> String {
    let days = threshold_us / EventTime::DAY;
    match age {
        Age::Young => format!("younger than {days} days"),
        Age::Old => format!("at least {days} days old"),
        Age::Unknown => "of unknown age".to_owned(),
    }
}

/// `age_us` since first sight, `watched_us` of the chain before it.
fn decide(age_us: i64, watched_us: i64, nonce: Option<u64>, threshold_us: i64) -> Age {
    match nonce {
        _ if age_us >= threshold_us => Age::Old,
        _ if watched_us >= threshold_us => Age::Young,
        Some(n) if n <= YOUNG_NONCE_MAX => Age::Young,
        Some(n) if n >= OLD_NONCE_MIN => Age::Old,
        _ => Age::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_unknown_until_the_chain_was_watched_long_enough() {
        let month = 30 * EventTime::DAY;
        assert_eq!(decide(EventTime::HOUR, EventTime::HOUR, None, month), Age::Unknown);
        assert_eq!(decide(EventTime::HOUR, EventTime::HOUR, Some(40), month), Age::Unknown);
        assert_eq!(decide(EventTime::HOUR, month, Some(40), month), Age::Young);
        assert_eq!(decide(month, 0, Some(0), month), Age::Old);
        assert_eq!(decide(EventTime::HOUR, 0, Some(5), month), Age::Young);
        assert_eq!(decide(EventTime::HOUR, 0, Some(500), month), Age::Old);
    }

    #[test]
    fn unknown_age_fires_as_configured() {
        let fires = |age, unknown| severity(age, unknown, Severity::High);
        assert_eq!(fires(Age::Unknown, UnknownAge::Ignore), None);
        assert_eq!(fires(Age::Unknown, UnknownAge::Info), Some(Severity::Info));
        assert_eq!(fires(Age::Unknown, UnknownAge::Young), Some(Severity::High));
        assert_eq!(fires(Age::Old, UnknownAge::Young), None);
        assert_eq!(fires(Age::Young, UnknownAge::Ignore), Some(Severity::High));
    }
}
