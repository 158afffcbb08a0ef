//! How an admitted event becomes history: what writes the tables.

use super::{
    accounts::{
        payment::{Payment, Receipt},
        profile::{Profile, seconds},
        windows::{Window, WindowKind},
    },
    apply_transfer, apply_utxo,
    chain::{
        dedup::{SeenFact, fact_key},
        tx_logs::{TxLogs, tx_key},
    },
    graph::{
        edges::Pair,
        transfers::{NewTransfer, TransferEnd},
    },
    history::History,
    memory::Memory,
};
use crate::model::{
    AccountHasher, AccountKey, Address, Amount, Approval, BlockStep, Body, Chain, Event, EvmTx,
    Hash32, Log, OutcomeStatus, Reference, Tx, TxBody, TxId, TxOutcome,
};

/// What an event teaches goes through this: it has the tables, but neither the chain of blocks nor
/// what was witnessed.
pub(super) struct Learner<'a> {
    pub chain: &'a Chain,
    pub hasher: &'a AccountHasher,
    pub memory: &'a mut Memory,
}

impl Learner<'_> {
    /// Learns an event that is to be history now.
    pub fn learn(&mut self, event: &Event, reference: &Reference) {
        let fact = SeenFact::sealed(event, self.hasher);
        self.memory.facts.upsert(fact_key(event, self.hasher), fact, |seen| *seen = fact);
        self.memory.fees.count_applied();
        self.memory.observed_since.get_or_insert(event.time);
        match &event.body {
            Body::Tx(tx) => match &tx.body {
                TxBody::Evm(evm) => self.apply_evm(event, tx, evm),
                TxBody::Utxo(utxo) => apply_utxo::learn(self, event, tx, utxo, reference),
            },
            Body::Transfer(transfer) => apply_transfer::learn(self, event, transfer),
            Body::Approval(approval) => self.apply_approval(event, approval),
            Body::Log(log) => self.apply_log(event, log),
            Body::Block(step) => self.apply_block(step),
            Body::Outcome(outcome) => self.apply_outcome(event, outcome),
            // What nodes witness is no account history, nor are calls that moved nothing.
            Body::Observation(_) | Body::Trace(_) | Body::Asset(_) | Body::Notice(_) => {}
        }
    }

    /// Returns the same to be read only.
    pub fn history(&self) -> History<'_> {
        History { chain: self.chain, hasher: self.hasher, memory: self.memory }
    }

    /// Returns the key of an address.
    pub fn key(&self, address: &Address) -> AccountKey {
        self.hasher.key(address)
    }

    fn apply_block(&mut self, step: &BlockStep) {
        if let Some(base_fee) = step.base_fee_per_gas {
            self.memory.fees.set_base_fee(base_fee.to_f64());
        }
    }

    /// Learns a receipt that came apart from its transaction: a failed call is counted against the
    /// contract. What the body has already taught (a payment) is not unlearned.
    fn apply_outcome(&mut self, event: &Event, receipt: &TxOutcome) {
        if receipt.outcome.status == OutcomeStatus::Failed
            && let Some(to) = &receipt.to
        {
            self.count(WindowKind::FailedCalls1h, self.key(to), seconds(event.time));
        }
    }

    fn apply_evm(&mut self, event: &Event, tx: &Tx, evm: &EvmTx) {
        let time = seconds(event.time);
        let from = self.key(&evm.from);
        let created = tx.outcome.as_ref().and_then(|outcome| outcome.created.as_ref());
        let receiver = evm.to.as_ref().or(created);
        let is_failed = tx.is_failed();
        self.count(WindowKind::Sent10m, from, time);
        let value = evm.value.units(self.chain.native.decimals);
        let mut payment =
            Payment { time, value: (!is_failed).then_some(value), n_new_recipients: 0 };
        if let Some(address) = receiver {
            let to = self.key(address);
            let is_fresh_receiver = self.memory.profiles.get(to.0).is_none();
            let mut is_new_edge = false;
            if is_failed {
                self.count(WindowKind::FailedCalls1h, to, time);
            } else if evm.to.is_none() && evm.value.is_zero() {
                // A contract is born: it has an age from now on, but nobody has paid it.
                self.touch(to.0, time);
            } else if to != from {
                let receipt = self.receipt(from.0, to.0, time, value, evm.value);
                is_new_edge = receipt.n_payments_before == 0;
                payment.n_new_recipients = u32::from(is_new_edge);
                let fresh = Profile::first_seen_at(time);
                self.memory.profiles.upsert(to.0, fresh, |p| p.receive(&receipt));
            }
            self.memory.graph.push(&NewTransfer {
                from: TransferEnd::new(from, &evm.from),
                to: TransferEnd::new(to, address),
                time,
                value: payment.value.unwrap_or(0.0),
                token: None,
                tx: Some(tx.id),
                is_new_edge,
                is_fresh_receiver,
                is_failed,
            });
        }
        let fresh = Profile::first_seen_at(time);
        self.memory.profiles.upsert(from.0, fresh, |p| p.send(&payment));
        self.learn_gas_price(tx, evm);
    }

    /// Describes a payment to its receiver and counts it in the pair's edge.
    pub fn receipt(
        &mut self,
        from: u64,
        to: u64,
        time: u32,
        value: f64,
        amount: Amount,
    ) -> Receipt {
        let pair = Pair::new(AccountKey(from), AccountKey(to), None);
        let n_payments_before = self.memory.edges.pay(pair, time);
        let payer = self.memory.profiles.get(from);
        Receipt { n_payments_before, ..receipt_of(payer, time, value, amount) }
    }

    /// Makes sure that an account has a profile.
    fn touch(&mut self, account: u64, time: u32) {
        self.memory.profiles.upsert(account, Profile::first_seen_at(time), |_| ());
    }

    pub fn count(&mut self, kind: WindowKind, account: AccountKey, now: u32) {
        let key = kind.key(account, self.hasher);
        self.memory.windows.upsert(key, Window::default(), |window| window.add(kind, now));
    }

    fn learn_gas_price(&mut self, tx: &Tx, evm: &EvmTx) {
        let paid = tx.outcome.as_ref().and_then(|outcome| outcome.effective_gas_price);
        let Some(price) = paid.or(evm.gas_price) else { return };
        let base = self.memory.fees.stats().base_fee_per_gas.unwrap_or(0.0);
        self.memory.fees.push((price.to_f64() - base).max(0.0));
    }

    fn apply_approval(&mut self, event: &Event, approval: &Approval) {
        let Approval { tx, token, owner, spender, .. } = approval;
        let is_zero = approval.amount.is_some_and(Amount::is_zero);
        if is_zero && !self.history().is_approval_forgeable(tx, token, owner, spender) {
            return;
        }
        let token = self.key(token);
        self.note_logs(&approval.tx, seconds(event.time), |logs| {
            logs.n_approvals += 1;
            logs.n_zero += u32::from(is_zero);
            logs.count_token(token);
        });
    }

    fn apply_log(&mut self, event: &Event, log: &Log) {
        self.note_logs(&log.tx, seconds(event.time), |logs| logs.n_other += 1);
    }

    pub fn note_logs(&mut self, tx: &TxId, time: u32, learn: impl FnOnce(&mut TxLogs)) {
        let key = tx_key(tx, self.hasher);
        self.memory.tx_logs.upsert(key, TxLogs::default(), |logs| {
            logs.last_used = logs.last_used.max(time);
            learn(logs);
        });
    }
}

