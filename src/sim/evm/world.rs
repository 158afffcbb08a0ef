//! Runs the simulated EVM chain block by block: background by season, incidents by plan.

use super::{
    chain::{ChainTip, Out},
    draft::EvmDraft,
    planner::EvmPlanner,
    population::{ETHER_USD, Population},
};
use crate::{
    model::{Address, EventTime, Label, LabelKind, Price, WatchEntry},
    sim::{
        line::{Line, Truth},
        rng::Rng,
        scenario::{Evm, START_SECS},
    },
};
use std::collections::{BTreeMap, VecDeque};

/// The height of the first simulated block: Ethereum's in January 2025.
const FIRST_HEIGHT: u64 = 21_560_000;

/// Something planned for a point in time.
#[derive(Clone, Debug)]
pub(super) enum EvmTask {
    Send(Box<EvmDraft>),
    Reorganise { depth: usize, incident: usize },
}

/// The chain, its people and what is planned for them.
#[derive(Debug)]
pub(in crate::sim) struct EvmWorld {
    params: Evm,
    rng: Rng,
    people: Population,
    chain: ChainTip,
    tasks: BTreeMap<i64, Vec<EvmTask>>,
    n_sealed: u64,
}

impl EvmWorld {
    /// Makes a world before its first block.
    pub(in crate::sim) fn new(seed: u64, params: Evm) -> Self {
        let mut rng = Rng::new(seed, 1);
        let people = Population::new(params.n_users, &mut rng);
        let mut chain = ChainTip::new(FIRST_HEIGHT, &mut rng);
        for founder in people.founders() {
            chain.set_nonce(founder, 20 + rng.below(400));
        }
        Self { params, rng, people, chain, tasks: BTreeMap::new(), n_sealed: 0 }
    }

    /// Plans an incident to start at an offset from the scenario's start.
    pub(in crate::sim) fn plan(
        &mut self,
        start_secs: i64,
        incident: usize,
        truth: &mut Truth,
        plant: fn(&mut EvmPlanner<'_>),
    ) {
        let mut planner = EvmPlanner {
            people: &self.people,
            rng: &mut self.rng,
            tasks: &mut self.tasks,
            start_secs,
            incident,
            subjects: Vec::new(),
            nonces: Vec::new(),
        };
        plant(&mut planner);
        truth.incidents[incident].subjects.append(&mut planner.subjects);
        for (account, nonce) in std::mem::take(&mut planner.nonces) {
            self.chain.set_nonce(account, nonce);
        }
    }

    /// Returns when the next block is due, as an offset from the start; `None` at the end.
    pub(in crate::sim) fn next_secs(&self) -> Option<i64> {
        (self.n_sealed < self.params.n_blocks)
            .then(|| self.n_sealed as i64 * self.params.block_secs)
    }

    /// Mines one block and hands out its records.
    pub(in crate::sim) fn step(&mut self, lines: &mut VecDeque<Line>, truth: &mut Truth) {
        let offset = self.n_sealed as i64 * self.params.block_secs;
        self.n_sealed += 1;
        let secs = START_SECS + offset;
        let n = self.rng.count(self.params.txs_per_block * season(secs));
        let mut drafts: Vec<EvmDraft> = (0..n).map(|_| self.people.draft(&mut self.rng)).collect();
        let later = self.tasks.split_off(&(offset + 1));
        let due = std::mem::replace(&mut self.tasks, later);
        let mut out = Out { lines, truth };
        for task in due.into_values().flatten() {
            match task {
                EvmTask::Send(draft) => drafts.push(*draft),
                EvmTask::Reorganise { depth, incident } => {
                    self.chain.reorganise(depth, incident, &mut self.rng, &mut out);
                }
            }
        }
        self.chain.seal(drafts, secs, &mut self.rng, &mut out);
    }

    /// Adds prices, labels and watched accounts that fit this world.
    pub(in crate::sim) fn describe(&self, truth: &mut Truth) {
        let reference = &mut truth.reference;
        let from = EventTime::from_secs(START_SECS - 86_400);
        reference.prices.insert("ETH".to_owned(), vec![Price { from, usd: ETHER_USD }]);
        for token in &self.people.tokens {
            let name = Address::Evm(*token).to_string();
            reference.prices.insert(name, vec![Price { from, usd: 1.0 }]);
        }
        let mut label = |address: [u8; 20], kind, name: &str| {
            let source = "simulator".to_owned();
            let name = name.to_owned();
            let label = Label { kind, name, source, confidence: 1.0, expires: None };
            reference.labels.entry(Address::Evm(address)).or_default().push(label);
        };
        for exchange in &self.people.exchanges {
            label(*exchange, LabelKind::Exchange, "exchange hot wallet");
        }
        for contract in &self.people.contracts {
            label(*contract, LabelKind::Defi, "popular contract");
        }
        label(self.people.sanctioned, LabelKind::Sanctioned, "sanctioned account");
        label(self.people.mixer, LabelKind::Mixer, "mixer");
        let name = "exchange 0".to_owned();
        let entry = WatchEntry { name, role: "hot_wallet".to_owned() };
        reference.watch.insert(Address::Evm(self.people.exchanges[0]), entry);
    }
}

/// Returns how busy an hour is compared with the mean: quiet at 3 UTC, busy at 15 UTC.
pub(in crate::sim) fn season(secs: i64) -> f64 {
    let hours = (secs.rem_euclid(86_400)) as f64 / 3_600.0;
    1.0 + 0.45 * libm::sin((hours - 9.0) * std::f64::consts::PI / 12.0)
}
