//! What an incident may use to plant itself on the simulated EVM chain.

use super::{
    draft::{Addr, EvmDraft},
    population::Population,
    world::EvmTask,
};
use crate::sim::{rng::Rng, writer::hex};
use std::collections::BTreeMap;

/// Schedules one incident; offsets count from the incident's start.
pub(in crate::sim) struct EvmPlanner<'a> {
    pub(in crate::sim) people: &'a Population,
    pub(in crate::sim) rng: &'a mut Rng,
    pub(super) tasks: &'a mut BTreeMap<i64, Vec<EvmTask>>,
    pub(super) start_secs: i64,
    pub(super) incident: usize,
    pub(super) subjects: Vec<String>,
    pub(super) nonces: Vec<(Addr, u64)>,
}

impl EvmPlanner<'_> {
    /// Schedules a transaction of the incident.
    pub(in crate::sim) fn at(&mut self, offset_secs: i64, mut draft: EvmDraft) {
        draft.incident = Some(self.incident);
        self.task(offset_secs, EvmTask::Send(Box::new(draft)));
    }

    /// Schedules an ordinary transaction that prepares the incident without being part of it.
    pub(in crate::sim) fn prepare(&mut self, offset_secs: i64, draft: EvmDraft) {
        self.task(offset_secs, EvmTask::Send(Box::new(draft)));
    }

    /// Schedules a reorganisation.
    pub(in crate::sim) fn reorganise(&mut self, offset_secs: i64, depth: usize) {
        let incident = self.incident;
        self.task(offset_secs, EvmTask::Reorganise { depth, incident });
    }

    /// Makes an account that nobody has seen.
    pub(in crate::sim) fn fresh(&mut self) -> Addr {
        self.rng.bytes()
    }

    /// Gives an account a history before the stream: its next nonce.
    pub(in crate::sim) fn has_sent(&mut self, account: Addr, n: u64) {
        self.nonces.push((account, n));
    }

    /// Names an account that alerts about the incident are about.
    pub(in crate::sim) fn subject(&mut self, account: Addr) {
        self.subjects.push(format!("0x{}", hex(&account)));
    }

    fn task(&mut self, offset_secs: i64, task: EvmTask) {
        self.tasks.entry(self.start_secs + offset_secs).or_default().push(task);
    }
}
