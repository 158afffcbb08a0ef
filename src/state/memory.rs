//! Everything that a block can change and a reorg must undo, as one thing to mark and take back.

use super::{
    Params,
    accounts::{
        profile::Profile,
        wallet_fingerprint::Habits,
        windows::{WINDOWS_MAX, Windows},
    },
    chain::{
        dedup::SeenFact,
        fees::Fees,
        outputs::UnspentOutputs,
        tx_logs::{AllTxLogs, TOKEN_ACCOUNTS_MAX, TOKENS_MAX, TX_LOGS_MAX, Tokens},
    },
    graph::{edges::Edges, entities::Clusters, transfers::RecentTransfers},
    tables::{table::Table, undoable::undoable},
};
use crate::model::EventTime;
use serde::{Deserialize, Serialize};

undoable! {
    /// The journalled tables of one chain. This is the only list of them: a line here is marked,
    /// reverted, forgotten and shared, or it does not compile.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Memory {
        pub profiles: Table<Profile>,
        pub edges: Edges,
        pub graph: RecentTransfers,
        pub windows: Windows,
        pub outputs: UnspentOutputs,
        pub tx_logs: AllTxLogs,
        pub tokens: Tokens,
        pub token_profiles: Table<Profile>,
        pub facts: Table<SeenFact>,
        pub fees: Fees,
        pub clusters: Clusters,
        pub habits: Habits,
        pub observed_since: Option<EventTime>,
    }

    /// A point to which a memory can be taken back.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct MemoryMark;
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{AccountKey, UtxoTx},
        state::{
            accounts::windows::Window,
            chain::{
                outputs::StoredOutput,
                tx_logs::{TokenStats, TxLogs},
            },
            graph::{
                edges::Pair,
                entities::EntityMember,
                transfers::{NewTransfer, TransferEnd},
            },
            tables::undoable::Undoable,
        },
    };

    #[test]
    fn every_part_in_the_list_goes_back() {
        let mut memory = Memory::new(&Params::default());
        let (before, mark) = (memory.share(), memory.mark());
        write_all(&mut memory);
        // Each part has been written, so that none can pass by standing still.
        assert_eq!(memory.differing(&before), Memory::PARTS);
        assert!(memory.n_undo_bytes() > 0);
        memory.revert(&mark);
        assert_eq!(memory.differing(&before), [""; 0]);
    }

    #[test]
    fn what_is_forgotten_takes_no_bytes() {
        let mut memory = Memory::new(&Params::default());
        write_all(&mut memory);
        memory.forget_all();
        assert_eq!(memory.n_undo_bytes(), 0);
    }

    fn write_all(memory: &mut Memory) {
        memory.profiles.upsert(1, Profile::first_seen_at(7), |_| {});
        memory.edges.pay(Pair::new(AccountKey(1), AccountKey(2), None), 7);
        memory.graph.push(&transfer());
        memory.windows.upsert(1, Window::default(), |_| {});
        memory.outputs.upsert(1, StoredOutput::default(), |_| {});
        memory.tx_logs.upsert(1, TxLogs::default(), |_| {});
        memory.tokens.upsert(1, TokenStats::default(), |_| {});
        memory.token_profiles.upsert(1, Profile::first_seen_at(7), |_| {});
        memory.facts.upsert(1, SeenFact::default(), |_| {});
        memory.fees.push(3.0);
        memory.clusters.upsert(1, EntityMember::default(), |_| {});
        memory.habits.learn(&wallet_tx());
        memory.observed_since = Some(EventTime::from_secs(7));
    }

    fn transfer() -> NewTransfer {
        let end = |key| TransferEnd { key, ends: [0; 4] };
        NewTransfer {
            from: end(1),
            to: end(2),
            time: 7,
            value: 1.0,
            token: None,
            tx: None,
            is_new_edge: true,
            is_fresh_receiver: true,
            is_failed: false,
        }
    }

    fn wallet_tx() -> UtxoTx {
        UtxoTx {
            inputs: Vec::new(),
            outputs: Vec::new(),
            is_coinbase: false,
            version: Some(2),
            lock_time: Some(0),
            size: None,
            virtual_size: None,
            has_hidden_value: false,
        }
    }
}
