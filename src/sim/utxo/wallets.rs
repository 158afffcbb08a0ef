//! Who lives on the simulated UTXO chain: users and exchanges with coins they really own.

use super::{
    address::{OutputKind, Script},
    draft::{DraftPayment, UnspentCoin, UtxoDraft, sat, vsize},
};
use crate::sim::rng::Rng;
use std::collections::VecDeque;

/// Coins an exchange may hold before it consolidates.
const EXCHANGE_COINS_MAX: usize = 400;
/// Below this an output costs more to spend than it is worth (Bitcoin Core's dust limit is 546).
const CHANGE_SAT_MIN: u64 = 2_000;
/// Background payments stay below this: whales are what incidents are for.
const BITCOIN_MAX: f64 = 3.0;

/// A user or an exchange.
#[derive(Clone, Debug)]
pub(super) struct Wallet {
    /// The address it gives to others, used again and again.
    pub(super) script: Script,
    coins: VecDeque<UnspentCoin>,
    contacts: [u32; 4],
    /// Mean of log10 of the bitcoin it pays.
    habit: f64,
}

/// Every wallet.
#[derive(Debug)]
pub(in crate::sim) struct Wallets {
    users: Vec<Wallet>,
    exchanges: Vec<Wallet>,
    pub(in crate::sim) sanctioned: Script,
}

impl Wallets {
    /// Makes wallets with coins from before the stream.
    pub(super) fn new(n_users: usize, rng: &mut Rng) -> Self {
        let n = n_users.max(16);
        let users = (0..n)
            .map(|_| {
                let mut user = Wallet::new(Script::any(rng), n, rng);
                // Eight coins spent oldest first: change comes up again only after seven others.
                for _ in 0..8 {
                    let bitcoin = rng.log_normal(user.habit + 0.5, 0.3).max(0.001);
                    user.coins.push_back(old_coin(user.script, sat(bitcoin), rng));
                }
                user
            })
            .collect();
        let exchanges = (0..3)
            .map(|_| {
                let mut exchange = Wallet::new(Script::fresh(OutputKind::P2wpkh, rng), n, rng);
                for _ in 0..40 {
                    let value = sat(rng.between(20.0, 60.0));
                    exchange.coins.push_back(old_coin(exchange.script, value, rng));
                }
                exchange
            })
            .collect();
        Self { users, exchanges, sanctioned: Script::fresh(OutputKind::P2wpkh, rng) }
    }

    /// Returns the address that an active user gives to others: `rank` 0 is the busiest.
    pub(in crate::sim) fn user(&self, rank: usize) -> Script {
        self.users[rank % self.users.len()].script
    }

