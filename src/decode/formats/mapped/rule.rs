//! One record by one rule: a payment, a transfer or a notice.

use super::{
    account, amount, instant,
    mapping::{AccountField, CountField, RecordRule, RuleKind},
    path::Source,
};
use crate::{
    decode::{
        Reason, Refusal, SkipReason,
        json::{
            Value,
            field::{Reader, refuse},
            keys::Field,
        },
        value::hex,
    },
    model::{
        Address, Body, Calldata, Event, EvmTx, Family, Hash32, Inclusion, Notice, Outcome,
        OutcomeStatus, TokenAmount, TokenStandard, Transfer, TransferSource, Tx, TxBody,
    },
};

/// Reads a record, or the element at position `i` of an array in it.
pub(super) fn read(
    rule: &RecordRule,
    source: &Source<'_>,
    i: u32,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    if reader.settings.chain.family != Family::Evm {
        let what = "a mapping reads payments between accounts, which this chain does not have";
        return Err(refuse(Reason::ChainMismatch, what));
    }
    let body = match rule.kind {
        RuleKind::Payment => payment(rule, source, reader)?,
        RuleKind::Transfer => transfer(rule, source, i, reader)?,
        _ => notice(rule, source, i, reader)?,
    };
    let (time, clock) = instant::read(rule.time.as_ref(), source, reader)?;
    events.push(Event { time, clock, quality: reader.quality, body });
    Ok(())
}

fn payment(
    rule: &RecordRule,
    source: &Source<'_>,
    reader: &mut Reader<'_>,
) -> Result<Body, Refusal> {
    let id = needed("id", id(rule, source, reader)?)?;
    let from = needed("from", account("from", &rule.from, source, reader)?)?;
    let to = account("to", &rule.to, source, reader)?;
    let value = match &rule.amount {
        Some(at) => amount::read(at, source, reader)?,
        None => None,
    };
    let body = EvmTx {
        from,
        to,
        value: needed("amount", value)?,
        nonce: count("nonce", &rule.nonce, source, reader)?,
        gas_limit: None,
        gas_price: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        max_fee_per_blob_gas: None,
        n_blobs: 0,
        n_authorizations: 0,
        n_access_entries: 0,
        tx_type: None,
        input: input(rule, source, reader)?,
        client_id: client_id(rule, source, reader)?,
    };
    let inclusion = inclusion(rule, source, reader)?;
    let outcome = outcome(rule, source, reader);
    Ok(Body::Tx(Box::new(Tx { id, body: TxBody::Evm(body), inclusion, outcome })))
}

fn transfer(
    rule: &RecordRule,
    source: &Source<'_>,
    i: u32,
    reader: &mut Reader<'_>,
) -> Result<Body, Refusal> {
    if outcome(rule, source, reader).is_some_and(|o| o.status == OutcomeStatus::Failed) {
        // What failed moved nothing.
        return Err(Refusal::Skip(SkipReason::NullResult));
    }
    let tx = needed("id", id(rule, source, reader)?)?;
    let amount = match &rule.amount {
        Some(at) => amount::read(at, source, reader)?,
        None => None,
    };
    let item = count("item", &rule.item, source, reader)?;
    let index = match item {
        Some(item) => {
            u32::try_from(item).map_err(|_| refuse(Reason::BadField, "item: more than 2^32"))?
        }
        None => i,
    };
    let moved = Transfer {
        tx: Some(tx),
        source: TransferSource::Log(index),
        token: Some(needed("token", account("token", &rule.token, source, reader)?)?),
        standard: TokenStandard::Erc20,
        from: needed("from", account("from", &rule.from, source, reader)?)?,
        to: needed("to", account("to", &rule.to, source, reader)?)?,
        amount: TokenAmount::Amount(needed("amount", amount)?),
        inclusion: inclusion(rule, source, reader)?,
    };
    Ok(Body::Transfer(Box::new(moved)))
}

