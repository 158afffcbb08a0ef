//! bitcoin-etl transactions: sums are recomputed, the exporter's own are not believed.

use super::{BitcoinEtlItem, BitcoinEtlKey};
use crate::{
    decode::{
        Reason, Refusal,
        json::{
            field::Reader,
            keys::{Field, Fields, Keys},
        },
        utxo::{
            account::{account, script_type},
            money::{check_sums, hidden_output, satoshi, value_or_hidden},
        },
        value::hex,
    },
    model::{
        Coin, Hiding, Inclusion, OutPoint, Quality, ScriptType, Tx, TxBody, TxIn, TxOut, UtxoTx,
    },
};

/// The fields of an input.
pub(super) static INPUT: Keys<6> = Keys::new([
    "spent_transaction_hash",
    "spent_output_index",
    "sequence",
    "type",
    "addresses",
    "value",
]);
/// The fields of an output.
pub(super) static OUTPUT: Keys<5> =
    Keys::new(["index", "script_hex", "type", "addresses", "value"]);

/// The fields of one input.
pub(super) type EtlInput<'a> = Fields<'a, { INPUT.names.len() }>;
/// The fields of one output.
pub(super) type EtlOutput<'a> = Fields<'a, { OUTPUT.names.len() }>;

/// Height of Zcash's fifth upgrade, which brought the Orchard pool (ZIP 252).
const ORCHARD_HEIGHT: u64 = 1_687_104;

/// Reads a transaction.
pub(super) fn read(item: &BitcoinEtlItem<'_>, reader: &mut Reader<'_>) -> Result<Tx, Refusal> {
    let hash = item.at(BitcoinEtlKey::Hash);
    let id = hash.need(hash.hash()?)?;
    let inclusion = inclusion(item, reader)?;
    let inputs = inputs(item, reader)?;
    let outputs = outputs(item, reader)?;
    let is_coinbase = item.at(BitcoinEtlKey::IsCoinbase).flag()?;
    // Only a coinbase spends nothing.
    let is_coinbase = is_coinbase.unwrap_or(item.has(BitcoinEtlKey::Inputs) && inputs.is_empty());
    let version = version(item.at(BitcoinEtlKey::Version), reader)?;
    let is_hidden = outputs.iter().any(TxOut::is_hidden)
        || !is_coinbase && has_unseen_pools(inclusion.map(|i| i.height), version, reader);
    let mut utxo = UtxoTx {
        inputs,
        outputs,
        is_coinbase,
        version,
        lock_time: item.at(BitcoinEtlKey::LockTime).count(reader)?,
        size: item.at(BitcoinEtlKey::Size).count(reader)?,
        virtual_size: item.at(BitcoinEtlKey::VirtualSize).count(reader)?,
        has_hidden_value: is_hidden,
    };
    check_sums(&mut utxo, reader)?;
    Ok(Tx { id, body: TxBody::Utxo(utxo), inclusion, outcome: None })
}

/// Returns whether value may have come from a pool, or gone to one, that the exporter does not
/// know: Orchard, whose transactions have version 5, though rows have been seen to say 4.
fn has_unseen_pools(height: Option<u64>, version: Option<i32>, reader: &Reader<'_>) -> bool {
    Coin::of(&reader.settings.chain).is_some_and(|coin| coin.hides == Hiding::Pools)
        && (height.is_none_or(|height| height >= ORCHARD_HEIGHT)
            || version.is_some_and(|version| version & i32::MAX >= 5))
}

fn inclusion(
    item: &BitcoinEtlItem<'_>,
    reader: &mut Reader<'_>,
) -> Result<Option<Inclusion>, Refusal> {
    let Some(height) = item.at(BitcoinEtlKey::BlockNumber).height(reader)? else { return Ok(None) };
    let block = item.at(BitcoinEtlKey::BlockHash).hash()?;
    let index = item.at(BitcoinEtlKey::Index).count(reader)?;
    Ok(Some(Inclusion { height, block, index }))
}

/// Reads a version: 32 bits that exporters write with or without a sign.
pub fn version(field: Field<'_>, reader: &mut Reader<'_>) -> Result<Option<i32>, Refusal> {
    let Some(wide) = field.signed(reader, Reason::BadField)? else { return Ok(None) };
    let version = i32::try_from(wide).or_else(|_| u32::try_from(wide).map(u32::cast_signed));
    version.map(Some).map_err(|_| field.refuse(Reason::BadField, "more than 32 bits"))
}

fn inputs(item: &BitcoinEtlItem<'_>, reader: &mut Reader<'_>) -> Result<Vec<TxIn>, Refusal> {
    if !item.has(BitcoinEtlKey::Inputs) {
        reader.quality |= Quality::PARTIAL;
    }
    let mut inputs = Vec::with_capacity(item.inputs.len());
    let limits = reader.limits();
    item.at(BitcoinEtlKey::Inputs).rows(&item.inputs, limits, &INPUT, |fields| {
        inputs.push(input(fields, reader)?);
        Ok(())
    })?;
    Ok(inputs)
}

fn input(fields: &EtlInput<'_>, reader: &mut Reader<'_>) -> Result<TxIn, Refusal> {
    let [tx, index, sequence, kind, addresses, value] = [0, 1, 2, 3, 4, 5].map(|i| fields.at(i));
    let script_type = script_type(kind, None)?;
    let outpoint = match (tx.hash()?, index.count(reader)?) {
        (Some(tx), Some(index)) => Some(OutPoint { tx, index }),
        _ if script_type == ScriptType::Shielded => None,
        _ => {
            reader.quality |= Quality::PARTIAL;
            None
        }
    };
    Ok(TxIn {
        outpoint,
        sequence: sequence.count(reader)?,
        value: satoshi(value, reader)?,
        address: account(addresses, script_type, &[], reader)?,
        script_type,
    })
}

fn outputs(item: &BitcoinEtlItem<'_>, reader: &mut Reader<'_>) -> Result<Vec<TxOut>, Refusal> {
    if !item.has(BitcoinEtlKey::Outputs) {
        reader.quality |= Quality::PARTIAL;
    }
    let mut outputs: Vec<TxOut> = Vec::with_capacity(item.outputs.len());
    let limits = reader.limits();
    item.at(BitcoinEtlKey::Outputs).rows(&item.outputs, limits, &OUTPUT, |fields| {
        let position = u32::try_from(outputs.len()).unwrap_or(u32::MAX);
        outputs.push(output(fields, position, reader)?);
        Ok(())
    })?;
    Ok(outputs)
}

fn output(
    fields: &EtlOutput<'_>,
    position: u32,
    reader: &mut Reader<'_>,
) -> Result<TxOut, Refusal> {
    let [index, script_hex, kind, addresses, value] = [0, 1, 2, 3, 4].map(|i| fields.at(i));
    let digits = script_hex.hex_digits()?;
    let script = hex::digest(digits.unwrap_or_default())
        .ok_or_else(|| script_hex.refuse(Reason::BadField, "no hex bytes"))?;
    let script_type = script_type(kind, digits)?;
    let index = index.count(reader)?.unwrap_or(position);
    let is_shielded = script_type == ScriptType::Shielded;
    let satoshi = satoshi(value, reader)?;
    let Some(satoshi) = value_or_hidden(value, satoshi, is_shielded, reader)? else {
        return Ok(hidden_output(index));
    };
    Ok(TxOut {
        index,
        value: satoshi,
        address: account(addresses, script_type, digits.unwrap_or_default(), reader)?,
        script_type,
        script_digest: script.digest,
        script_len: script.n_bytes,
    })
}
