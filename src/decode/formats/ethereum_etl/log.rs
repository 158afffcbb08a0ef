//! ethereum-etl logs.

use super::{Item, Key, inclusion};
use crate::{
    decode::{
        Refusal,
        evm::standard::{self, Site},
        json::field::Reader,
    },
    model::Body,
};

/// Reads a log.
pub(super) fn read(item: &Item<'_>, reader: &mut Reader<'_>) -> Result<Body, Refusal> {
    let [tx, index, address] =
        [Key::TransactionHash, Key::LogIndex, Key::Address].map(|key| item.at(key));
    let site = Site {
        tx: tx.need(tx.hash()?)?,
        log_index: index.need(index.count(reader)?)?,
        address: address.need(address.address()?)?,
        inclusion: inclusion(item, reader)?,
    };
    standard::read(&site, item.at(Key::Topics), item.at(Key::Data), reader)
}
