//! What an incident may use to plant itself on the simulated UTXO chain.

use super::{
    address::{Kind, Script},
    draft::{Coin, Draft, sat},
    wallets::{Wallets, old_coin},
    world::Task,
};
use crate::sim::rng::Rng;
use std::collections::BTreeMap;

/// Schedules one incident; offsets count from the incident's start.
pub(in crate::sim) struct Planner<'a> {
    pub(in crate::sim) wallets: &'a Wallets,
    pub(in crate::sim) rng: &'a mut Rng,
    pub(super) tasks: &'a mut BTreeMap<i64, Vec<Task>>,
    pub(super) start_secs: i64,
    pub(super) incident: usize,
    pub(super) subjects: Vec<String>,
}

impl Planner<'_> {
    /// Schedules a transaction of the incident.
    pub(in crate::sim) fn at(&mut self, offset_secs: i64, mut draft: Draft) {
        draft.incident = Some(self.incident);
        self.task(offset_secs, Task::Send(Box::new(draft)));
    }

    /// Schedules a reorganisation.
    pub(in crate::sim) fn reorganise(&mut self, offset_secs: i64, depth: usize) {
        let incident = self.incident;
        self.task(offset_secs, Task::Reorganise { depth, incident });
    }

    /// Makes a script that nobody has used.
    pub(in crate::sim) fn fresh(&mut self) -> Script {
        Script::fresh(Kind::P2wpkh, self.rng)
    }

    /// Makes a coin from before the stream.
    pub(in crate::sim) fn coin(&mut self, script: Script, bitcoin: f64) -> Coin {
        old_coin(script, sat(bitcoin), self.rng)
    }

    /// Names an address that alerts about the incident are about.
    pub(in crate::sim) fn subject(&mut self, script: Script) {
        self.subjects.push(script.address());
    }

    fn task(&mut self, offset_secs: i64, task: Task) {
        self.tasks.entry(self.start_secs + offset_secs).or_default().push(task);
    }
}
