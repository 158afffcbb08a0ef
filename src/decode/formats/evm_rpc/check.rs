//! Whether a transaction's or block's fields hash to its id, its signature is its sender's, and a
//! block holds what its header commits to and nothing of other blocks.
//!
//! The encoding that was hashed is rebuilt from the fields. What lacks a field of it (a light
//! exporter) cannot be checked, and carries no verified flag. What has them and hashes to something
//! else is refuted only on chains whose recipe is known (`evm::recipe`), and never where a header
//! shows a field that no recipe knows: that is how a fork looks on its day.

use super::{
    encode,
    item::{RpcItem, RpcKey},
};
use crate::{
    decode::{
        Refusal,
        evm::{
            TX_TYPE_DEPOSIT, keccak,
            recipe::{self, Recipe, RecipeMatch},
            signed::Signed,
            trie::Committed,
        },
        json::field::Reader,
    },
    model::{Address, Chain, EvmTx, Hash32, Inclusion, Quality},
};

/// Receipts below had a state root where later ones have a status, which some nodes do not keep:
/// the height of the Byzantium fork, and of Ethereum Classic's counterpart.
const STATUS_MIN: [(&str, u64); 2] = [(Chain::ETHEREUM, 4_370_000), ("eip155:61", 8_772_000)];

/// What a block shows of the lists that its header commits to; `None` where it shows none.
#[derive(Default)]
pub(super) struct Contents {
    pub txs: Option<Committed>,
    pub receipts: Option<Committed>,
    pub withdrawals: Option<Committed>,
}

/// Checks a transaction's id and sender as far as the policies want it; returns the transaction as
/// it stands in a block, where that can be told: what has another id does not.
pub(super) fn transaction(
    item: &RpcItem<'_>,
    id: &Hash32,
    body: &EvmTx,
    height: Option<u64>,
    reader: &mut Reader<'_>,
) -> Result<Option<Vec<u8>>, Refusal> {
    let (limits, checks) = (reader.limits(), reader.limits().checks);
    if ![checks.hash, checks.sender, checks.merkle].iter().any(|policy| policy.is_wanted()) {
        return Ok(None);
    }
    let tx_type = body.tx_type.unwrap_or_else(|| encode::type_shown(item));
    let recipe = recipe::at(&reader.settings.chain, height);
    if tx_type == TX_TYPE_DEPOSIT {
        let Some(encoded) = encode::deposit(item, limits) else { return Ok(None) };
        let is_known = recipe == Some(Recipe::OpStack);
        let found = RecipeMatch::of(keccak(&[&encoded]) == id.0, is_known);
        reader.judge_hash(found, checks.hash, "not its hash")?;
        return Ok((found == RecipeMatch::Verified).then_some(encoded));
    }
    let Some((fields, signature)) = encode::transaction(item, tx_type, limits) else {
        return Ok(None);
    };
    let signed = Signed { tx_type, fields: &fields, signature };
    let encoded = signed.encoding();
    // Of what does not say its type the type is guessed, and a wrong guess refutes nothing.
    let is_known = recipe.is_some() && (body.tx_type.is_some() || tx_type == 0);
    let found = RecipeMatch::of(keccak(&[&encoded]) == id.0, is_known);
    reader.judge_hash(found, checks.hash, "not its hash")?;
    // Of other bytes than those that were signed, nobody is the sender.
    let is_signed = found == RecipeMatch::Verified && checks.sender.is_wanted();
    if is_signed && reader.may_check_signature() {
        let is_right = signed.sender().map(Address::Evm).as_ref() == Some(&body.from);
        reader.judge(is_right, Quality::SENDER_VERIFIED, checks.sender, "not its signer")?;
    }
    Ok((found == RecipeMatch::Verified).then_some(encoded))
}

/// Checks a block's hash against its header, if the policy wants it; `reader` carries `UNVERIFIED`
/// where the recipe is not known.
pub(super) fn header(
    item: &RpcItem<'_>,
    hash: &Hash32,
    height: u64,
    reader: &mut Reader<'_>,
) -> Result<(), Refusal> {
    let policy = reader.limits().checks.hash;
    if !policy.is_wanted() {
        return Ok(());
    }
    let limits = reader.limits();
    let Some(encoded) = encode::header(item, limits) else { return Ok(()) };
    let is_equal = keccak(&[&encoded]) == hash.0;
    let is_known = || {
        recipe::at(&reader.settings.chain, Some(height)).is_some()
            && !item.has_foreign(limits, recipe::may_be_hashed)
    };
    let found = RecipeMatch::of(is_equal, is_equal || is_known());
    reader.judge_hash(found, policy, "not its header's hash")
}