/// Describes the first payment of a payer to somebody.
pub(super) fn receipt_of(
    payer: Option<&Profile>,
    time: u32,
    value: f64,
    amount: Amount,
) -> Receipt {
    Receipt {
        time,
        value,
        is_round: is_round(amount),
        n_payments_before: 0,
        is_payer_fresh: payer.is_none(),
        payer: payer.map_or([0.0; 3], |payer| payer.as_payer(time)),
        is_payer_hub: payer.is_some_and(Profile::is_hub),
    }
}

/// Returns the first 8 bytes of a transaction id.
pub(super) fn tx_prefix(Hash32(id): &Hash32) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *id;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Returns whether an amount has at most two significant decimal digits.
fn is_round(amount: Amount) -> bool {
    const TEN: u128 = 10;
    let [low, high, 0, 0] = *amount.0.as_limbs() else { return amount.significant_digits() <= 2 };
    let v = u128::from(high) << 64 | u128::from(low);
    // One division by the right power of ten instead of one for each digit.
    let n_digits = v.checked_ilog10().map_or(0, |n| n + 1);
    v % TEN.pow(n_digits.saturating_sub(2)) == 0
}

/// Returns the address's end of a transfer, for accounts that are known by key only.
pub(super) fn end(key: u64, address: Option<&Address>) -> TransferEnd {
    let key = AccountKey(key);
    address
        .map_or(TransferEnd { key: key.0, ends: [0; 4] }, |address| TransferEnd::new(key, address))
}
