//! Bounded event-time memory of one chain: the only place where account history is written.
//!
//! Everything that a block can change sits in tables whose writes keep their pre-image
//! (see `memory`), so that a reorg takes state back to exactly what it was. What has been witnessed
//! rather than booked (conflict claims, known bodies) stays.

mod accounts;
mod admit;
mod apply;
mod apply_transfer;
mod apply_utxo;
mod chain;
mod graph;
mod history;
mod memory;
mod params;
mod tables;
mod witness;

pub use accounts::profile::Profile;
pub use accounts::roles::Role;
pub use accounts::windows::WindowKind;
pub use admit::Misplacement;
pub use apply_utxo::ACCOUNTS_PER_SIDE_MAX;
pub use chain::fees::ChainStats;
pub use chain::outputs::UnspentOutput;
pub use chain::tx_logs::{TOKENS_PER_TX_MAX, TokenStats, TxLogs};
pub use graph::entities::Entity;
pub use graph::taint::{TAINT_HOPS_MAX, Taint};
pub use graph::transfers::{DEGREE_MAX, Move};
pub use params::Params;
pub use witness::sightings::{NODES_MAX, Sighting};

use crate::model::{
    AccountHasher, AccountKey, Address, Amount, Chain, Event, EventTime, OutPoint, Reference,
    Signal, Tx, TxId, TxIn, UtxoTx,
};
use admit::Gate;
use apply::Learner;
use history::History;
use serde::{Deserialize, Serialize};
use tables::undoable::Undoable;

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

/// How much memory state takes, for metrics and the yardstick of bytes an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Profiles and their index.
    pub n_bytes_profiles: usize,
    pub n_bytes_edges: usize,
    pub n_bytes_graph: usize,
    /// Undo information of recent blocks.
    pub n_bytes_journal: usize,
}

/// Memory of one chain.
///
/// Serialising it is the snapshot; what is read back goes on exactly like the original.
#[derive(Debug, Serialize, Deserialize)]
pub struct State {
    chain: Chain,
    hasher: AccountHasher,
    params: Params,
    memory: memory::Memory,
    gate: Gate,
}

impl State {
    /// Makes an empty memory; tables are allocated as they fill, up to their bounds.
    pub fn new(chain: Chain, params: &Params, seed: u64) -> Self {
        Self {
            chain,
            hasher: AccountHasher::new(seed),
            params: params.clone(),
            memory: memory::Memory::new(params),
            gate: Gate::new(params),
        }
    }

    /// Changes whether transactions in no block are learned.
    pub fn set_learns_unincluded(&mut self, learns_unincluded: bool) {
        self.params.learns_unincluded = learns_unincluded;
    }

