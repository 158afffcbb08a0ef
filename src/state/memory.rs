//! Everything that a block can change and a reorg must undo, as one thing to mark and take back.

use super::{
    Params,
    accounts::{
        profile::Profile,
        wallet_fingerprint::Habits,
        windows::{WINDOWS_MAX, Windows},
    },
    chain::{
        dedup::Seen,
        fees::{Fees, FeesMark},
        outputs::Outputs,
        tx_logs::{AllTxLogs, TOKEN_ACCOUNTS_MAX, TOKENS_MAX, TX_LOGS_MAX, Tokens},
    },
    graph::{
        edges::{Edges, EdgesMark},
        entities::Clusters,
        transfers::{GraphMark, RecentTransfers},
    },
    tables::table::{Table, TableMark},
};
use crate::model::EventTime;
use serde::{Deserialize, Serialize};

/// The journalled tables of one chain.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    pub profiles: Table<Profile>,
    pub edges: Edges,
    pub graph: RecentTransfers,
    pub windows: Windows,
    pub outputs: Outputs,
    pub tx_logs: AllTxLogs,
    pub tokens: Tokens,
    pub token_profiles: Table<Profile>,
    pub facts: Table<Seen>,
    pub fees: Fees,
    pub clusters: Clusters,
    pub habits: Habits,
    pub observed_since: Option<EventTime>,
}

/// A point to which a memory can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MemoryMark {
    profiles: TableMark,
    edges: EdgesMark,
    graph: GraphMark,
    windows: TableMark,
    outputs: TableMark,
    tx_logs: TableMark,
    tokens: TableMark,
    token_profiles: TableMark,
    facts: TableMark,
    fees: FeesMark,
    clusters: TableMark,
    habits: Habits,
    observed_since: Option<EventTime>,
}

impl Memory {
    /// Makes an empty memory.
    pub fn new(params: &Params) -> Self {
        Self {
            profiles: Table::with_probation(params.accounts_max),
            edges: Edges::new(params.edges_max),
            graph: RecentTransfers::new(params.transfers_max),
            windows: Table::new(WINDOWS_MAX),
            outputs: Table::new(params.outputs_max),
            tx_logs: Table::new(TX_LOGS_MAX),
            tokens: Table::new(TOKENS_MAX),
            token_profiles: Table::with_probation(params.accounts_max.min(TOKEN_ACCOUNTS_MAX)),
            facts: Table::new(params.dedup_max),
            fees: Fees::new(),
            // As many as there are profiles: whoever spends together has one.
            clusters: Table::new(params.accounts_max),
            habits: Habits::default(),
            observed_since: None,
        }
    }

    /// Returns whether the parts fit together (after a restore).
    pub fn is_sound(&self) -> bool {
        self.edges.is_sound() && self.graph.is_sound() && self.fees.is_sound()
    }

    /// Returns the present point.
    pub fn mark(&self) -> MemoryMark {
        MemoryMark {
            profiles: self.profiles.mark(),
            edges: self.edges.mark(),
            graph: self.graph.mark(),
            windows: self.windows.mark(),
            outputs: self.outputs.mark(),
            tx_logs: self.tx_logs.mark(),
            tokens: self.tokens.mark(),
            token_profiles: self.token_profiles.mark(),
            facts: self.facts.mark(),
            fees: self.fees.mark(),
            clusters: self.clusters.mark(),
            habits: self.habits,
            observed_since: self.observed_since,
        }
    }

    /// Takes everything back to a mark.
    pub fn revert(&mut self, mark: &MemoryMark) {
        self.profiles.revert(&mark.profiles);
        self.edges.revert(&mark.edges);
        self.graph.revert(&mark.graph);
        self.windows.revert(&mark.windows);
        self.outputs.revert(&mark.outputs);
        self.tx_logs.revert(&mark.tx_logs);
        self.tokens.revert(&mark.tokens);
        self.token_profiles.revert(&mark.token_profiles);
        self.facts.revert(&mark.facts);
        self.fees.revert(&mark.fees);
        self.clusters.revert(&mark.clusters);
        self.habits = mark.habits;
        self.observed_since = mark.observed_since;
    }

    /// Forgets how to go back beyond a mark.
    pub fn forget(&mut self, mark: &MemoryMark) {
        self.profiles.forget(&mark.profiles);
        self.edges.forget(&mark.edges);
        self.graph.forget(&mark.graph);
        self.windows.forget(&mark.windows);
        self.outputs.forget(&mark.outputs);
        self.tx_logs.forget(&mark.tx_logs);
        self.tokens.forget(&mark.tokens);
        self.token_profiles.forget(&mark.token_profiles);
        self.facts.forget(&mark.facts);
        self.fees.forget(&mark.fees);
        self.clusters.forget(&mark.clusters);
    }

    /// Returns the same memory to be written, sharing its pages with this one.
    pub fn share(&mut self) -> Self {
        Self {
            profiles: self.profiles.share(),
            edges: self.edges.share(),
            graph: self.graph.share(),
            windows: self.windows.share(),
            outputs: self.outputs.share(),
            tx_logs: self.tx_logs.share(),
            tokens: self.tokens.share(),
            token_profiles: self.token_profiles.share(),
            facts: self.facts.share(),
            fees: self.fees.share(),
            clusters: self.clusters.share(),
            habits: self.habits,
            observed_since: self.observed_since,
        }
    }

    /// Returns the bytes that undo information takes.
    pub fn n_undo_bytes(&self) -> usize {
        self.profiles.n_undo_bytes()
            + self.edges.n_undo_bytes()
            + self.graph.n_undo_bytes()
            + self.windows.n_undo_bytes()
            + self.outputs.n_undo_bytes()
            + self.tx_logs.n_undo_bytes()
            + self.tokens.n_undo_bytes()
            + self.token_profiles.n_undo_bytes()
            + self.facts.n_undo_bytes()
            + self.fees.n_undo_bytes()
            + self.clusters.n_undo_bytes()
    }
}
