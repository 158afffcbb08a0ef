//! What the logs of a recent transaction have said so far, and how much of each token moves.

use crate::{
    model::{AccountHasher, AccountKey, TxId},
    state::tables::{
        fixed::{Dither, Scale},
        fixed_layout::plain,
        table::{Aged, Table},
    },
};

/// Transactions whose logs are remembered: some hundred blocks.
pub(in crate::state) const TX_LOGS_MAX: usize = 65_536;
/// (Account, token) pairs with statistics.
pub(in crate::state) const TOKENS_MAX: usize = 262_144;
/// Accounts with a profile of their dealings in tokens: 26 MB.
pub(in crate::state) const TOKEN_ACCOUNTS_MAX: usize = 262_144;
/// Distinct tokens kept of one transaction.
pub const TOKENS_PER_TX_MAX: usize = 4;
/// Transfers over which a token's mean amount moves.
const AMOUNT_MEMORY: u32 = 64;
/// Payments of a token before it is known what it usually moves.
const TYPICAL_MIN: u32 = 32;
/// Typical amounts beyond which one payment is not told from another.
const VALUE_MAX: f64 = 1e9;
/// log10 of base units, up to 2^256.
const LOG_AMOUNT: Scale = Scale { low: 0.0, high: 78.0, n_bits: 16 };

/// What is remembered of a recent transaction's logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxLogs {
    pub n_transfers: u32,
    pub n_approvals: u32,
    pub n_other: u32,
    /// Transfers and approvals of amount zero.
    pub n_zero: u32,
    /// Distinct tokens that moved or were approved, the first [`TOKENS_PER_TX_MAX`].
    pub tokens: [Option<AccountKey>; TOKENS_PER_TX_MAX],
    /// Transfers and approvals of each of them.
    pub n_by_token: [u32; TOKENS_PER_TX_MAX],
    pub(in crate::state) last_used: u32,
}

plain!(TxLogs {
    n_transfers: u32,
    n_approvals: u32,
    n_other: u32,
    n_zero: u32,
    tokens: [Option<AccountKey>; TOKENS_PER_TX_MAX],
    n_by_token: [u32; TOKENS_PER_TX_MAX],
    last_used: u32,
});

impl Aged for TxLogs {
    fn last_used(&self) -> u32 {
        self.last_used
    }
}

impl TxLogs {
    /// Counts a transfer or approval of a token.
    pub(in crate::state) fn count_token(&mut self, token: AccountKey) {
        for (slot, n) in self.tokens.iter_mut().zip(&mut self.n_by_token) {
            if slot.is_none() || *slot == Some(token) {
                *slot = Some(token);
                *n += 1;
                return;
            }
        }
    }
}

/// The logs of all recent transactions.
pub(in crate::state) type AllTxLogs = Table<TxLogs>;

/// Returns the key of a transaction's logs.
pub(in crate::state) fn tx_key(tx: &TxId, hasher: &AccountHasher) -> u64 {
    hasher.hash(&[b"tx logs", &tx.0])
}

/// What is remembered of one account's transfers of one token.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TokenStats {
    n_in: u32,
    n_out: u32,
    mean_log_amount: u16,
    last_used: u32,
}

plain!(TokenStats { n_in: u32, n_out: u32, mean_log_amount: u16, last_used: u32 });

impl Aged for TokenStats {
    fn last_used(&self) -> u32 {
        self.last_used
    }
}

impl TokenStats {
    /// Returns the transfers received.
    pub fn n_in(&self) -> u32 {
        self.n_in
    }

    /// Returns the transfers sent.
    pub fn n_out(&self) -> u32 {
        self.n_out
    }

    /// Returns the moving average of log10(1 + amount in base units), received and sent.
    pub fn mean_log_amount(&self) -> f64 {
        LOG_AMOUNT.decode(self.mean_log_amount)
    }

    /// Returns an amount in typical ones: what these statistics' payments move, on average of the
    /// logarithm. `None` before there were enough.
    pub(in crate::state) fn in_typical(&self, amount: f64) -> Option<f64> {
        let log = libm::log10(1.0 + amount) - self.mean_log_amount();
        (self.n_in >= TYPICAL_MIN).then(|| libm::exp10(log).min(VALUE_MAX))
    }

    /// Learns a transfer.
    pub(in crate::state) fn learn(&mut self, amount: f64, is_in: bool, now: u32) {
        let side = if is_in { &mut self.n_in } else { &mut self.n_out };
        *side = side.saturating_add(1);
        let n = self.n_in.saturating_add(self.n_out);
        let seen = libm::log10(1.0 + amount);
        let mean = if n == 1 { seen } else { self.mean_log_amount() };
        let mean = mean + (seen - mean) / f64::from(n.min(AMOUNT_MEMORY));
        self.mean_log_amount = LOG_AMOUNT.encode(mean, Dither::of(n, 9));
        self.last_used = self.last_used.max(now);
    }
}

/// The token statistics of a chain.
pub(in crate::state) type Tokens = Table<TokenStats>;

/// Stands for the account in the statistics of all of a token's payments.
pub(in crate::state) const EVERYBODY: AccountKey = AccountKey(0);

/// Returns the key of an account's statistics for a token.
pub(in crate::state) fn token_key(
    account: AccountKey,
    token: AccountKey,
    hasher: &AccountHasher,
) -> u64 {
    hasher.hash(&[b"token", &account.0.to_le_bytes(), &token.0.to_le_bytes()])
}
