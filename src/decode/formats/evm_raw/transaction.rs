//! Raw EVM transactions: legacy, EIP-2930, 1559, 4844 (with or without its blobs), 7702, and the
//! deposits of optimistic rollups.

use super::{HASH, bad};
use crate::{
    decode::{
        Reason, Refusal,
        evm::{
            TX_TYPE_DEPOSIT, check_chain, keccak,
            rlp::{self, RlpFlaw, RlpItem, RlpItems},
            signed::{Signature, Signed},
        },
        json::field::{Reader, refuse},
        value::hex,
    },
    model::{Address, Amount, Body, EvmTx, Hash32, Inclusion, Quality, Tx, TxBody},
};
use ruint::aliases::U256;

/// The block that a transaction is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawTxPlace {
    pub inclusion: Inclusion,
    pub base_fee: Option<Amount>,
}

/// A transaction and what it needs to be checked.
struct ParsedTx<'a> {
    body: EvmTx,
    /// `None` for deposits, which nobody signs.
    signed: Option<Signed<'a>>,
    chain: Option<u64>,
}

/// Reads a transaction from its bytes (EIP-2718); its id is computed, its sender recovered.
pub(super) fn read(
    raw: &[u8],
    place: Option<&RawTxPlace>,
    reader: &mut Reader<'_>,
) -> Result<Body, Refusal> {
    let (id, parsed) = match raw {
        [first, ..] if *first >= 0xc0 => {
            let items = rlp::only(raw).and_then(RlpItem::list).map_err(bad)?;
            (keccak(&[raw]), legacy(items).map_err(bad)?)
        }
        [3, rest @ ..] => blobs(rest).map_err(bad)?,
        [kind @ (1 | 2 | 4), rest @ ..] => {
            let items = rlp::only(rest).and_then(RlpItem::list).map_err(bad)?;
            (keccak(&[raw]), typed(*kind, items).map_err(bad)?)
        }
        [TX_TYPE_DEPOSIT, rest @ ..] => {
            let items = rlp::only(rest).and_then(RlpItem::list).map_err(bad)?;
            (keccak(&[raw]), deposit(items).map_err(bad)?)
        }
        _ => return Err(refuse(Reason::BadBinary, "no transaction type")),
    };
    let ParsedTx { mut body, signed, chain } = parsed;
    if let Some(chain) = chain {
        check_chain(chain, reader)?;
    }
    reader.quality |= Quality::ID_COMPUTED;
    if let Some(signed) = signed {
        if !reader.may_check_signature() {
            return Err(refuse(Reason::LimitExceeded, "too many signatures in one record"));
        }
        let sender = signed.sender();
        let unsigned = || refuse(Reason::CheckFailed, "no key has made this signature");
        body.from = Address::Evm(sender.ok_or_else(unsigned)?);
        reader.quality |= Quality::SENDER_VERIFIED;
    }
    if let (Some(base), Some(max), Some(tip)) =
        (place.and_then(|p| p.base_fee), body.max_fee_per_gas, body.max_priority_fee_per_gas)
    {
        body.gas_price = Some(Amount(max.0.min(base.0.saturating_add(tip.0))));
    }
    let inclusion = place.map(|p| p.inclusion);
    Ok(Body::Tx(Box::new(Tx { id: Hash32(id), body: TxBody::Evm(body), inclusion, outcome: None })))
}

/// Reads a blob transaction, which between nodes carries its blobs: `[tx, (version), blobs, …]`.
fn blobs(rest: &[u8]) -> Result<([u8; 32], ParsedTx<'_>), RlpFlaw> {
    let items = rlp::only(rest)?.list()?;
    let Some((RlpItem::List(inner), raw)) = { items }.next_raw()? else {
        return Ok((keccak(&[&[3], rest]), typed(3, items)?));
    };
    let n_items = items.count()?;
    if !(4..=5).contains(&n_items) {
        return Err("no blobs, commitments and proofs behind the transaction");
    }
    Ok((keccak(&[&[3], raw]), typed(3, RlpItems::of(inner))?))
}

/// What all but deposits have in common.
struct RawCall {
    to: Option<Address>,
    value: Amount,
    input: crate::model::Calldata,
}

fn call(items: &mut RlpItems<'_>) -> Result<RawCall, RlpFlaw> {
    let to = match items.need()?.bytes()? {
        [] => None,
        to => Some(Address::Evm(to.try_into().map_err(|_| "a receiver that is no address")?)),
    };
    let value = amount(items)?;
    Ok(RawCall { to, value, input: hex::digest_bytes(items.need()?.bytes()?) })
}

