//! Blocks as a node shows them: the step, and the transactions where they are shown whole.

use super::{BitcoindItem, BitcoindKey, KEYS, transaction};
use crate::{
    decode::{
        Reason, Refusal,
        formats::bitcoin_etl::version,
        json::{Value, field::Reader, keys::Field},
        utxo::{block::check_merkle, wire::display_hash},
        value::{hex, time},
    },
    model::{BlockStep, Body, Coin, Event, Hash32, HeaderRecipe, Inclusion, Quality, Step},
};

/// Reads a block. One that is on no active chain (confirmations −1) is reported as reverted, and
/// the transactions in it are not.
pub(super) fn read(
    item: &BitcoindItem<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let hash_field = item.at(BitcoindKey::Hash);
    let hash = hash_field.need(hash_field.hash()?)?;
    let height = item.at(BitcoindKey::Height).height(reader)?;
    let parent = item.at(BitcoindKey::Previous).hash()?;
    let is_active = item
        .at(BitcoindKey::Confirmations)
        .signed(reader, Reason::BadField)?
        .is_none_or(|confirmations| confirmations >= 0);
    let (time, clock) = time::block_time(item.at(BitcoindKey::Time), height, reader)?;
    let first = events.len();
    let n_transactions = match item.at(BitcoindKey::NTx).count(reader)? {
        None => count(item.at(BitcoindKey::Txs), reader)?,
        n => n,
    };
    let step = BlockStep {
        step: if is_active { Step::Committed } else { Step::Reverted },
        height: reader.or_partial(height),
        hash,
        // The first block has none.
        parent,
        n_transactions,
        base_fee_per_gas: None,
        gas_used: None,
        gas_limit: None,
    };
    events.push(Event { time, clock, quality: reader.quality, body: Body::Block(Box::new(step)) });
    let inclusion = height.map(|height| Inclusion { height, block: Some(hash), index: None });
    let place = transaction::TxPlace { inclusion, time, clock };
    // Of a list with a refused transaction the root cannot be told.
    let ids = transactions(item.at(BitcoindKey::Txs), &place, reader, events)?.unwrap_or_default();
    let root = item.at(BitcoindKey::MerkleRoot).hash()?;
    if let Some(root) = root.filter(|_| !ids.is_empty()) {
        let checks = reader.limits().checks;
        let is_right = reader.weigh(check_merkle(ids.into_iter(), &root), checks.merkle)?
            & is_header_verified(item, &hash, &root, reader)?;
        let verified = if is_right { Quality::HASH_VERIFIED } else { Quality::empty() };
        let found = verified | reader.quality & Quality::CHECK_FAILED;
        events[first..].iter_mut().for_each(|e| e.quality |= found);
    }
    if !is_active {
        events.truncate(first + 1);
    }
    Ok(())
}

/// Counts the elements of `tx`.
fn count(field: Field<'_>, reader: &Reader<'_>) -> Result<Option<u32>, Refusal> {
    let mut n = 0;
    field.elements(reader.limits(), |_| {
        n += 1;
        Ok(())
    })?;
    Ok(Some(n).filter(|n| *n > 0))
}

/// Reads the elements of `tx`: ids, or transactions, each refused alone; returns all ids, `None`
/// when one was refused.
fn transactions(
    field: Field<'_>,
    place: &transaction::TxPlace,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<Option<Vec<Hash32>>, Refusal> {
    let mut ids = Some(Vec::new());
    let limits = reader.limits();
    let mut n = 0;
    field.elements(limits, |value| {
        let element = Field { name: "tx", value };
        let index = u32::try_from(n).ok();
        let id = reader.alone(("tx", n), events, |reader, events| {
            let Value::Object(_) = value else { return element.need(element.hash()?) };
            let item = BitcoindItem(element.need(element.object(limits, &KEYS)?)?);
            let inclusion = place.inclusion.map(|i| Inclusion { index, ..i });
            let place = transaction::TxPlace { inclusion, ..*place };
            transaction::read_placed(&item, &place, reader, events)
        });
        ids = ids.take().zip(id).map(|(mut ids, id)| {
            ids.push(id);
            ids
        });
        n += 1;
        Ok(())
    })?;
    Ok(ids)
}

/// Puts the header together and checks that it hashes to the block's id; false when a field is
/// missing, or the chain's header has others or another hash (Zcash, Dash).
fn is_header_verified(
    item: &BitcoindItem<'_>,
    hash: &Hash32,
    merkle_root: &Hash32,
    reader: &mut Reader<'_>,
) -> Result<bool, Refusal> {
    let recipe = Coin::of(&reader.settings.chain).map(|coin| coin.header);
    if recipe == Some(HeaderRecipe::Other) {
        return Ok(false);
    }
    let version = version(item.at(BitcoindKey::Version), reader)?;
    let time: Option<u32> = item.at(BitcoindKey::Time).count(reader)?;
    let nonce: Option<u32> = match item.at(BitcoindKey::Nonce).value {
        Value::Whole(_) => item.at(BitcoindKey::Nonce).count(reader)?,
        _ => None,
    };
    let bits = item.at(BitcoindKey::Bits).text()?.and_then(hex::array).map(u32::from_be_bytes);
    let (Some(version), Some(time), Some(nonce), Some(bits)) = (version, time, nonce, bits) else {
        return Ok(false);
    };
    let reversed = |mut hash: Hash32| {
        hash.0.reverse();
        hash.0
    };
    // The first block's parent is all zeros.
    let parent = reversed(item.at(BitcoindKey::Previous).hash()?.unwrap_or_default());
    let computed = display_hash(&[
        &version.to_le_bytes(),
        &parent,
        &reversed(*merkle_root),
        &time.to_le_bytes(),
        &bits.to_le_bytes(),
        &nonce.to_le_bytes(),
    ]);
    if computed == *hash || recipe.is_none() {
        // Of an unknown chain nobody knows what an id is the hash of: nothing is refuted.
        return Ok(computed == *hash);
    }
    let refusal = item
        .at(BitcoindKey::Hash)
        .refuse(Reason::CheckFailed, "the header hashes to something else");
    reader.weigh(Err(refusal), reader.limits().checks.hash)
}
