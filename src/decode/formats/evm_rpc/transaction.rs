//! Transactions as nodes answer them: pending without a block, else with it.

use super::{
    check,
    item::{Item, Key},
};
use crate::{
    decode::{
        Reason, Refusal,
        evm::{check_chain, tx_type},
        json::field::Reader,
        value::hex,
    },
    model::{Amount, Body, Calldata, EvmTx, Inclusion, Quality, Tx, TxBody},
};

/// A transaction, and the bytes by which a block commits to it, where they can be told.
pub(super) struct Read {
    pub body: Body,
    pub encoded: Option<Vec<u8>>,
}

/// Where an object that holds a transaction says that it is.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// Nowhere: the transaction itself may.
    Own,
    /// In this block.
    Block(Inclusion),
    /// In a block that is still to be, whatever the transaction says.
    Pending,
}

/// Reads a transaction.
pub(super) fn read(
    item: &Item<'_>,
    place: Place,
    reader: &mut Reader<'_>,
) -> Result<Read, Refusal> {
    let [id, from] = [Key::Hash, Key::From].map(|key| item.at(key));
    let id = id.need(id.hash()?)?;
    let from = from.need(from.address()?)?;
    let inclusion = match place {
        Place::Own => item.inclusion(reader)?,
        Place::Block(block) => {
            check::place(item, Some(block), reader)?;
            let own = item.inclusion(reader)?.and_then(|own| own.index);
            Some(Inclusion { index: own.or(block.index), ..block })
        }
        Place::Pending => None,
    };
    if let Some(chain) = item.at(Key::ChainId).or_null().count(reader)? {
        check_chain(chain, reader)?;
    }
    let tx_type = tx_type(item.at(Key::Type), reader)?;
    let value = item.at(Key::Value).amount(reader)?;
    let nonce = item.at(Key::Nonce).count(reader)?;
    let gas_limit = item.at(Key::Gas).count(reader)?;
    let limits = reader.limits();
    let body = EvmTx {
        from,
        to: item.at(Key::To).address()?,
        // The model has no unknown value; PARTIAL says that this zero was not read.
        value: reader.or_partial(value).unwrap_or(Amount::ZERO),
        nonce: reader.or_partial(nonce),
        gas_limit: reader.or_partial(gas_limit),
        gas_price: item.at(Key::GasPrice).amount(reader)?,
        max_fee_per_gas: item.at(Key::MaxFee).amount(reader)?,
        max_priority_fee_per_gas: item.at(Key::MaxPriorityFee).amount(reader)?,
        max_fee_per_blob_gas: item.at(Key::MaxBlobFee).amount(reader)?,
        n_blobs: item.at(Key::BlobHashes).n_items(limits)?,
        n_authorizations: item.at(Key::Authorizations).n_items(limits)?,
        n_access_entries: item.at(Key::AccessList).n_items(limits)?,
        tx_type,
        input: input(item, reader)?,
        client_id: None,
    };
    let encoded = check::transaction(item, &id, &body, inclusion.map(|i| i.height), reader)?;
    let body = Tx { id, body: TxBody::Evm(body), inclusion, outcome: None };
    Ok(Read { body: Body::Tx(Box::new(body)), encoded })
}

fn input(item: &Item<'_>, reader: &mut Reader<'_>) -> Result<Calldata, Refusal> {
    // Clients of old have called it data.
    let key = if item.has(Key::Input) { Key::Input } else { Key::Data };
    if !item.has(key) {
        reader.quality |= Quality::PARTIAL;
    }
    let field = item.at(key);
    let digits = field.hex_digits()?.unwrap_or_default();
    hex::digest(digits).ok_or_else(|| field.refuse(Reason::BadField, "no hex bytes"))
}