fn amount(items: &mut RlpItems<'_>) -> Result<Amount, RlpFlaw> {
    Ok(Amount(U256::from_be_bytes(items.uint::<32>()?)))
}

fn legacy(mut items: RlpItems<'_>) -> Result<ParsedTx<'_>, RlpFlaw> {
    let all = items;
    let nonce = items.number()?;
    let gas_price = amount(&mut items)?;
    let gas_limit = items.number()?;
    let call = call(&mut items)?;
    let fields = all.before(items);
    let signature = signature(&mut items)?;
    items.end()?;
    let chain = signature.legacy().ok_or("no signature of any chain")?.0;
    let signed = Signed { tx_type: 0, fields, signature };
    let body = EvmTx { gas_price: Some(gas_price), ..body(0, nonce, gas_limit, call) };
    Ok(ParsedTx { body, signed: Some(signed), chain })
}

fn typed(tx_type: u8, mut items: RlpItems<'_>) -> Result<ParsedTx<'_>, RlpFlaw> {
    let all = items;
    let chain = items.number()?;
    let nonce = items.number()?;
    let (mut gas_price, mut tip, mut max_fee) = (None, None, None);
    if tx_type == 1 {
        gas_price = Some(amount(&mut items)?);
    } else {
        tip = Some(amount(&mut items)?);
        max_fee = Some(amount(&mut items)?);
    }
    let gas_limit = items.number()?;
    let call = call(&mut items)?;
    if tx_type > 2 && call.to.is_none() {
        return Err("a type that creates no contract, without a receiver");
    }
    let n_access_entries = items.need()?.list()?.count()?;
    let (mut max_blob_fee, mut n_blobs, mut n_authorizations) = (None, 0, 0);
    if tx_type == 3 {
        max_blob_fee = Some(amount(&mut items)?);
        let mut hashes = items.need()?.list()?;
        while !hashes.is_end() {
            hashes.array::<HASH>()?;
            n_blobs += 1;
        }
    }
    if tx_type == 4 {
        n_authorizations = items.need()?.list()?.count()?;
    }
    let fields = all.before(items);
    let signature = signature(&mut items)?;
    items.end()?;
    if signature.v > 1 {
        return Err("a parity that is neither 0 nor 1");
    }
    let body = EvmTx {
        gas_price,
        max_fee_per_gas: max_fee,
        max_priority_fee_per_gas: tip,
        max_fee_per_blob_gas: max_blob_fee,
        n_blobs,
        n_authorizations,
        n_access_entries,
        ..body(tx_type, nonce, gas_limit, call)
    };
    let signed = Signed { tx_type, fields, signature };
    Ok(ParsedTx { body, signed: Some(signed), chain: Some(chain) })
}

/// Reads a deposit: source hash, from, to, mint, value, gas, whether it is the system's, input.
fn deposit(mut items: RlpItems<'_>) -> Result<ParsedTx<'_>, RlpFlaw> {
    items.array::<HASH>()?;
    let from = items.array()?;
    let to = match items.need()?.bytes()? {
        [] => None,
        to => Some(Address::Evm(to.try_into().map_err(|_| "a receiver that is no address")?)),
    };
    items.uint::<32>()?;
    let value = amount(&mut items)?;
    let gas_limit = items.number()?;
    items.uint::<1>()?;
    let input = hex::digest_bytes(items.need()?.bytes()?);
    items.end()?;
    let body = body(TX_TYPE_DEPOSIT, 0, gas_limit, RawCall { to, value, input });
    // Deposits have no nonce of their own.
    let body = EvmTx { from: Address::Evm(from), nonce: None, ..body };
    Ok(ParsedTx { body, signed: None, chain: None })
}

fn signature(items: &mut RlpItems<'_>) -> Result<Signature, RlpFlaw> {
    Ok(Signature { v: items.number()?, r: items.uint()?, s: items.uint()? })
}

fn body(tx_type: u8, nonce: u64, gas_limit: u64, call: RawCall) -> EvmTx {
    EvmTx {
        // Replaced by who signed.
        from: Address::EVM_ZERO,
        to: call.to,
        value: call.value,
        nonce: Some(nonce),
        gas_limit: Some(gas_limit),
        gas_price: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        max_fee_per_blob_gas: None,
        n_blobs: 0,
        n_authorizations: 0,
        n_access_entries: 0,
        tx_type: Some(tx_type),
        input: call.input,
        client_id: None,
    }
}
