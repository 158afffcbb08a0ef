//! What token movements, and native ones beside a transaction's own value, teach.

use super::{
    accounts::{
        payment::{Payment, Receipt},
        profile::{Profile, seconds},
    },
    apply::{Learner, receipt_of},
    chain::tx_logs::{EVERYBODY, TokenStats, token_key},
    graph::{
        edges::Pair,
        transfers::{NewTransfer, TransferEnd},
    },
    history::History,
};
use crate::model::{AccountKey, Amount, Event, TokenAmount, Transfer, TransferSource};

/// Learns a token movement, or a native one beside a transaction's own value.
pub(super) fn learn(learner: &mut Learner<'_>, event: &Event, transfer: &Transfer) {
    let time = seconds(event.time);
    let (from, to) = (learner.key(&transfer.from), learner.key(&transfer.to));
    let token = transfer.token.as_ref().map(|token| learner.key(token));
    let amount = match transfer.amount {
        TokenAmount::Amount(amount) | TokenAmount::AmountOrId(amount) => amount,
        TokenAmount::TokenId(_) => Amount::from_u64(1),
    };
    let value = match token {
        Some(_) => amount.to_f64(),
        None => amount.units(learner.chain.native.decimals),
    };
    let is_fresh_receiver =
        learner.memory.profiles.get(to.0).is_none() && !learner.memory.graph.knows(to);
    let is_void = amount.is_zero() && is_void(learner.history(), transfer);
    // Withdrawals and rewards come from nobody: they are no edge.
    let is_minted =
        matches!(transfer.source, TransferSource::Withdrawal(_) | TransferSource::Reward);
    let is_edge = !is_minted && from != to;
    let n_before = is_edge.then(|| learner.memory.edges.pay(Pair::new(from, to, token), time));
    learner.memory.graph.push(&NewTransfer {
        from: TransferEnd::new(from, &transfer.from),
        to: TransferEnd::new(to, &transfer.to),
        time,
        value,
        token,
        tx: transfer.tx,
        is_new_edge: n_before == Some(0),
        is_fresh_receiver,
        is_failed: false,
    });
    let Some(token) = token else { return };
    if transfer.token_payment().is_some() {
        learn_token_payment(learner, (from, to), token, time, amount, n_before.unwrap_or(0));
    }
    for (account, is_in) in [(from, false), (to, true)] {
        let key = token_key(account, token, learner.hasher);
        let learn = |stats: &mut TokenStats| stats.learn(value, is_in, time);
        learner.memory.tokens.upsert(key, TokenStats::default(), learn);
    }
    if let Some(tx) = &transfer.tx
        && !is_void
    {
        learner.note_logs(tx, time, |logs| {
            logs.n_transfers += 1;
            logs.n_zero += u32::from(amount.is_zero());
            logs.count_token(token);
        });
    }
}

/// Returns whether a transfer of nothing tells nothing: nobody's name is used but by its owner.
fn is_void(history: History<'_>, transfer: &Transfer) -> bool {
    let (Some(tx), Some(token)) = (&transfer.tx, &transfer.token) else { return false };
    !history.is_forgeable(tx, token, &transfer.from, &transfer.to)
}

/// Learns a payment in the token profiles of its ends, in typical amounts of the token, and in
/// what is typical of it.
fn learn_token_payment(
    learner: &mut Learner<'_>,
    (from, to): (AccountKey, AccountKey),
    token: AccountKey,
    time: u32,
    amount: Amount,
    n_payments_before: u32,
) {
    // A token that nobody knows yet moves what it usually does.
    let typical = learner.memory.tokens.get(token_key(EVERYBODY, token, learner.hasher));
    let value = typical.and_then(|t| t.in_typical(amount.to_f64())).unwrap_or(1.0);
    let profiles = &mut learner.memory.token_profiles;
    let receipt =
        Receipt { n_payments_before, ..receipt_of(profiles.get(from.0), time, value, amount) };
    let n_new_recipients = u32::from(n_payments_before == 0);
    let fresh = Profile::first_seen_at(time);
    profiles.upsert(to.0, fresh, |p| p.receive(&receipt));
    let payment = Payment { time, value: Some(value), n_new_recipients };
    profiles.upsert(from.0, fresh, |p| p.send(&payment));
    let key = token_key(EVERYBODY, token, learner.hasher);
    let learn = |stats: &mut TokenStats| stats.learn(amount.to_f64(), true, time);
    learner.memory.tokens.upsert(key, TokenStats::default(), learn);
}
