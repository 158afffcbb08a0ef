//! Who lives on the simulated EVM chain: users with habits, exchanges, tokens and contracts.

use super::draft::{Addr, EvmDraft, wei};
use crate::sim::rng::Rng;

/// Users alive at the same time; newcomers beyond it replace the least active.
const USERS_MAX: usize = 50_000;
/// Background payments stay below this: whales are what incidents are for.
const ETHER_MAX: f64 = 20.0;
/// USD amounts below which structuring hides (FATF, travel rule), see `avoid_bands`.
const USD_THRESHOLDS: [f64; 2] = [1_000.0, 10_000.0];
/// What one ether costs in the simulated price table.
pub(super) const ETHER_USD: f64 = 3_000.0;

/// A user with habits.
#[derive(Clone, Debug)]
struct User {
    address: Addr,
    /// Recurring counterparties, as indices of users.
    contacts: [u32; 5],
    exchange: usize,
    /// Mean of log10 of the ether it pays.
    habit: f64,
    /// Newcomers that have only received so far do not pay onward.
    is_saver: bool,
}

/// Everybody.
#[derive(Debug)]
pub(in crate::sim) struct Population {
    users: Vec<User>,
    pub(in crate::sim) exchanges: Vec<Addr>,
    pub(in crate::sim) tokens: Vec<Addr>,
    pub(in crate::sim) contracts: Vec<Addr>,
    pub(in crate::sim) sanctioned: Addr,
    pub(in crate::sim) mixer: Addr,
}

/// Selectors of ordinary calls: swaps, deposits, claims, multicalls.
const SELECTORS: [[u8; 4]; 6] = [
    [0x7f, 0xf3, 0x6a, 0xb5],
    [0x38, 0xed, 0x17, 0x39],
    [0xd0, 0xe3, 0x0d, 0xb0],
    [0x4e, 0x71, 0xd9, 0x2d],
    [0xac, 0x96, 0x50, 0xd8],
    [0x35, 0x93, 0x56, 0x4c],
];

impl Population {
    /// Makes a population.
    pub(super) fn new(n_users: usize, rng: &mut Rng) -> Self {
        let mut addresses = |n: usize| (0..n).map(|_| rng.bytes()).collect::<Vec<Addr>>();
        let exchanges = addresses(4);
        let tokens = addresses(5);
        let contracts = addresses(12);
        let [sanctioned, mixer] = [rng.bytes(), rng.bytes()];
        let n = n_users.max(16);
        let users = (0..n).map(|_| User::new(n, rng)).collect();
        Self { users, exchanges, tokens, contracts, sanctioned, mixer }
    }

