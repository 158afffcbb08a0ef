//! What enters and leaves Zcash's shielded pools: sums without outpoints and without accounts.

use super::{Item, Key};
use crate::{
    decode::{
        Refusal,
        field::Reader,
        keys::{Fields, Keys},
        utxo::money::{coins, satoshi, signed_coins},
    },
    model::{ScriptType, TxIn, TxOut, UtxoTx},
};

/// `vpub_old` enters the pool, `vpub_new` leaves it.
static JOIN_SPLIT: Keys<4> = Keys::new(["vpub_old", "vpub_new", "vpub_oldZat", "vpub_newZat"]);

/// Appends an input for what leaves a pool and an output for what enters it.
pub(super) fn append(
    item: &Item<'_>,
    reader: &mut Reader<'_>,
    utxo: &mut UtxoTx,
) -> Result<(), Refusal> {
    let limits = reader.limits();
    item.at(Key::JoinSplits).objects(limits, &JOIN_SPLIT, |fields| {
        let (entering, leaving) = (sum(&fields, 0, reader)?, sum(&fields, 1, reader)?);
        enter(utxo, entering);
        leave(utxo, leaving);
        Ok(())
    })?;
    // The Sapling pool's balance seen from the transaction: positive leaves the pool.
    if let Some((is_negative, value)) = signed_coins(item.at(Key::ValueBalance), reader)? {
        let (entering, leaving) = if is_negative { (value, 0) } else { (0, value) };
        enter(utxo, entering);
        leave(utxo, leaving);
    }
    Ok(())
}

/// Reads a sum: the one in satoshi wins over the one in coins.
fn sum(fields: &Fields<'_, 4>, i: usize, reader: &mut Reader<'_>) -> Result<u64, Refusal> {
    match satoshi(fields.at(i + 2), reader)? {
        Some(value) => Ok(value),
        None => Ok(coins(fields.at(i), reader)?.unwrap_or(0)),
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
