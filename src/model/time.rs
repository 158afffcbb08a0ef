//! Event time: microseconds since the Unix epoch, from the data and never from our clock.

use serde::{Deserialize, Serialize};

/// A point in event time.
///
/// # Units
/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct EventTime(i64);

impl EventTime {
    pub const SECOND: i64 = 1_000_000;
    pub const MINUTE: i64 = 60 * Self::SECOND;
    pub const HOUR: i64 = 60 * Self::MINUTE;
    pub const DAY: i64 = 24 * Self::HOUR;

    /// Wraps microseconds since the epoch.
    pub const fn from_micros(us: i64) -> Self {
        Self(us)
    }

    /// Wraps milliseconds since the epoch, saturating at the ends of the range.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000))
    }

    /// Wraps seconds since the epoch, saturating at the ends of the range.
    pub const fn from_secs(s: i64) -> Self {
        Self(s.saturating_mul(Self::SECOND))
    }

    /// Returns microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Returns whole milliseconds since the epoch, rounded towards the past.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Returns whole seconds since the epoch, rounded towards the past.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(Self::SECOND)
    }

    /// Returns `self − earlier` in microseconds, saturating, negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the time `us` microseconds later, saturating.
    pub const fn plus(self, us: i64) -> Self {
        Self(self.0.saturating_add(us))
    }

    /// Returns the hour of the UTC day, 0–23.
    pub const fn hour_of_day(self) -> u8 {
        (self.0.rem_euclid(Self::DAY) / Self::HOUR) as u8
    }

    /// Returns the day of the week, 0 = Monday.
    pub const fn day_of_week(self) -> u8 {
        // 1970-01-01 was a Thursday.
        (self.0.div_euclid(Self::DAY) + 3).rem_euclid(7) as u8
    }
}
