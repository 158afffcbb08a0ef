//! What enters and leaves Zcash's shielded pools: sums without outpoints and without accounts.

use super::{BitcoindItem, BitcoindKey};
use crate::{
    decode::{
        Refusal,
        json::{
            field::Reader,
            keys::{Field, Fields, Keys},
        },
        utxo::money::{coins, satoshi, signed_coins, signed_satoshi},
    },
    model::{Coin, Hiding, ScriptType, TxIn, TxOut, UtxoTx},
};

/// Versions of transactions that brought a pool (ZIP 243, ZIP 225).
const SAPLING_VERSION: i32 = 4;
const ORCHARD_VERSION: i32 = 5;
/// The Orchard pool's part of a transaction.
static ORCHARD: Keys<3> = Keys::new(["actions", "valueBalance", "valueBalanceZat"]);
/// `vpub_old` enters the pool, `vpub_new` leaves it.
static JOIN_SPLIT: Keys<4> = Keys::new(["vpub_old", "vpub_new", "vpub_oldZat", "vpub_newZat"]);

/// Appends an input for what leaves a pool and an output for what enters it.
pub(super) fn append(
    item: &BitcoindItem<'_>,
    reader: &mut Reader<'_>,
    utxo: &mut UtxoTx,
) -> Result<(), Refusal> {
    utxo.has_hidden_value |= has_untold_pools(item, utxo, reader);
    let limits = reader.limits();
    item.at(BitcoindKey::JoinSplits).objects(limits, &JOIN_SPLIT, |fields| {
        let (entering, leaving) = (sum(&fields, 0, reader)?, sum(&fields, 1, reader)?);
        utxo.has_hidden_value |= entering.is_none() || leaving.is_none();
        enter(utxo, entering.unwrap_or(0));
        leave(utxo, leaving.unwrap_or(0));
        Ok(())
    })?;
    let mut has_sapling = false;
    for key in [BitcoindKey::ShieldedSpends, BitcoindKey::ShieldedOutputs] {
        item.at(key).objects(limits, &ORCHARD, |_| {
            has_sapling = true;
            Ok(())
        })?;
    }
    balance(
        [item.at(BitcoindKey::ValueBalanceZat), item.at(BitcoindKey::ValueBalance)],
        has_sapling,
        reader,
        utxo,
    )?;
    let Some(orchard) = item.at(BitcoindKey::Orchard).object(limits, &ORCHARD)? else {
        return Ok(());
    };
    let mut has_actions = false;
    orchard.at(0).objects(limits, &ORCHARD, |_| {
        has_actions = true;
        Ok(())
    })?;
    balance([orchard.at(2), orchard.at(1)], has_actions, reader, utxo)
}

/// Returns whether the transaction's version has a pool of which the answer says nothing, as that
/// of an old client, of a shortened record, or of a version to come. A coinbase pays no fee.
fn has_untold_pools(item: &BitcoindItem<'_>, utxo: &UtxoTx, reader: &Reader<'_>) -> bool {
    let hides = Coin::of(&reader.settings.chain).map(|coin| coin.hides);
    let sapling = [
        BitcoindKey::ValueBalance,
        BitcoindKey::ValueBalanceZat,
        BitcoindKey::ShieldedSpends,
        BitcoindKey::ShieldedOutputs,
    ];
    hides == Some(Hiding::Pools)
        && !utxo.is_coinbase
        && match utxo.version.map_or(0, |version| version & i32::MAX) {
            ..SAPLING_VERSION => false,
            SAPLING_VERSION => !sapling.into_iter().any(|key| item.has(key)),
            ORCHARD_VERSION => !item.has(BitcoindKey::Orchard),
            _ => true,
        }
}

/// Reads a pool's balance seen from the transaction: positive leaves the pool. Without one, what
/// takes part in the pool moved nobody knows what.
fn balance(
    [zat, in_coins]: [Field<'_>; 2],
    takes_part: bool,
    reader: &mut Reader<'_>,
    utxo: &mut UtxoTx,
) -> Result<(), Refusal> {
    let balance = match signed_satoshi(zat, reader)? {
        None => signed_coins(in_coins, reader)?,
        exact => exact,
    };
    let Some((is_negative, value)) = balance else {
        utxo.has_hidden_value |= takes_part;
        return Ok(());
    };
    let (entering, leaving) = if is_negative { (value, 0) } else { (0, value) };
    enter(utxo, entering);
    leave(utxo, leaving);
    Ok(())
}

/// Reads a sum: the one in satoshi wins over the one in coins.
fn sum(fields: &Fields<'_, 4>, i: usize, reader: &mut Reader<'_>) -> Result<Option<u64>, Refusal> {
    match satoshi(fields.at(i + 2), reader)? {
        None => coins(fields.at(i), reader),
        exact => Ok(exact),
    }
}

fn enter(utxo: &mut UtxoTx, value: u64) {
    if value > 0 {
        utxo.outputs.push(TxOut {
            index: u32::try_from(utxo.outputs.len()).unwrap_or(u32::MAX),
            value,
            address: None,
            script_type: ScriptType::Shielded,
            script_digest: 0,
            script_len: 0,
        });
    }
}

fn leave(utxo: &mut UtxoTx, value: u64) {
    if value > 0 {
        utxo.inputs.push(TxIn {
            outpoint: None,
            sequence: None,
            value: Some(value),
            address: None,
            script_type: ScriptType::Shielded,
        });
    }
}