    /// Returns the exchanges' addresses.
    pub(in crate::sim) fn exchanges(&self) -> impl Iterator<Item = Script> + '_ {
        self.exchanges.iter().map(|e| e.script)
    }

    /// Makes one ordinary transaction, if its payer has the coins for it.
    pub(super) fn draft(&mut self, fee_rate: f64, rng: &mut Rng) -> Option<UtxoDraft> {
        match rng.below(10) {
            0 => self.batch(fee_rate, rng),
            _ => self.payment(fee_rate, rng),
        }
    }

    fn payment(&mut self, fee_rate: f64, rng: &mut Rng) -> Option<UtxoDraft> {
        let payer = rng.power_law(self.users.len());
        let user = &self.users[payer];
        let amount = round_sat(rng.log_normal(user.habit, 0.3).clamp(0.0002, BITCOIN_MAX), rng);
        let is_deposit = rng.chance(0.25);
        let contact = if rng.chance(0.85) {
            user.contacts[rng.index(user.contacts.len())] as usize
        } else {
            rng.power_law(self.users.len())
        };
        let exchange = rng.power_law(self.exchanges.len());
        let to =
            if is_deposit { self.exchanges[exchange].script } else { self.users[contact].script };
        let change = Script::fresh(user.script.kind, rng);
        let mut payments = vec![DraftPayment::to(to, amount)];
        if rng.chance(0.03) {
            payments.push(DraftPayment::to(Script::fresh(OutputKind::OpReturn, rng), 0));
        }
        let draft = self.users[payer].spend(payments, change, fee_rate, rng)?;
        let coin = draft.coin(0);
        let receiver =
            if is_deposit { &mut self.exchanges[exchange] } else { &mut self.users[contact] };
        receiver.coins.push_back(coin);
        Some(draft)
    }

    fn batch(&mut self, fee_rate: f64, rng: &mut Rng) -> Option<UtxoDraft> {
        let idx = rng.power_law(self.exchanges.len());
        let script = self.exchanges[idx].script;
        if self.exchanges[idx].coins.len() > EXCHANGE_COINS_MAX {
            let inputs: Vec<UnspentCoin> = self.exchanges[idx].coins.drain(..100).collect();
            let fee = (vsize(inputs.len(), 1) as f64 * fee_rate) as u64;
            let total: u64 = inputs.iter().map(|c| c.value_sat).sum();
            let outputs = vec![DraftPayment::to(script, total.checked_sub(fee)?)];
            let draft = UtxoDraft::new(inputs, outputs, rng);
            self.exchanges[idx].coins.push_back(draft.coin(0));
            return Some(draft);
        }
        let receivers: Vec<usize> =
            (0..4 + rng.index(12)).map(|_| rng.power_law(self.users.len())).collect();
        let payments = receivers
            .iter()
            .map(|r| {
                let bitcoin = rng.log_normal(self.users[*r].habit + 0.3, 0.3);
                DraftPayment::to(self.users[*r].script, sat(bitcoin.clamp(0.0005, BITCOIN_MAX)))
            })
            .collect();
        let draft = self.exchanges[idx].spend(payments, script, fee_rate, rng)?;
        for (i, receiver) in receivers.iter().enumerate() {
            self.users[*receiver].coins.push_back(draft.coin(i));
        }
        Some(draft)
    }
}

impl Wallet {
    fn new(script: Script, n_users: usize, rng: &mut Rng) -> Self {
        Self {
            script,
            coins: VecDeque::new(),
            contacts: std::array::from_fn(|_| rng.power_law(n_users) as u32),
            // Mean 0.02 bitcoin.
            habit: -1.7 + 0.4 * rng.normal(),
        }
    }

    /// Spends the oldest coins; what is left over comes back as the last output.
    fn spend(
        &mut self,
        mut outputs: Vec<DraftPayment>,
        change: Script,
        fee_rate: f64,
        rng: &mut Rng,
    ) -> Option<UtxoDraft> {
        let amount: u64 = outputs.iter().map(|p| p.value_sat).sum();
        let mut inputs = Vec::new();
        let (mut total, mut cost) = (0, amount);
        while total < cost {
            let Some(coin) = self.coins.pop_front() else {
                self.coins.extend(inputs);
                return None;
            };
            total += coin.value_sat;
            inputs.push(coin);
            cost = amount + (vsize(inputs.len(), outputs.len() + 1) as f64 * fee_rate) as u64;
        }
        let rest = total - cost;
        let has_change = rest >= CHANGE_SAT_MIN;
        if has_change {
            outputs.push(DraftPayment::to(change, rest));
        }
        let mut draft = UtxoDraft::new(inputs, outputs, rng);
        draft.is_rbf = rng.chance(0.1);
        if has_change {
            self.coins.push_back(draft.coin(draft.outputs.len() - 1));
        }
        Some(draft)
    }
}

/// Makes a coin from before the stream: its transaction is unknown to everybody.
pub(super) fn old_coin(script: Script, value_sat: u64, rng: &mut Rng) -> UnspentCoin {
    UnspentCoin { tx: rng.bytes(), index: rng.below(3) as u32, value_sat, script }
}

/// People pay round amounts: half keep three significant digits.
fn round_sat(bitcoin: f64, rng: &mut Rng) -> u64 {
    if !rng.chance(0.5) {
        return sat(bitcoin);
    }
    let scale = libm::exp10(libm::floor(libm::log10(bitcoin)) - 2.0);
    sat(libm::round(bitcoin / scale) * scale)
}
