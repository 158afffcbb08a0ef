//! Values as records write them: digits, dates, hex.

pub(super) mod calendar;
pub(super) mod decimal;
pub(super) mod hex;
pub(super) mod time;
