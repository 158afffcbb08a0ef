//! Transactions as a node shows them; their own bytes win over what is said about them.

use super::{BitcoindItem, BitcoindKey, shielded};
use crate::{
    decode::{
        Reason, Refusal,
        formats::{bitcoin_etl::version, bitcoin_raw},
        json::{
            Value,
            field::Reader,
            keys::{Field, Fields, Keys},
        },
        utxo::{
            account::{account, script_type},
            money::{check_sums, coins, hidden_output, satoshi, value_or_hidden},
            wire::{has_unread_parts, lone_tx},
        },
        value::{hex, time},
    },
    model::{
        Body, Clock, Coin, Event, EventTime, Hash32, Inclusion, OutPoint, Quality, ScriptType, Tx,
        TxBody, TxIn, TxOut, TxRecipe, UtxoTx,
    },
};

static INPUT: Keys<7> =
    Keys::new(["txid", "vout", "coinbase", "sequence", "prevout", "ismweb", "output_id"]);
/// Behind the script: what hides a value in extension blocks (Litecoin) and on sidechains
/// (Elements), and which of several assets it counts.
static OUTPUT: Keys<9> = Keys::new([
    "value",
    "valueZat",
    "valueSat",
    "n",
    "scriptPubKey",
    "ismweb",
    "output_id",
    "valuecommitment",
    "asset",
]);
static SCRIPT: Keys<4> = Keys::new(["hex", "type", "address", "addresses"]);

/// Where and when a transaction is.
pub(super) struct TxPlace {
    pub inclusion: Option<Inclusion>,
    pub time: EventTime,
    pub clock: Clock,
}

/// Reads a transaction that was asked for by its id.
pub(super) fn read(
    item: &BitcoindItem<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let height = item.at(BitcoindKey::Height).height(reader)?;
    let block = item.at(BitcoindKey::BlockHash).hash()?;
    // An answer names the block by its hash only: such a transaction is placed by its block.
    let inclusion = height.map(|height| Inclusion { height, block, index: None });
    if block.is_some() && height.is_none() {
        reader.quality |= Quality::PARTIAL;
    }
    let time =
        if item.has(BitcoindKey::BlockTime) { BitcoindKey::BlockTime } else { BitcoindKey::Time };
    let (time, clock) = time::block_time(item.at(time), height, reader)?;
    read_placed(item, &TxPlace { inclusion, time, clock }, reader, events).map(|_| ())
}