    /// Lists the bounds that differ from those this memory was made with.
    pub fn unapplied(&self, wanted: &Params) -> Vec<&'static str> {
        let Params {
            accounts_max,
            edges_max,
            transfers_max,
            outputs_max,
            conflicts_max,
            dedup_max,
            sightings_max,
            journal_blocks_max,
            journal_bytes_max,
            learns_unincluded: _,
        } = self.params;
        let bounds = [
            ("state.accounts_max", accounts_max, wanted.accounts_max),
            ("state.edges_max", edges_max, wanted.edges_max),
            ("state.transfers_max", transfers_max, wanted.transfers_max),
            ("state.outputs_max", outputs_max, wanted.outputs_max),
            ("state.conflicts_max", conflicts_max, wanted.conflicts_max),
            ("state.dedup_max", dedup_max, wanted.dedup_max),
            ("state.sightings_max", sightings_max, wanted.sightings_max),
            ("state.journal_blocks_max", journal_blocks_max, wanted.journal_blocks_max),
            ("state.journal_bytes_max", journal_bytes_max, wanted.journal_bytes_max),
        ];
        bounds
            .into_iter()
            .filter(|(_, ours, theirs)| ours != theirs)
            .map(|(name, ..)| name)
            .collect()
    }

    /// Returns the chain this memory is about.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Returns the key of an address in this memory.
    pub fn key(&self, address: &Address) -> AccountKey {
        self.hasher.key(address)
    }

    /// Returns the key under which a transaction stands for itself where no account is known.
    pub fn key_of_tx(&self, tx: &TxId) -> AccountKey {
        AccountKey(self.hasher.hash(&[b"accountless", &tx.0]))
    }

    /// Returns an account's profile, `None` when it was never seen (or has been evicted).
    pub fn profile(&self, account: AccountKey) -> Option<&Profile> {
        self.memory.profiles.get(account.0)
    }

    /// Returns the profile of an account's dealings in fungible tokens, all of them together, in
    /// typical amounts of each token; `None` when it has had none that are remembered.
    pub fn token_profile(&self, account: AccountKey) -> Option<&Profile> {
        self.memory.token_profiles.get(account.0)
    }

    /// Returns whether a contract has been seen as a token that is paid with.
    pub fn is_token(&self, account: AccountKey) -> bool {
        self.token_stats(chain::tx_logs::EVERYBODY, account).is_some()
    }

    /// Returns an amount of a token in typical ones: over the average (of logarithms) of the
    /// token's last 64 payments or so. `None` until it has been paid with 32 times.
    pub fn token_value(&self, token: AccountKey, amount: Amount) -> Option<f64> {
        self.token_stats(chain::tx_logs::EVERYBODY, token)?.in_typical(amount.to_f64())
    }

    /// Returns how often `from` has paid `to` (saturating at 255; 0 = new pair).
    pub fn n_payments(&self, from: AccountKey, to: AccountKey) -> u32 {
        self.memory.edges.n_payments(graph::edges::Pair::new(from, to, None))
    }

    /// Returns how often `from` has moved this token to `to` (saturating at 255; 0 = new pair).
    pub fn n_transfers(&self, from: AccountKey, to: AccountKey, token: AccountKey) -> u32 {
        self.memory.edges.n_payments(graph::edges::Pair::new(from, to, Some(token)))
    }

    /// Returns an account's recent outgoing moves, newest first, at most `DEGREE_MAX` of them.
    pub fn sent(&self, account: AccountKey) -> impl Iterator<Item = Move> + '_ {
        self.memory.graph.sent(account)
    }

    /// Returns an account's recent incoming moves, newest first, at most `DEGREE_MAX` of them.
    pub fn received(&self, account: AccountKey) -> impl Iterator<Item = Move> + '_ {
        self.memory.graph.received(account)
    }

    /// Returns the count of a sliding window at `now`, the event being scored not included.
    pub fn window(&self, kind: WindowKind, account: AccountKey, now: EventTime) -> f64 {
        let window = self.memory.windows.get(kind.key(account, &self.hasher));
        window.map_or(0.0, |window| window.count(kind, accounts::profile::seconds(now)))
    }

    /// Returns what is remembered of an unspent output.
    pub fn output(&self, outpoint: &OutPoint) -> Option<UnspentOutput> {
        self.history().output(outpoint)
    }

    /// Returns an input's value in satoshi and its account: as the exporter said, else as the
    /// output that it spends is remembered.
    pub fn resolve_input(&self, input: &TxIn) -> Option<(u64, Option<AccountKey>)> {
        self.history().resolve_input(input)
    }

    /// Returns what part an account has in a transaction that was seen before its logs.
    ///
    /// # Cost
    /// A walk through the account's recent moves: up to [`DEGREE_MAX`] of them, twice.
    pub fn role_in(&self, account: AccountKey, tx: &TxId) -> Role {
        self.history().role_in(account, tx)
    }

    /// Returns whether a transfer of nothing may be forged: anybody can have a token say one in
    /// the name of others.
    pub fn is_forgeable(&self, tx: &TxId, token: &Address, from: &Address, to: &Address) -> bool {
        self.history().is_forgeable(tx, token, from, to)
    }

    /// The same of an approval.
    pub fn is_approval_forgeable(
        &self,
        tx: &TxId,
        token: &Address,
        owner: &Address,
        spender: &Address,
    ) -> bool {
        self.history().is_approval_forgeable(tx, token, owner, spender)
    }

    /// Returns the taint of what a transaction spends, from the outputs that are remembered.
    pub fn taint(&self, utxo: &UtxoTx) -> Option<Taint> {
        self.history().taint(utxo)
    }

    /// Returns the entity of an account that has spent together with others.
    pub fn entity(&self, account: AccountKey, now: EventTime) -> Option<Entity> {
        graph::entities::entity(&self.memory.clusters, account, now)
    }

    /// Returns how many accounts are united with another.
    pub fn n_united_accounts(&self) -> usize {
        self.memory.clusters.len()
    }

    /// Returns what nodes have told of a transaction while it was pending, in the order in which
    /// they first told anything.
    pub fn sightings(&self, tx: &TxId) -> impl Iterator<Item = Sighting<'_>> {
        self.gate.sightings.of(tx, &self.hasher)
    }

    /// Returns the nodes that have told of pending transactions, each with when it last did.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, EventTime)> {
        self.gate.sightings.nodes()
    }

    /// Returns the digests of what a transaction claims: see [`Tx::conflict_keys`].
    pub fn conflict_keys(&self, tx: &Tx) -> impl Iterator<Item = u64> {
        tx.conflict_keys().map(|key| chain::conflicts::hash(&key, &self.hasher))
    }

    /// Returns what is remembered of a transaction's logs so far.
    pub fn tx_logs(&self, tx: &TxId) -> Option<TxLogs> {
        self.memory.tx_logs.get(chain::tx_logs::tx_key(tx, &self.hasher)).copied()
    }

    /// Returns what is remembered of an account's transfers of one token.
    pub fn token_stats(&self, account: AccountKey, token: AccountKey) -> Option<TokenStats> {
        self.memory.tokens.get(chain::tx_logs::token_key(account, token, &self.hasher)).copied()
    }

    /// Returns the running statistics of the chain as a whole.
    pub fn chain_stats(&self) -> &ChainStats {
        self.memory.fees.stats()
    }

    /// Returns −ln of the share of recent transactions with this one's version, kind of lock time
    /// and replaceability; `None` before enough were seen or when the format does not say.
    pub fn way_rarity(&self, utxo: &UtxoTx) -> Option<f64> {
        self.memory.habits.rarity(utxo)
    }

    /// Returns the event time of the first event ever applied: nobody's age is known to be
    /// greater than the time since then.
    pub fn observed_since(&self) -> Option<EventTime> {
        self.memory.observed_since
    }

    /// Returns the greatest height applied.
    pub fn tip_height(&self) -> Option<u64> {
        self.gate.blocks.tip_height()
    }

    /// Returns how many heights were passed without a block: after a reorg that the exporter did
    /// not publish again, or where the stream has a hole.
    pub fn n_gaps(&self) -> u64 {
        self.gate.blocks.n_gaps()
    }

    /// Returns how many reorgs went deeper than the journal: after one, state is degraded.
    pub fn n_too_deep(&self) -> u64 {
        self.gate.n_too_deep
    }

    /// Returns how many accounts are in the table.
    pub fn n_accounts(&self) -> usize {
        self.memory.profiles.len()
    }

    /// Returns how many accounts have been evicted.
    pub fn n_evicted_accounts(&self) -> u64 {
        self.memory.profiles.n_evicted()
    }

    /// Returns how many pairs have been evicted: each may count as new once more.
    pub fn n_evicted_edges(&self) -> u64 {
        self.memory.edges.n_evicted()
    }

    /// Returns how much memory the large tables take.
    pub fn usage(&self) -> Usage {
        Usage {
            n_bytes_profiles: self.memory.profiles.n_bytes(),
            n_bytes_edges: self.memory.edges.n_bytes(),
            n_bytes_graph: self.memory.graph.n_bytes(),
            n_bytes_journal: self.memory.n_undo_bytes(),
        }
    }

    /// Decides what an event is before it is scored: duplicate, late, new; undoes blocks that it
    /// proves orphaned; reports reorgs and conflicts.
    ///
    /// A transaction without inclusion (pending) is a duplicate when its body is known; one with an
    /// inclusion when that inclusion is: a confirmation, or a re-inclusion after a revert, is new.
    pub fn admit(&mut self, event: &Event) -> Admission {
        let (gate, mut tables) = self.parts();
        gate.admit(event, &mut tables)
    }

    /// Notes which node tells of a pending transaction, before the event is admitted; returns
    /// whether that is news.
    pub fn witness(&mut self, event: &Event, node: Option<&str>) -> bool {
        self.gate.witness(event, node, &self.hasher)
    }

    /// Returns why an event is not believed to be where it says, and remembers a block that cannot
    /// be there as one that proves nothing; `None` where a reorganisation may explain it.
    pub fn misplacement(&mut self, event: &Event) -> Option<Misplacement> {
        self.gate.misplacement(event)
    }

    /// Returns the greatest height of a block whose header was seen to hash to its id.
    pub fn verified_height(&self) -> Option<u64> {
        self.gate.verified_height()
    }

    /// Returns whether what an event says of its place counts against what is known: the block
    /// that it is in is verified, or none is.
    pub fn is_place_proven(&self, event: &Event) -> bool {
        self.gate.is_place_proven(event)
    }

    /// Returns whether a transaction comes with another body than before, and if so whether it
    /// would pass for a repetition otherwise.
    pub fn contradiction(&self, event: &Event) -> Option<bool> {
        self.gate.contradiction(event, self.history())
    }

    /// Returns whether a transaction is still to come in a block.
    pub fn is_pending(&self, tx: &Tx) -> bool {
        tx.inclusion.is_none() && !self.params.learns_unincluded
    }

    /// Learns an admitted event: the only way account history grows. Called after scoring.
    ///
    /// A pending transaction (no inclusion) leaves only its body's id and its conflict claims,
    /// which no reorg takes back; unless `learns_unincluded` is set it is learned when it is in a
    /// block.
    pub fn apply(&mut self, event: &Event) {
        self.apply_labelled(event, &Reference::default());
    }

    /// Learns an admitted event where some accounts are labelled: what they own is tainted.
    pub fn apply_labelled(&mut self, event: &Event, reference: &Reference) {
        let learns_unincluded = self.params.learns_unincluded;
        let (gate, mut tables) = self.parts();
        if gate.enter(event, learns_unincluded, &mut tables) {
            tables.learn(event, reference);
            gate.trim(tables.memory);
        }
    }

    /// Freezes everything, to be written on another thread; reading it back gives this memory.
    pub fn freeze(&mut self) -> FrozenState {
        FrozenState(Self {
            chain: self.chain.clone(),
            hasher: self.hasher,
            params: self.params.clone(),
            memory: self.memory.share(),
            gate: self.gate.share(),
        })
    }

    /// Returns whether the parts fit together (after a restore).
    pub fn is_sound(&self) -> bool {
        self.memory.is_sound()
    }

    fn history(&self) -> History<'_> {
        History { chain: &self.chain, hasher: &self.hasher, memory: &self.memory }
    }

    /// Returns what decides about events, and what they are written into.
    fn parts(&mut self) -> (&mut Gate, Learner<'_>) {
        let Self { chain, hasher, memory, gate, .. } = self;
        (gate, Learner { chain, hasher, memory })
    }
}

/// A memory as it was at one event, to be written while that memory goes on.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct FrozenState(State);

impl FrozenState {
    /// Returns about how many bytes it takes to write, from above.
    pub fn n_bytes(&self) -> usize {
        self.0.usage().n_bytes_profiles
    }
}

/// Two memories are equal when what blocks have written is: what was witnessed (claims, bodies) and
/// counts of reorgs and gaps may differ.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain && self.memory == other.memory
    }
}
