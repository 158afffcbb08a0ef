//! What token movements, and native ones beside a transaction's own value, teach.

use super::{
    State,
    accounts::{
        payment::{Payment, Receipt},
        profile::{Profile, seconds},
    },
    apply::receipt_of,
    chain::tx_logs::{EVERYBODY, TokenStats, token_key},
    graph::{
        edges::Pair,
        transfers::{End, NewTransfer},
    },
};
use crate::model::{AccountKey, Amount, Event, TokenAmount, Transfer, TransferSource};

impl State {
    pub(super) fn apply_transfer(&mut self, event: &Event, transfer: &Transfer) {
        let time = seconds(event.time);
        let (from, to) = (self.key(&transfer.from), self.key(&transfer.to));
        let token = transfer.token.as_ref().map(|token| self.key(token));
        let amount = match transfer.amount {
            TokenAmount::Amount(amount) | TokenAmount::AmountOrId(amount) => amount,
            TokenAmount::TokenId(_) => Amount::from_u64(1),
        };
        let value = match token {
            Some(_) => amount.to_f64(),
            None => amount.units(self.chain.native.decimals),
        };
        let is_fresh_receiver =
            self.memory.profiles.get(to.0).is_none() && !self.memory.graph.knows(to);
        let is_void = amount.is_zero() && self.is_void(transfer);
        // Withdrawals and rewards come from nobody: they are no edge.
        let is_minted =
            matches!(transfer.source, TransferSource::Withdrawal(_) | TransferSource::Reward);
        let is_edge = !is_minted && from != to;
        let n_before = is_edge.then(|| self.memory.edges.pay(Pair::new(from, to, token), time));
        self.memory.graph.push(&NewTransfer {
            from: End::new(from, &transfer.from),
            to: End::new(to, &transfer.to),
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
            self.learn_token_payment((from, to), token, time, amount, n_before.unwrap_or(0));
        }
        for (account, is_in) in [(from, false), (to, true)] {
            let key = token_key(account, token, &self.hasher);
            let learn = |stats: &mut TokenStats| stats.learn(value, is_in, time);
            self.memory.tokens.upsert(key, TokenStats::default(), learn);
        }
        if let Some(tx) = &transfer.tx
            && !is_void
        {
            self.note_logs(tx, time, |logs| {
                logs.n_transfers += 1;
                logs.n_zero += u32::from(amount.is_zero());
                logs.count_token(token);
            });
        }
    }

    /// Returns whether a transfer of nothing tells nothing: nobody's name is used but by its owner.
    fn is_void(&self, transfer: &Transfer) -> bool {
        let (Some(tx), Some(token)) = (&transfer.tx, &transfer.token) else { return false };
        !self.is_forgeable(tx, token, &transfer.from, &transfer.to)
    }

    /// Learns a payment in the token profiles of its ends, in typical amounts of the token, and in
    /// what is typical of it.
    fn learn_token_payment(
        &mut self,
        (from, to): (AccountKey, AccountKey),
        token: AccountKey,
        time: u32,
        amount: Amount,
        n_payments_before: u32,
    ) {
        // A token that nobody knows yet moves what it usually does.
        let value = self.token_value(token, amount).unwrap_or(1.0);
        let profiles = &mut self.memory.token_profiles;
        let receipt =
            Receipt { n_payments_before, ..receipt_of(profiles.get(from.0), time, value, amount) };
        let n_new_recipients = u32::from(n_payments_before == 0);
        let fresh = Profile::first_seen_at(time);
        profiles.upsert(to.0, fresh, |p| p.receive(&receipt));
        let payment = Payment { time, value: Some(value), n_new_recipients };
        profiles.upsert(from.0, fresh, |p| p.send(&payment));
        let key = token_key(EVERYBODY, token, &self.hasher);
        let learn = |stats: &mut TokenStats| stats.learn(amount.to_f64(), true, time);
        self.memory.tokens.upsert(key, TokenStats::default(), learn);
    }
}
