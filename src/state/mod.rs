//! Bounded event-time memory of one chain: the only place where account history is written.

use crate::model::{
    AccountHasher, AccountKey, Address, Chain, Event, EventTime, OutPoint, Signal, TxId,
};
use serde::{Deserialize, Serialize};

/// Bounds and horizons of one chain's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Accounts kept; the ones longest unseen leave first.
    pub accounts_max: usize,
    /// Distinct (sender, receiver) pairs remembered.
    pub edges_max: usize,
    /// Transfers kept in the recent transfer graph.
    pub transfers_max: usize,
    /// Unspent outputs (UTXO) remembered.
    pub outputs_max: usize,
    /// Conflict keys remembered.
    pub conflicts_max: usize,
    /// Event ids remembered for deduplication.
    pub dedup_max: usize,
    /// Blocks that can be undone, at most 256.
    pub journal_blocks_max: usize,
    /// Bytes of undo information kept.
    pub journal_bytes_max: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            accounts_max: 1_000_000,
            edges_max: 4_000_000,
            transfers_max: 262_144,
            outputs_max: 1_000_000,
            conflicts_max: 1_000_000,
            dedup_max: 1_000_000,
            journal_blocks_max: 256,
            journal_bytes_max: 256 << 20,
        }
    }
}

/// What is to be done with an event, decided before it is scored.
#[derive(Debug)]
pub struct Admission {
    pub disposition: Disposition,
    /// Reorg (state is already reverted) and conflicts that this event reveals.
    pub signals: Vec<Signal>,
}

/// Whether an event is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    New,
    /// New, but behind the tip: scored, flagged `LATE`, applied.
    Late,
    /// Every fact of it has been seen: skipped.
    Duplicate,
}

/// One movement of value in the recent transfer graph, seen from one of its ends.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    /// The other end.
    pub other: AccountKey,
    /// First and last two bytes of the other end's address (EVM), for look-alikes.
    pub other_ends: [u8; 4],
    pub time: EventTime,
    /// In whole units of the asset when decimals are known, else base units.
    pub value: f32,
    /// Key of the token; `None` is the native asset.
    pub token: Option<AccountKey>,
    /// First 8 bytes of the transaction id.
    pub tx_prefix: u64,
    /// The pair had never moved anything before.
    pub is_new_edge: bool,
    /// The receiver had never been seen before.
    pub is_fresh_receiver: bool,
    pub is_failed: bool,
}

/// What short windows count per account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WindowKind {
    /// Transactions sent, 10 minutes.
    Sent10m,
    /// Failed calls into a contract, 60 minutes.
    FailedCalls1h,
}

/// What is remembered of an unspent (or recently spent) output.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub value: u64,
    pub account: Option<AccountKey>,
    pub time: EventTime,
    /// Hops of the peel chain that ends here, 0 when it is no change of a peel.
    pub n_peels: u16,
    /// Time of the first hop of that chain.
    pub peel_start: EventTime,
}

/// What is remembered of a recent transaction's logs.
#[derive(Clone, Copy, Debug, Default)]
pub struct TxLogs {
    pub n_transfers: u32,
    pub n_approvals: u32,
    pub n_other: u32,
    /// Transfers and approvals of amount zero.
    pub n_zero: u32,
    /// Transfers whose token is in the watch list or has a price.
    pub n_priced: u32,
}

/// Memory of one chain.
#[derive(Debug)]
pub struct State {
    chain: Chain,
    hasher: AccountHasher,
}

impl State {
    /// Makes an empty memory; tables are allocated as they fill, up to their bounds.
    pub fn new(chain: Chain, _params: &Params, seed: u64) -> Self {
        Self { chain, hasher: AccountHasher::new(seed) }
    }

    /// Returns the chain this memory is about.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Returns the key of an address in this memory.
    pub fn key(&self, address: &Address) -> AccountKey {
        self.hasher.key(address)
    }

    /// Decides what an event is before it is scored: duplicate, late, new; undoes blocks that it
    /// proves orphaned; reports reorgs and conflicts.
    pub fn admit(&mut self, _event: &Event) -> Admission {
        Admission { disposition: Disposition::New, signals: Vec::new() }
    }

    /// Learns an admitted event: the only way account history grows. Called after scoring.
    pub fn apply(&mut self, _event: &Event) {}

    /// Returns an account's profile, `None` when it was never seen (or has been evicted).
    pub fn profile(&self, _account: AccountKey) -> Option<&Profile> {
        None
    }

    /// Returns how often `from` has paid `to` (saturating at 255; 0 = new pair).
    pub fn n_payments(&self, _from: AccountKey, _to: AccountKey) -> u32 {
        0
    }

