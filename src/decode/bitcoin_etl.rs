//! bitcoin-etl JSON (BTC, BCH, LTC, DOGE, ZEC): transactions and blocks.

use super::{field::Reader, json::Scanner, record::Failure};
use crate::model::Event;

/// Reads one item.
pub(super) fn read(
    scanner: &mut Scanner<'_, '_>,
    depth: usize,
    _reader: &mut Reader<'_>,
    _events: &mut Vec<Event>,
) -> Result<(), Failure> {
    scanner.value(depth)?;
    Ok(())
}
