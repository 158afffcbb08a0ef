//! Scenarios: which chains, how long, how busy, and which incidents, under one seed.

use super::{
    evm,
    incident::{self, Plant},
    line::{Line, Planted, Truth},
    utxo,
};
use crate::model::Family;
use std::collections::VecDeque;

/// When every scenario starts: Monday 2025-01-06 00:00:00 UTC.
pub(super) const START_SECS: i64 = 1_736_121_600;
/// Incidents start after this share of the run, so that detectors have seen ordinary traffic.
const QUIET_SHARE: f64 = 0.25;

/// How the EVM chain runs.
#[derive(Clone, Copy, Debug)]
pub struct Evm {
    pub n_blocks: u64,
    pub block_secs: i64,
    /// Mean over a day; the hours of the day differ.
    pub txs_per_block: f64,
    pub n_users: usize,
}

/// How the UTXO chain runs.
#[derive(Clone, Copy, Debug)]
pub struct Utxo {
    pub n_blocks: u64,
    pub block_secs: i64,
    /// Mean over a day; the hours of the day differ.
    pub txs_per_block: f64,
    pub n_users: usize,
}

impl Default for Evm {
    fn default() -> Self {
        Self { n_blocks: 300, block_secs: 12, txs_per_block: 20.0, n_users: 4_000 }
    }
}

impl Default for Utxo {
    fn default() -> Self {
        Self { n_blocks: 144, block_secs: 600, txs_per_block: 20.0, n_users: 2_000 }
    }
}

/// A scenario being put together.
#[derive(Clone, Debug)]
pub struct Scenario {
    seed: u64,
    evm: Option<Evm>,
    utxo: Option<Utxo>,
    has_incidents: bool,
}

impl Scenario {
    /// Starts an empty scenario: no chain, incidents on.
    pub fn new(seed: u64) -> Self {
        Self { seed, evm: None, utxo: None, has_incidents: true }
    }

    /// Adds an EVM chain.
    pub fn evm(mut self, params: Evm) -> Self {
        self.evm = Some(params);
        self
    }

    /// Adds a UTXO chain.
    pub fn utxo(mut self, params: Utxo) -> Self {
        self.utxo = Some(params);
        self
    }

    /// Leaves the incidents out: background only.
    pub fn without_incidents(mut self) -> Self {
        self.has_incidents = false;
        self
    }

    /// Returns the scenario as an iterator over its records, in order of event time.
    pub fn lines(self) -> ScenarioFeed {
        let mut feed = ScenarioFeed {
            evm: self.evm.map(|params| evm::EvmWorld::new(self.seed, params)),
            utxo: self.utxo.map(|params| utxo::UtxoWorld::new(self.seed, params)),
            queue: VecDeque::new(),
            truth: Truth::default(),
        };
        if self.has_incidents {
            feed.plant(&self);
        }
        if let Some(world) = &feed.evm {
            world.describe(&mut feed.truth);
        }
        if let Some(world) = &feed.utxo {
            world.describe(&mut feed.truth);
        }
        feed
    }

    /// Returns all records and the truth about them.
    pub fn generate(self) -> (Vec<Line>, Truth) {
        let mut feed = self.lines();
        let lines = feed.by_ref().collect();
        (lines, feed.truth)
    }
}

/// The records of a scenario, made block by block as they are asked for.
#[derive(Debug)]
pub struct ScenarioFeed {
    evm: Option<evm::EvmWorld>,
    utxo: Option<utxo::UtxoWorld>,
    /// The records of the block that was mined last.
    queue: VecDeque<Line>,
    truth: Truth,
}

impl ScenarioFeed {
    /// Returns the truth so far; the reference data in it are complete from the start.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Plans every incident of the table that fits into the run of its chain.
    fn plant(&mut self, scenario: &Scenario) {
        for family in [Family::Evm, Family::Utxo] {
            let run_secs = match family {
                Family::Evm => scenario.evm.map_or(0, |p| p.n_blocks as i64 * p.block_secs),
                Family::Utxo => scenario.utxo.map_or(0, |p| p.n_blocks as i64 * p.block_secs),
            };
            let quiet_secs = (run_secs as f64 * QUIET_SHARE) as i64;
            let fitting: Vec<_> = incident::TABLE
                .iter()
                .filter(|i| i.family() == family && i.span_secs < run_secs - quiet_secs)
                .collect();
            for (rank, incident) in fitting.iter().enumerate() {
                let latest = run_secs - quiet_secs - incident.span_secs;
                let offset = latest * rank as i64 / fitting.len() as i64;
                self.plan(incident, quiet_secs + offset);
            }
        }
    }

    fn plan(&mut self, incident: &incident::Incident, start_secs: i64) {
        let idx = self.truth.incidents.len();
        self.truth.incidents.push(Planted {
            name: incident.name,
            family: incident.family(),
            detectors: incident.detectors,
            tx_ids: Vec::new(),
            subjects: Vec::new(),
            first_ms: 0,
            last_ms: 0,
            n_records: 0,
        });
        match (incident.plant, &mut self.evm, &mut self.utxo) {
            (Plant::Evm(plant), Some(world), _) => {
                world.plan(start_secs, idx, &mut self.truth, plant);
            }
            (Plant::Utxo(plant), _, Some(world)) => {
                world.plan(start_secs, idx, &mut self.truth, plant);
            }
            _ => {}
        }
    }
}

impl Iterator for ScenarioFeed {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        while self.queue.is_empty() {
            let evm = self.evm.as_ref().and_then(evm::EvmWorld::next_secs);
            let utxo = self.utxo.as_ref().and_then(utxo::UtxoWorld::next_secs);
            let is_evm_first = match (evm, utxo) {
                (None, None) => return None,
                (Some(e), Some(u)) => e <= u,
                (e, _) => e.is_some(),
            };
            match (&mut self.evm, &mut self.utxo) {
                (Some(world), _) if is_evm_first => world.step(&mut self.queue, &mut self.truth),
                (_, Some(world)) => world.step(&mut self.queue, &mut self.truth),
                _ => return None,
            }
        }
        self.queue.pop_front()
    }
}
