//! Runs the simulated UTXO chain block by block: background by season, incidents by plan.

use super::{
    address::{OutputKind, Script},
    draft::{DraftPayment, UtxoDraft},
    json::{self, ShownBlock},
    planner::UtxoPlanner,
    wallets::Wallets,
};
use crate::{
    model::{Address, EventTime, Family, Label, LabelKind, Price},
    sim::{
        evm::season,
        line::{Line, Truth, topic},
        rng::Rng,
        scenario::{START_SECS, Utxo},
        writer::hex,
    },
};
use std::collections::{BTreeMap, VecDeque};

/// The height of the first simulated block: Bitcoin's in January 2025.
const FIRST_HEIGHT: u64 = 878_000;
/// Block subsidy after the 2024 halving, in satoshi.
const SUBSIDY_SAT: u64 = 312_500_000;
/// What one bitcoin costs in the simulated price table.
const BITCOIN_USD: f64 = 60_000.0;
/// Blocks kept for a planted reorganisation.
const RECENT_MAX: usize = 4;

/// Something planned for a point in time.
#[derive(Clone, Debug)]
pub(super) enum UtxoTask {
    Send(Box<UtxoDraft>),
    Reorganise { depth: usize, incident: usize },
}

/// The chain, its wallets and what is planned for them.
#[derive(Debug)]
pub(in crate::sim) struct UtxoWorld {
    params: Utxo,
    rng: Rng,
    wallets: Wallets,
    tasks: BTreeMap<i64, Vec<UtxoTask>>,
    height: u64,
    /// Satoshi per vbyte that gets a transaction into the next block.
    fee_rate: f64,
    recent: VecDeque<ShownBlock>,
    n_sealed: u64,
}

impl UtxoWorld {
    /// Makes a world before its first block.
    pub(in crate::sim) fn new(seed: u64, params: Utxo) -> Self {
        let mut rng = Rng::new(seed, 2);
        let wallets = Wallets::new(params.n_users, &mut rng);
        Self {
            params,
            rng,
            wallets,
            tasks: BTreeMap::new(),
            height: FIRST_HEIGHT,
            fee_rate: 8.0, // A quiet day on Bitcoin in early 2025.
            recent: VecDeque::new(),
            n_sealed: 0,
        }
    }

    /// Plans an incident to start at an offset from the scenario's start.
    pub(in crate::sim) fn plan(
        &mut self,
        start_secs: i64,
        incident: usize,
        truth: &mut Truth,
        plant: fn(&mut UtxoPlanner<'_>),
    ) {
        let mut planner = UtxoPlanner {
            wallets: &self.wallets,
            rng: &mut self.rng,
            tasks: &mut self.tasks,
            start_secs,
            incident,
            subjects: Vec::new(),
        };
        plant(&mut planner);
        truth.incidents[incident].subjects.append(&mut planner.subjects);
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
        self.fee_rate = (self.fee_rate + self.rng.normal() * 0.3).clamp(3.0, 20.0);
        let miner = DraftPayment::to(Script::fresh(OutputKind::P2wpkh, &mut self.rng), SUBSIDY_SAT);
        let mut txs = vec![UtxoDraft::new(Vec::new(), vec![miner], &mut self.rng)];
        let n = self.rng.count(self.params.txs_per_block * season(secs));
        for _ in 0..n {
            // Some hurry, some wait: half to twice the going rate.
            let rate = self.fee_rate * self.rng.log_normal(0.0, 0.1);
            txs.extend(self.wallets.draft(rate, &mut self.rng));
        }
        let later = self.tasks.split_off(&(offset + 1));
        let due = std::mem::replace(&mut self.tasks, later);
        for task in due.into_values().flatten() {
            match task {
                UtxoTask::Send(draft) if draft.is_pending => {
                    let json = json::transaction(&draft, None);
                    let line = record(json, secs, 1, draft.incident);
                    let line = Line { is_pending: true, ..line };
                    push(lines, truth, line, Some(&draft.id));
                }
                UtxoTask::Send(draft) => txs.push(*draft),
                UtxoTask::Reorganise { depth, incident } => {
                    self.reorganise(depth, incident, lines, truth);
                }
            }
        }
        let block =
            ShownBlock { height: self.height, hash: self.block_hash(), secs, txs, incident: None };
        self.append(block, lines, truth);
    }

    /// Adds prices and labels that fit this world.
    pub(in crate::sim) fn describe(&self, truth: &mut Truth) {
        let from = EventTime::from_secs(START_SECS - 86_400);
        let reference = &mut truth.reference;
        reference.prices.insert("BTC".to_owned(), vec![Price { from, usd: BITCOIN_USD }]);
        let sanctioned = (self.wallets.sanctioned, LabelKind::Sanctioned, "sanctioned wallet");
        let exchanges = self.wallets.exchanges().map(|e| (e, LabelKind::Exchange, "exchange"));
        for (script, kind, name) in exchanges.chain([sanctioned]) {
            let (name, source) = (name.to_owned(), "simulator".to_owned());
            let label = Label { kind, name, source, confidence: 1.0, expires: None };
            let address = Address::Text(script.address().into());
            reference.labels.entry(address).or_default().push(label);
        }
    }

    fn reorganise(
        &mut self,
        depth: usize,
        incident: usize,
        lines: &mut VecDeque<Line>,
        truth: &mut Truth,
    ) {
        let orphaned = self.recent.split_off(self.recent.len().saturating_sub(depth));
        if let Some(first) = orphaned.front() {
            self.height = first.height;
        }
        for mut old in orphaned {
            truth.incidents[incident].subjects.push(hex(&old.hash));
            // Another miner found it: another coinbase, the same payments.
            old.txs[0].id = self.rng.bytes();
            let hash = self.block_hash();
            truth.incidents[incident].subjects.push(hex(&hash));
            self.append(ShownBlock { hash, incident: Some(incident), ..old }, lines, truth);
        }
    }

    fn append(&mut self, block: ShownBlock, lines: &mut VecDeque<Line>, truth: &mut Truth) {
        let header = record(json::header(&block), block.secs, 0, block.incident);
        push(lines, truth, header, None);
        for (index, tx) in block.txs.iter().enumerate() {
            let json = json::transaction(tx, Some((&block, index)));
            push(lines, truth, record(json, block.secs, 1, tx.incident), Some(&tx.id));
        }
        self.height = block.height + 1;
        self.recent.push_back(block);
        while self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    /// Makes a hash with the leading zeros of proof of work.
    fn block_hash(&mut self) -> [u8; 32] {
        let mut hash: [u8; 32] = self.rng.bytes();
        hash[..9].fill(0);
        hash
    }
}

fn record(json: String, secs: i64, n_transactions: u32, incident: Option<usize>) -> Line {
    let event_time = EventTime::from_secs(secs);
    let family = Family::Utxo;
    let topic = topic(family);
    Line { family, topic, event_time, json, n_transactions, incident, is_pending: false }
}

fn push(lines: &mut VecDeque<Line>, truth: &mut Truth, line: Line, tx: Option<&[u8; 32]>) {
    truth.n_transactions += u64::from(line.n_transactions);
    if let Some(incident) = line.incident {
        truth.note(incident, tx.map(|id| hex(id)), line.event_time);
    }
    lines.push_back(line);
}
