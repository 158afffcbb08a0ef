//! Tells a stray bad record from a topic that is not what its settings say.

#[cfg(feature = "kafka")]
use crate::decode::Reason;
use serde::{Deserialize, Serialize};

/// So many undecodable records in a row are a flood.
const IN_A_ROW_MAX: u32 = 100;

/// Records in one window.
const WINDOW: u32 = 10_000;

/// More undecodable records than this in a window (1 %) are a flood.
const IN_WINDOW_MAX: u32 = WINDOW / 100;

/// Counts format errors of one partition, in records and never in batches or time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flood {
    n_in_a_row: u32,
    n_in_window: u32,
    window: u32,
}

impl Flood {
    /// Counts a record; returns whether format errors have become a flood.
    pub fn count(&mut self, is_bad: bool) -> bool {
        if self.window == WINDOW {
            (self.window, self.n_in_window) = (0, 0);
        }
        self.window += 1;
        self.n_in_a_row = if is_bad { self.n_in_a_row + 1 } else { 0 };
        self.n_in_window += u32::from(is_bad);
        self.n_in_a_row >= IN_A_ROW_MAX || self.n_in_window > IN_WINDOW_MAX
    }
}

/// Returns whether a reason says that the format is wrong, not that one record is.
#[cfg(feature = "kafka")]
pub fn is_format(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::EmptyValue
            | Reason::DecompressionLimit
            | Reason::BadEnvelope
            | Reason::EnvelopeIncomplete
            | Reason::SchemaUnavailable
            | Reason::SchemaMismatch
            | Reason::UnexpectedBatch
            | Reason::UnknownFormat
            | Reason::NotUtf8
            | Reason::BadJson
            | Reason::BadBinary
            | Reason::AmbiguousEncoding
            | Reason::MissingField
            | Reason::BadField
            | Reason::BadTime
            | Reason::ImplausibleTime
            | Reason::AmountLossy
            | Reason::ChainMismatch
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_hundred_in_a_row_or_more_than_one_in_a_hundred() {
        let mut flood = Flood::default();
        assert!((0..99).all(|_| !flood.count(true)));
        assert!(!flood.count(false), "a good record ends the run");
        assert!(!flood.count(true));
        assert!(flood.count(true), "101 of the first 10 000");

        let mut flood = Flood::default();
        assert!((0..50_000).all(|i| !flood.count(i % 100 == 0)), "exactly 1 % is no flood");
        assert!((0..100).any(|_| flood.count(true)));
    }
}