    /// Returns an account's recent outgoing moves, newest first, at most `DEGREE_MAX` of them.
    pub fn sent(&self, _account: AccountKey) -> impl Iterator<Item = Move> + '_ {
        std::iter::empty()
    }

    /// Returns an account's recent incoming moves, newest first, at most `DEGREE_MAX` of them.
    pub fn received(&self, _account: AccountKey) -> impl Iterator<Item = Move> + '_ {
        std::iter::empty()
    }

    /// Returns the count of a sliding window at `now`, the event being scored not included.
    pub fn window(&self, _kind: WindowKind, _account: AccountKey, _now: EventTime) -> f64 {
        0.0
    }

    /// Returns what is remembered of an output.
    pub fn output(&self, _outpoint: &OutPoint) -> Option<Output> {
        None
    }

    /// Returns what is remembered of a transaction's logs so far.
    pub fn tx_logs(&self, _tx: &TxId) -> Option<TxLogs> {
        None
    }

    /// Returns the running statistics of the chain as a whole.
    pub fn chain_stats(&self) -> &ChainStats {
        const EMPTY: &ChainStats = &ChainStats::EMPTY;
        EMPTY
    }

    /// Returns the event time of the first event ever applied: nobody's age is known to be
    /// greater than the time since then.
    pub fn observed_since(&self) -> Option<EventTime> {
        None
    }

    /// Returns the greatest height applied.
    pub fn tip_height(&self) -> Option<u64> {
        None
    }

    /// Returns how many accounts are in the table.
    pub fn n_accounts(&self) -> usize {
        0
    }
}

/// Running statistics of a whole chain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChainStats {
    /// Base fee of the newest block that told one, wei per gas.
    pub base_fee_per_gas: Option<f64>,
    /// 95th percentile of recent priority fees (EVM: wei per gas) or fee rates (UTXO: sat/vB).
    pub fee_p95: Option<f64>,
    /// Median and MAD of the same.
    pub fee_median: Option<f64>,
    pub fee_mad: Option<f64>,
    /// Events applied so far.
    pub n_applied: u64,
}

impl ChainStats {
    const EMPTY: Self = Self {
        base_fee_per_gas: None,
        fee_p95: None,
        fee_median: None,
        fee_mad: None,
        n_applied: 0,
    };
}

/// One account's profile; decayed counts are evaluated at the time asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Profile {}

impl Profile {
    pub fn first_seen(&self) -> EventTime {
        EventTime::default()
    }
    pub fn last_in(&self) -> Option<EventTime> {
        None
    }
    pub fn last_out(&self) -> Option<EventTime> {
        None
    }
    /// Payments received and sent, ever.
    pub fn n_in(&self) -> u32 {
        0
    }
    pub fn n_out(&self) -> u32 {
        0
    }
    /// Distinct counterparties, ever.
    pub fn n_senders(&self) -> u32 {
        0
    }
    pub fn n_recipients(&self) -> u32 {
        0
    }
    /// Senders that paid exactly once.
    pub fn n_single_senders(&self) -> u32 {
        0
    }
    /// Senders that had never been seen in the stream before.
    pub fn n_fresh_senders(&self) -> u32 {
        0
    }
    /// Exponentially decayed counts by half-life.
    pub fn in_1h(&self, _now: EventTime) -> f64 {
        0.0
    }
    pub fn in_24h(&self, _now: EventTime) -> f64 {
        0.0
    }
    pub fn in_7d(&self, _now: EventTime) -> f64 {
        0.0
    }
    pub fn out_1h(&self, _now: EventTime) -> f64 {
        0.0
    }
    pub fn out_24h(&self, _now: EventTime) -> f64 {
        0.0
    }
    pub fn out_7d(&self, _now: EventTime) -> f64 {
        0.0
    }
    pub fn new_senders_24h(&self, _now: EventTime) -> f64 {
        0.0
    }
    pub fn new_senders_7d(&self, _now: EventTime) -> f64 {
        0.0
    }
    pub fn fresh_senders_7d(&self, _now: EventTime) -> f64 {
        0.0
    }
    /// Totals and the largest receipt, in whole native units.
    pub fn total_in(&self) -> f64 {
        0.0
    }
    pub fn total_out(&self) -> f64 {
        0.0
    }
    pub fn max_in(&self) -> f64 {
        0.0
    }
    /// EWMA mean and standard deviation of log10 of the values sent, once there are enough.
    pub fn log_out(&self) -> Option<(f64, f64)> {
        None
    }
    /// Mean of log10 of the values received.
    pub fn mean_log_in(&self) -> f64 {
        0.0
    }
    /// Share of payments received with 0.01 ≤ v ≤ 2, and with at most two significant digits.
    pub fn share_mid_in(&self) -> f64 {
        0.0
    }
    pub fn share_round_in(&self) -> f64 {
        0.0
    }
    /// Means over past payers, each taken when it paid: ln(1+age in s), ln(1+payments out),
    /// ln(1+distinct recipients).
    pub fn payers(&self) -> [f64; 3] {
        [0.0; 3]
    }
}