/// Reads a transaction whose place is known; returns its id.
pub(super) fn read_placed(
    item: &BitcoindItem<'_>,
    place: &TxPlace,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<Hash32, Refusal> {
    let quality = reader.quality;
    let id = item.at(BitcoindKey::Txid);
    let id = id.need(id.hash()?)?;
    let mut utxo = said(item, reader)?;
    if !item.at(BitcoindKey::Hex).is_nothing() && apply_bytes(item, &id, &mut utxo, reader)? {
        // What the JSON left out does not matter any more.
        reader.quality = quality | Quality::HASH_VERIFIED;
    }
    shielded::append(item, reader, &mut utxo)?;
    check_sums(&mut utxo, reader)?;
    check_block(item, place, reader)?;
    let tx = Tx { id, body: TxBody::Utxo(utxo), inclusion: place.inclusion, outcome: None };
    let body = Body::Tx(Box::new(tx));
    let own = std::mem::replace(&mut reader.quality, quality);
    events.push(Event { time: place.time, clock: place.clock, quality: own, body });
    Ok(id)
}

/// Checks that a transaction in a block names no other one as its own.
fn check_block(
    item: &BitcoindItem<'_>,
    place: &TxPlace,
    reader: &mut Reader<'_>,
) -> Result<(), Refusal> {
    let block = place.inclusion.and_then(|inclusion| inclusion.block);
    let own = item.at(BitcoindKey::BlockHash).hash()?;
    let is_other = own.zip(block).is_some_and(|(own, block)| own != block);
    let policy = reader.limits().checks.linkage;
    reader.judge(!is_other, Quality::empty(), policy, "stands in another block than it says")
}

/// Reads what the JSON says.
fn said(item: &BitcoindItem<'_>, reader: &mut Reader<'_>) -> Result<UtxoTx, Refusal> {
    let limits = reader.limits();
    if !item.has(BitcoindKey::Vin) || !item.has(BitcoindKey::Vout) {
        reader.quality |= Quality::PARTIAL;
    }
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    // What an extension block's kernel does is part of its transaction.
    let (mut is_coinbase, mut has_hidden_value) = (false, item.has(BitcoindKey::Kernels));
    item.at(BitcoindKey::Vin).objects(limits, &INPUT, |fields| {
        if fields.has(2) {
            is_coinbase = true;
        } else {
            has_hidden_value |= is_hidden(&fields);
            inputs.push(input(&fields, reader)?);
        }
        Ok(())
    })?;
    item.at(BitcoindKey::Vout).objects(limits, &OUTPUT, |fields| {
        let position = u32::try_from(outputs.len()).unwrap_or(u32::MAX);
        let output = output(&fields, position, reader)?;
        has_hidden_value |= output.is_hidden() || fields.has(8);
        outputs.push(output);
        Ok(())
    })?;
    Ok(UtxoTx {
        has_hidden_value,
        inputs,
        outputs,
        is_coinbase,
        version: version(item.at(BitcoindKey::Version), reader)?,
        lock_time: item.at(BitcoindKey::LockTime).count(reader)?,
        size: item.at(BitcoindKey::Size).count(reader)?,
        virtual_size: item.at(BitcoindKey::VirtualSize).count(reader)?,
    })
}

/// Returns whether an input or an output is in an extension block: it has an id only.
fn is_hidden<const N: usize>(fields: &Fields<'_, N>) -> bool {
    fields.has(6) || matches!(fields.at(5).value, Value::Bool(true))
}

fn input(fields: &Fields<'_, 7>, reader: &mut Reader<'_>) -> Result<TxIn, Refusal> {
    let [tx, index, sequence, spent] = [0, 1, 3, 4].map(|i| fields.at(i));
    if is_hidden(fields) {
        reader.quality |= Quality::PARTIAL;
        return Ok(TxIn {
            outpoint: None,
            sequence: None,
            value: None,
            address: None,
            script_type: ScriptType::Shielded,
        });
    }
    let outpoint = match (tx.hash()?, index.count(reader)?) {
        (Some(tx), Some(index)) => Some(OutPoint { tx, index }),
        _ => {
            reader.quality |= Quality::PARTIAL;
            None
        }
    };
    let sequence = sequence.count(reader)?;
    let limits = reader.limits();
    // Only `getblock` 3 shows what an input spends.
    let spent = match spent.object(limits, &OUTPUT)? {
        Some(spent) => Some(output(&spent, 0, reader)?),
        None => None,
    };
    Ok(TxIn {
        outpoint,
        sequence,
        value: spent.as_ref().filter(|o| !o.is_hidden()).map(|o| o.value),
        script_type: spent.as_ref().map_or(ScriptType::Other, |o| o.script_type),
        address: spent.and_then(|o| o.address),
    })
}

fn output(
    fields: &Fields<'_, 9>,
    position: u32,
    reader: &mut Reader<'_>,
) -> Result<TxOut, Refusal> {
    let [value, zat, sat, index, script] = [0, 1, 2, 3, 4].map(|i| fields.at(i));
    // A count in satoshi needs no point to be moved.
    let exact = match satoshi(zat, reader)? {
        None => satoshi(sat, reader)?,
        exact => exact,
    };
    let satoshi = match exact {
        None => coins(value, reader)?,
        exact => exact,
    };
    let index = index.count(reader)?.unwrap_or(position);
    let is_marked = is_hidden(fields) || fields.has(7);
    let satoshi = value_or_hidden(value, satoshi, is_marked, reader)?;
    let limits = reader.limits();
    let script = script.object(limits, &SCRIPT)?.unwrap_or(Fields::new(&SCRIPT));
    let [bytes, kind, address, addresses] = [0, 1, 2, 3].map(|i| script.at(i));
    let digits = bytes.hex_digits()?;
    let digest = hex::digest(digits.unwrap_or_default())
        .ok_or_else(|| bytes.refuse(Reason::BadField, "no hex bytes"))?;
    let script_type = script_type(kind, digits)?;
    let named = if script.has(2) { address } else { addresses };
    let address = account(named, script_type, digits.unwrap_or_default(), reader)?;
    let Some(satoshi) = satoshi else {
        // Elements hides how much, not who.
        return Ok(TxOut { address, ..hidden_output(index) });
    };
    Ok(TxOut {
        index,
        value: satoshi,
        address,
        script_type,
        script_digest: digest.digest,
        script_len: digest.n_bytes,
    })
}

/// Reads the transaction's own bytes: they must hash to its ids, and they win over the JSON.
/// False when they are encoded in a way that is not read here.
fn apply_bytes(
    item: &BitcoindItem<'_>,
    id: &Hash32,
    utxo: &mut UtxoTx,
    reader: &mut Reader<'_>,
) -> Result<bool, Refusal> {
    let field = item.at(BitcoindKey::Hex);
    let digits = field.need(field.hex_digits()?)?;
    let no_hex = || field.refuse(Reason::BadField, "no hex bytes");
    let bytes = hex::bytes(digits).ok_or_else(no_hex)?;
    let recipe = Coin::of(&reader.settings.chain).map_or(TxRecipe::Other, |coin| coin.tx);
    let tx = match lone_tx(&bytes, recipe, reader.limits()) {
        Ok(tx) => tx,
        // Zcash's later versions and Litecoin's extension blocks are encoded in their own way.
        Err(_) if has_unread_parts(&bytes, recipe) => return Ok(false),
        Err(refusal) => return Err(refusal),
    };
    if recipe == TxRecipe::Other && tx.id != *id {
        // Nothing is refuted where nobody knows what an id is the hash of.
        return Ok(false);
    }
    let check = |field: Field<'_>, said: Option<Hash32>, computed: Hash32| match said {
        Some(said) if said != computed => {
            Err(field.refuse(Reason::CheckFailed, "the bytes hash to something else"))
        }
        _ => Ok(()),
    };
    let witness_id = item.at(BitcoindKey::Hash);
    let said = witness_id.hash()?;
    let checked = check(item.at(BitcoindKey::Txid), Some(*id), tx.id);
    let checked = checked.and_then(|()| check(witness_id, said, tx.witness_id));
    if !reader.weigh(checked, reader.limits().checks.hash)? {
        // The bytes are another transaction's: what the fields say stands.
        return Ok(false);
    }
    let mut exact = bitcoin_raw::body(&tx, reader)?;
    // Bytes do not say what an input spends, and old nodes know addresses that scripts do not show.
    for (exact, said) in exact.inputs.iter_mut().zip(&utxo.inputs) {
        if exact.outpoint == said.outpoint {
            (exact.value, exact.script_type) = (said.value, said.script_type);
            exact.address.clone_from(&said.address);
        }
    }
    exact.has_hidden_value |= utxo.has_hidden_value;
    *utxo = exact;
    Ok(true)
}
