//! ethereum-etl logs.

use super::{EthereumEtlItem, EthereumEtlKey, inclusion};
use crate::{
    decode::{
        Refusal,
        evm::standard::{self, Site},
        json::field::Reader,
    },
    model::Body,
};

/// Reads a log.
pub(super) fn read(item: &EthereumEtlItem<'_>, reader: &mut Reader<'_>) -> Result<Body, Refusal> {
    let [tx, index, address] =
        [EthereumEtlKey::TransactionHash, EthereumEtlKey::LogIndex, EthereumEtlKey::Address]
            .map(|key| item.at(key));
    let site = Site {
        tx: tx.need(tx.hash()?)?,
        log_index: index.need(index.count(reader)?)?,
        address: address.need(address.address()?)?,
        inclusion: inclusion(item, reader)?,
    };
    standard::read(&site, item.at(EthereumEtlKey::Topics), item.at(EthereumEtlKey::Data), reader)
}