/// Checks that what is in a block says so of itself: its hash, where it names one, and its height.
pub(super) fn place(
    item: &RpcItem<'_>,
    block: Option<Inclusion>,
    reader: &mut Reader<'_>,
) -> Result<(), Refusal> {
    let policy = reader.limits().checks.linkage;
    let Some(block) = block.filter(|_| policy.is_wanted()) else { return Ok(()) };
    let Some(own) = item.inclusion(reader)? else { return Ok(()) };
    let is_other = own.block.zip(block.block).is_some_and(|(own, block)| own != block);
    let is_right = own.height == block.height && !is_other;
    reader.judge(is_right, Quality::empty(), policy, "stands in another block than it says")
}

/// Returns a receipt as its block commits to it, where that can be told.
pub(super) fn receipt(
    item: &RpcItem<'_>,
    tx_type: Option<u8>,
    height: Option<u64>,
    reader: &Reader<'_>,
) -> Option<Vec<u8>> {
    let chain = &*reader.settings.chain.id;
    let is_old = |&(id, min): &(&str, u64)| chain == id && height.is_some_and(|h| h < min);
    if item.has(RpcKey::Status) && STATUS_MIN.iter().any(is_old) {
        return None;
    }
    let is_wanted = reader.limits().checks.merkle.is_wanted();
    is_wanted.then(|| encode::receipt(item, tx_type, reader.limits())).flatten()
}

/// The lists of a block that its header refutes, where the policy refuses them.
#[derive(Default)]
pub(super) struct RefutedLists {
    pub receipts: bool,
    pub withdrawals: bool,
}

/// Checks that a block holds what its header commits to, list by list; `reader` carries
/// `CONTENT_VERIFIED` when that is so of all that it shows, its transactions among them.
///
/// Other transactions refute the block. Other receipts or withdrawals are refused by themselves.
pub(super) fn contents(
    item: &RpcItem<'_>,
    contents: &Contents,
    height: u64,
    reader: &mut Reader<'_>,
) -> Result<RefutedLists, Refusal> {
    let policy = reader.limits().checks.merkle;
    let mut refuted = RefutedLists::default();
    // What a header of unknown recipe commits to, it may commit to in other ways as well.
    let is_known = recipe::at(&reader.settings.chain, Some(height)).is_some();
    if !policy.is_wanted() || reader.quality.contains(Quality::UNVERIFIED) {
        return Ok(refuted);
    }
    // On rollups, whose blocks have deposits, the root is of another thing (OP Stack, Isthmus).
    let txs = contents.txs.as_ref();
    let is_first_layer = txs.is_some_and(|txs| txs.is_known() && !txs.has_type(TX_TYPE_DEPOSIT));
    let withdrawals = contents.withdrawals.as_ref();
    let withdrawals = withdrawals.filter(|list| !list.is_empty() || is_first_layer);
    let lists = [
        (RpcKey::TransactionsRoot, txs, "other transactions than the header's"),
        (RpcKey::WithdrawalsRoot, withdrawals, "other withdrawals than the header's"),
        (RpcKey::ReceiptsRoot, contents.receipts.as_ref(), "other receipts than the header's"),
    ];
    let mut is_whole = true;
    for (key, list, what) in lists {
        let is_needed = matches!(key, RpcKey::TransactionsRoot);
        let Some(list) = list else {
            is_whole &= !is_needed;
            continue;
        };
        // No list hashes to zero: chains without such roots (ZKsync) write it.
        let root = item.at(key).hash()?.filter(|root| *root != Hash32::default());
        match root.zip(list.root()) {
            Some((root, computed)) if is_known || computed == root.0 => {
                let is_right = computed == root.0;
                is_whole &= is_right;
                match (reader.judge(is_right, Quality::empty(), policy, what), key) {
                    (Ok(()), _) => continue,
                    (Err(refusal), RpcKey::ReceiptsRoot | RpcKey::WithdrawalsRoot) => {
                        reader.refused.push(refusal);
                    }
                    (refused, _) => refused?,
                }
                refuted.receipts |= matches!(key, RpcKey::ReceiptsRoot);
                refuted.withdrawals |= matches!(key, RpcKey::WithdrawalsRoot);
            }
            Some(_) | None => is_whole = false,
        }
    }
    if is_whole {
        reader.quality |= Quality::CONTENT_VERIFIED;
    }
    Ok(refuted)
}
