//! What an incident may use to plant itself on the simulated UTXO chain.

use super::{
    address::{OutputKind, Script},
    draft::{UnspentCoin, UtxoDraft, sat},
    wallets::{Wallets, old_coin},
    world::UtxoTask,
};
use crate::sim::rng::Rng;
use std::collections::BTreeMap;

/// Schedules one incident; offsets count from the incident's start.
pub(in crate::sim) struct UtxoPlanner<'a> {
    pub(in crate::sim) wallets: &'a Wallets,
    pub(in crate::sim) rng: &'a mut Rng,
    pub(super) tasks: &'a mut BTreeMap<i64, Vec<UtxoTask>>,
    pub(super) start_secs: i64,
    pub(super) incident: usize,
    pub(super) subjects: Vec<String>,
}

impl UtxoPlanner<'_> {
    /// Schedules a transaction of the incident.
    pub(in crate::sim) fn at(&mut self, offset_secs: i64, mut draft: UtxoDraft) {
        draft.incident = Some(self.incident);
        self.task(offset_secs, UtxoTask::Send(Box::new(draft)));
    }

    /// Schedules a reorganisation.
    pub(in crate::sim) fn reorganise(&mut self, offset_secs: i64, depth: usize) {
        let incident = self.incident;
        self.task(offset_secs, UtxoTask::Reorganise { depth, incident });
    }

    /// Makes a script that nobody has used.
    pub(in crate::sim) fn fresh(&mut self) -> Script {
        Script::fresh(OutputKind::P2wpkh, self.rng)
    }

    /// Makes a coin from before the stream.
    pub(in crate::sim) fn coin(&mut self, script: Script, bitcoin: f64) -> UnspentCoin {
        old_coin(script, sat(bitcoin), self.rng)
    }

    /// Names an address that alerts about the incident are about.
    pub(in crate::sim) fn subject(&mut self, script: Script) {
        self.subjects.push(script.address());
    }

    fn task(&mut self, offset_secs: i64, task: UtxoTask) {
        self.tasks.entry(self.start_secs + offset_secs).or_default().push(task);
    }
}