    /// Returns the accounts that existed before the stream began.
    pub(super) fn founders(&self) -> impl Iterator<Item = Addr> + '_ {
        self.users.iter().map(|u| u.address).chain(self.exchanges.iter().copied())
    }

    /// Returns an active user: `rank` 0 is the busiest.
    pub(in crate::sim) fn user(&self, rank: usize) -> Addr {
        self.users[rank % self.users.len()].address
    }

    /// Returns a user's first recurring counterparty.
    pub(in crate::sim) fn contact_of(&self, rank: usize) -> Addr {
        let user = &self.users[rank % self.users.len()];
        self.user(user.contacts[0] as usize)
    }

    /// Makes one ordinary transaction.
    pub(super) fn draft(&mut self, rng: &mut Rng) -> EvmDraft {
        let sender = self.pick(rng);
        let user = self.users[sender].clone();
        let u = rng.unit();
        if u < 0.40 {
            let to = self.counterparty(&user, sender, rng);
            EvmDraft::pay(user.address, to, self.amount(&user, rng))
        } else if u < 0.54 {
            EvmDraft::pay(user.address, self.exchanges[user.exchange], self.amount(&user, rng))
        } else if u < 0.67 {
            self.withdrawal(rng)
        } else if u < 0.87 {
            self.token_payment(&user, sender, rng)
        } else {
            self.contract_call(&user, rng)
        }
    }

    /// Picks a user who pays: busy ones more often, savers not.
    fn pick(&self, rng: &mut Rng) -> usize {
        for _ in 0..4 {
            let idx = rng.power_law(self.users.len());
            if !self.users[idx].is_saver {
                return idx;
            }
        }
        0
    }

    fn counterparty(&self, user: &User, sender: usize, rng: &mut Rng) -> Addr {
        let idx = if rng.chance(0.9) {
            user.contacts[rng.index(user.contacts.len())] as usize
        } else {
            rng.power_law(self.users.len())
        };
        let idx = if idx == sender { sender + 1 } else { idx };
        self.user(idx)
    }

    fn withdrawal(&mut self, rng: &mut Rng) -> EvmDraft {
        let exchange = self.exchanges[rng.power_law(self.exchanges.len())];
        let mut idx = rng.power_law(self.users.len());
        if rng.chance(0.2) {
            let mut newcomer = User::new(self.users.len(), rng);
            newcomer.is_saver = rng.chance(0.7);
            if self.users.len() < USERS_MAX {
                self.users.push(newcomer);
                idx = self.users.len() - 1;
            } else {
                idx = self.users.len() / 2 + rng.index(self.users.len() / 2);
                self.users[idx] = newcomer;
            }
        }
        // Exchanges subtract a fee: their amounts are not round.
        let ether = rng.log_normal(self.users[idx].habit + 0.3, 0.35).clamp(0.002, ETHER_MAX);
        EvmDraft::pay(exchange, self.users[idx].address, avoid_bands(ether))
    }

    fn token_payment(&self, user: &User, sender: usize, rng: &mut Rng) -> EvmDraft {
        let token = self.tokens[rng.power_law(self.tokens.len())];
        if rng.chance(0.05) {
            let spender = self.contracts[rng.power_law(self.contracts.len())];
            return EvmDraft::approve(user.address, token, spender);
        }
        let to = if rng.chance(0.3) {
            self.exchanges[user.exchange]
        } else {
            self.counterparty(user, sender, rng)
        };
        // Six decimals, as the large stablecoins have.
        let usd = rng.log_normal(user.habit + 3.2, 0.4).clamp(1.0, 40_000.0);
        EvmDraft::token(user.address, token, to, (round(usd, rng) * 1e6) as u128)
    }

    fn contract_call(&self, user: &User, rng: &mut Rng) -> EvmDraft {
        if rng.chance(0.02) {
            let mut draft = EvmDraft::pay(user.address, user.address, 0.0);
            (draft.to, draft.input) = (None, rng.bytes::<64>().to_vec());
            return draft;
        }
        let contract = self.contracts[rng.power_law(self.contracts.len())];
        let selector = SELECTORS[rng.power_law(SELECTORS.len())];
        let mut draft =
            EvmDraft::call(user.address, contract, selector, &[rng.bytes(), rng.bytes()]);
        if selector == SELECTORS[0] {
            draft.value_wei = wei(self.amount(user, rng) * 0.5);
        }
        draft.is_failed = rng.chance(0.03);
        draft
    }

    fn amount(&self, user: &User, rng: &mut Rng) -> f64 {
        let ether = rng.log_normal(user.habit, 0.35).clamp(0.0005, ETHER_MAX);
        avoid_bands(round(ether, rng))
    }
}

impl User {
    fn new(n_users: usize, rng: &mut Rng) -> Self {
        Self {
            address: rng.bytes(),
            contacts: std::array::from_fn(|_| rng.power_law(n_users) as u32),
            exchange: rng.power_law(4),
            // Mean 0.1 ether, one in six above 0.3.
            habit: -1.0 + 0.45 * rng.normal(),
            is_saver: false,
        }
    }
}

/// People pay round amounts: three in five keep one or two significant digits.
fn round(value: f64, rng: &mut Rng) -> f64 {
    if !rng.chance(0.6) {
        return value;
    }
    let digits = if rng.chance(0.5) { 1.0 } else { 10.0 };
    let scale = libm::exp10(libm::floor(libm::log10(value))) / digits;
    libm::round(value / scale) * scale
}

/// Moves an amount out of the bands just below reporting thresholds, so that nobody structures
/// by accident and the truth stays the truth.
fn avoid_bands(ether: f64) -> f64 {
    let usd = ether * ETHER_USD;
    let is_in_band = USD_THRESHOLDS.iter().any(|t| (0.79 * t..*t).contains(&usd));
    if is_in_band { ether * 0.75 } else { ether }
}
