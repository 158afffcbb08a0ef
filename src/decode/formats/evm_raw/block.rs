//! Raw EVM blocks: `[header, transactions, uncles, (withdrawals)]`, alone or as a `NewBlock`.

use super::{HASH, bad, check_items, is_foreign, transaction};
use crate::{
    decode::{
        Policy, Refusal, SkipReason,
        evm::{
            TX_TYPE_DEPOSIT, WEI_PER_GWEI, keccak, note_contents, recipe,
            rlp::{RlpFlaw, RlpItem, RlpItems},
            trie::Committed,
            withdrawal,
        },
        json::{Value, field::Reader, keys::Field},
        value::time,
    },
    model::{
        Address, Amount, BlockStep, Body, Chain, Event, Hash32, Inclusion, Quality, Step, Transfer,
    },
};
use ruint::aliases::U256;

/// Bytes of the bloom filter in a header.
const BLOOM: usize = 256;
/// Items of a header that forks append behind the nonce.
const TAIL_MAX: u32 = 16;

/// Lists that forks may append to a block.
const LISTS_MORE_MAX: u32 = 4;

/// What is read of a header.
struct RawHeader {
    parent: [u8; HASH],
    uncles_hash: [u8; HASH],
    txs_root: [u8; HASH],
    withdrawals_root: Option<[u8; HASH]>,
    height: u64,
    gas_limit: u64,
    gas_used: u64,
    seconds: u64,
    base_fee: Option<Amount>,
}

/// Reads the message that carries a new block: the block, its total difficulty, what BSC adds.
pub(super) fn read_new(
    mut items: RlpItems<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let block = items.need().and_then(RlpItem::list).map_err(bad)?;
    items.uint::<HASH>().map_err(bad)?;
    read(block, reader, events)
}

/// Reads a block: its step, its transactions, its withdrawals.
pub(super) fn read(
    mut items: RlpItems<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let chain = &reader.settings.chain;
    let (header, raw) = items.next_raw().map_err(bad)?.ok_or_else(|| bad("no header"))?;
    let hash = Hash32(keccak(&[raw]));
    let header = header.list().and_then(|items| read_header(items, chain)).map_err(bad)?;
    let seconds = Field { name: "timestamp", value: Value::Whole(header.seconds) };
    let (time, clock) = time::block_time(seconds, Some(header.height), reader)?;
    let txs = items.need().and_then(RlpItem::list).map_err(bad)?;
    let n_transactions = txs.count().map_err(bad)?;
    reader.quality |= Quality::ID_COMPUTED;
    let event = |quality, body| Event { time, clock, quality, body };
    let step = BlockStep {
        step: Step::Committed,
        height: Some(header.height),
        hash,
        parent: Some(Hash32(header.parent)),
        n_transactions: Some(n_transactions),
        base_fee_per_gas: header.base_fee,
        gas_used: Some(header.gas_used),
        gas_limit: Some(header.gas_limit),
    };
    let quality = reader.quality;
    let n_before = events.len();
    events.push(event(quality, Body::Block(Box::new(step))));
    let inclusion = Inclusion { height: header.height, block: Some(hash), index: None };
    let place = transaction::RawTxPlace { inclusion, base_fee: header.base_fee };
    let list = read_transactions(txs, place, reader, events, event)?;
    let (uncles, raw_uncles) = items.next_raw().map_err(bad)?.ok_or_else(|| bad("no uncles"))?;
    uncles.list().map_err(bad)?;
    let withdrawals = items.next().map_err(bad)?;
    let mut withdrawn = None;
    if let Some(withdrawals) = withdrawals {
        let list = withdrawals.list().map_err(bad)?;
        let event = |body| event(quality, body);
        withdrawn = Some(read_withdrawals(list, inclusion, &event, reader, events)?);
    }
    // A fork may put more lists behind: what is in them is not known, but the rest is.
    if items.count().map_err(bad)? > LISTS_MORE_MAX {
        return Err(bad("a block of too many lists"));
    }
    reader.quality = if items.is_end() { Quality::empty() } else { Quality::PARTIAL };
    // On rollups, whose blocks have deposits, the root is of another thing (OP Stack, Isthmus).
    let is_rollup = list.has_type(TX_TYPE_DEPOSIT);
    let withdrawn = withdrawn.filter(|list| !list.is_empty() || !is_rollup);
    let withdrawals = header.withdrawals_root.zip(withdrawn.and_then(|list| list.root()));
    let is_right = list.root() == Some(header.txs_root)
        && keccak(&[raw_uncles]) == header.uncles_hash
        && withdrawals.is_none_or(|(root, computed)| root == computed);
    let is_known = recipe::at(chain, Some(header.height)).is_some();
    let policy = if is_known { reader.limits().checks.merkle } else { Policy::Ignore };
    let what = "other transactions, uncles or withdrawals than the header's";
    reader.judge(is_right, Quality::CONTENT_VERIFIED, policy, what)?;
    note_contents(reader.quality, &mut events[n_before..]);
    Ok(())
}

