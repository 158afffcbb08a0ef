//! The wall clock, read nowhere else: for the one header that carries it, and for latency.

use crate::ops::failpoint;

/// Returns milliseconds since the epoch, 0 when the clock is set before it.
#[expect(clippy::disallowed_types, reason = "this is the one place where the clock is read")]
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
    ms.saturating_add(failpoint::clock_offset_ms())
}
