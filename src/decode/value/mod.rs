//! Values as records write them: digits, dates, bytes in text.

pub mod base64;
pub(super) mod calendar;
pub(super) mod decimal;
pub(super) mod hex;
pub(super) mod time;