/// Reads the transactions of a block, each refused alone; returns what the header commits to.
fn read_transactions(
    mut txs: RlpItems<'_>,
    mut place: transaction::RawTxPlace,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
    event: impl Fn(Quality, Body) -> Event,
) -> Result<Committed, Refusal> {
    let mut list = Committed::default();
    let mut n = 0;
    while let Some((item, raw)) = txs.next_raw().map_err(bad)? {
        check_items(events.len(), reader)?;
        let raw = if let RlpItem::Bytes(inner) = item { inner } else { raw };
        list.push(Some(raw.to_vec()));
        place.inclusion.index = u32::try_from(n).ok();
        reader.alone(("transactions", n), events, |reader, events| {
            let body = match transaction::read(raw, Some(&place), reader) {
                // Of another chain, or of the future.
                Err(_) if is_foreign(raw) => {
                    return Err(Refusal::Skip(SkipReason::UnsupportedType));
                }
                body => body?,
            };
            events.push(event(reader.quality, body));
            Ok(())
        });
        n += 1;
    }
    Ok(list)
}

/// Reads withdrawals, each refused alone; returns the list that the block commits to.
fn read_withdrawals(
    mut items: RlpItems<'_>,
    inclusion: Inclusion,
    event: &impl Fn(Body) -> Event,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<Committed, Refusal> {
    let mut list = Committed::default();
    let mut n = 0;
    while let Some((item, raw)) = items.next_raw().map_err(bad)? {
        check_items(events.len(), reader)?;
        list.push(Some(raw.to_vec()));
        let transfer = item.list().and_then(|fields| read_withdrawal(fields, inclusion));
        reader.alone(("withdrawals", n), events, |_, events| {
            events.push(event(Body::Transfer(Box::new(transfer.map_err(bad)?))));
            Ok(())
        });
        n += 1;
    }
    Ok(list)
}

/// Reads a header; behind its nonce only where the chain is known to have there what Ethereum has.
///
/// # Source
/// Yellow Paper §4.3.4; EIP-1559 for the base fee. What later forks append is hashed, not read.
fn read_header(mut items: RlpItems<'_>, chain: &Chain) -> Result<RawHeader, RlpFlaw> {
    let (parent, uncles_hash) = (items.array()?, items.array()?);
    items.array::<20>()?;
    let [_state_root, txs_root, _receipts_root] = [items.array()?, items.array()?, items.array()?];
    items.array::<BLOOM>()?;
    items.uint::<HASH>()?;
    let height = items.number()?;
    let (gas_limit, gas_used, seconds) = (items.number()?, items.number()?, items.number()?);
    items.need()?.bytes()?;
    items.array::<HASH>()?;
    items.array::<8>()?;
    if items.count()? > TAIL_MAX {
        return Err("a header that is too long");
    }
    let has_tail = recipe::at(chain, Some(height)).is_some() && !items.is_end();
    let (mut base_fee, mut withdrawals_root) = (None, None);
    if has_tail {
        base_fee = Some(Amount(U256::from_be_bytes(items.uint::<HASH>()?)));
        withdrawals_root = items.array().ok();
    }
    Ok(RawHeader {
        parent,
        uncles_hash,
        txs_root,
        withdrawals_root,
        height,
        gas_limit,
        gas_used,
        seconds,
        base_fee,
    })
}

fn read_withdrawal(mut items: RlpItems<'_>, inclusion: Inclusion) -> Result<Transfer, RlpFlaw> {
    let index = items.number()?;
    items.number()?;
    let to = Address::Evm(items.array()?);
    let wei = U256::from(items.number()?) * U256::from(WEI_PER_GWEI);
    items.end()?;
    Ok(Transfer { inclusion: Some(inclusion), ..withdrawal::of(index, to, Amount(wei)) })
}