fn notice(
    rule: &RecordRule,
    source: &Source<'_>,
    i: u32,
    reader: &mut Reader<'_>,
) -> Result<Body, Refusal> {
    let given = id(rule, source, reader)?;
    let id = given.unwrap_or_else(|| match source {
        Source::Json { root: Value::Object(raw) | Value::Array(raw), .. } => {
            account::digest(&[raw, &i.to_le_bytes()[..]].concat())
        }
        Source::Json { .. } => Hash32::default(),
        Source::Csv { cells, .. } => account::digest(cells.join(",").as_bytes()),
    });
    let amount = match &rule.amount {
        Some(at) => amount::read(at, source, reader)?,
        None => None,
    };
    let account = account("from", &rule.from, source, reader)?;
    Ok(Body::Notice(Box::new(Notice { id, account, amount })))
}

#[cold]
fn missing(name: &str) -> Refusal {
    refuse(Reason::MissingField, &format!("{name} is missing"))
}

fn needed<T>(name: &str, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| missing(name))
}

fn id(
    rule: &RecordRule,
    source: &Source<'_>,
    reader: &mut Reader<'_>,
) -> Result<Option<Hash32>, Refusal> {
    rule.id.as_ref().map_or(Ok(None), |at| account::id("id", at, source, reader))
}

/// Reads what the payer calls the payment: a name, which leaves its id what it is.
fn client_id(
    rule: &RecordRule,
    source: &Source<'_>,
    reader: &mut Reader<'_>,
) -> Result<Option<Hash32>, Refusal> {
    let Some(at) = &rule.client_id else { return Ok(None) };
    let quality = reader.quality;
    let id = account::id("client_id", at, source, reader)?;
    reader.quality = quality;
    Ok(id)
}

fn account(
    name: &'static str,
    at: &Option<AccountField>,
    source: &Source<'_>,
    reader: &Reader<'_>,
) -> Result<Option<Address>, Refusal> {
    at.as_ref().map_or(Ok(None), |at| account::read(name, at, source, reader))
}

fn count(
    name: &'static str,
    at: &Option<CountField>,
    source: &Source<'_>,
    reader: &mut Reader<'_>,
) -> Result<Option<u64>, Refusal> {
    let Some(at) = at else { return Ok(None) };
    if account::is_any(&at.path, &at.unset, source, reader) {
        return Ok(None);
    }
    let field = Field { name, value: source.get(&at.path, reader.limits()) };
    if name == "height" { field.height(reader) } else { field.count(reader) }
}

fn inclusion(
    rule: &RecordRule,
    source: &Source<'_>,
    reader: &mut Reader<'_>,
) -> Result<Option<Inclusion>, Refusal> {
    let Some(height) = count("height", &rule.height, source, reader)? else { return Ok(None) };
    let block = match &rule.block {
        Some(at) => account::id("block", at, source, reader)?,
        None => None,
    };
    let index = count("index", &rule.index, source, reader)?;
    Ok(Some(Inclusion { height, block, index: index.and_then(|i| u32::try_from(i).ok()) }))
}

fn outcome(rule: &RecordRule, source: &Source<'_>, reader: &Reader<'_>) -> Option<Outcome> {
    let at = rule.status.as_ref()?;
    let field = Field { name: "status", value: source.get(&at.path, reader.limits()) };
    if field.is_nothing() {
        return None;
    }
    let is_ok = account::is_any(&at.path, &at.ok, source, reader);
    Some(Outcome {
        status: if is_ok { OutcomeStatus::Ok } else { OutcomeStatus::Failed },
        gas_used: None,
        effective_gas_price: None,
        created: None,
        l1_fee: None,
    })
}

fn input(rule: &RecordRule, source: &Source<'_>, reader: &Reader<'_>) -> Result<Calldata, Refusal> {
    let Some(path) = &rule.input else { return Ok(Calldata::default()) };
    let field = Field { name: "input", value: source.get(path, reader.limits()) };
    let digits = field.hex_digits()?.unwrap_or_default();
    hex::digest(digits).ok_or_else(|| field.refuse(Reason::BadField, "no hex bytes"))
}
