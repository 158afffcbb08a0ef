//! Seals drafts into blocks: nonces, hashes, indices, gas, base fee, receipts and reorganisations.

use super::{
    draft::{Addr, Effect, EvmDraft},
    json,
};
use crate::model::{EventTime, Family};
use crate::sim::{
    line::{Line, Truth, topic},
    rng::Rng,
    writer::hex,
};
use std::collections::{BTreeMap, VecDeque};

/// Blocks kept for a planted reorganisation.
const RECENT_MAX: usize = 4;
/// Wei in one gwei.
const GWEI: f64 = 1e9;
/// Gas limit of a simulated block, as on Ethereum in 2025.
pub(super) const BLOCK_GAS_LIMIT: u64 = 36_000_000;

/// A mined transaction.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) draft: EvmDraft,
    pub(super) hash: [u8; 32],
    pub(super) nonce: u64,
    pub(super) tx_type: u8,
    pub(super) gas: u64,
    pub(super) gas_used: u64,
    /// Effective price, wei per gas.
    pub(super) gas_price: u64,
    pub(super) max_fee: u64,
    pub(super) max_tip: u64,
}

/// A block of mined transactions.
#[derive(Clone, Debug)]
pub(super) struct MinedBlock {
    pub(super) height: u64,
    pub(super) hash: [u8; 32],
    pub(super) parent: [u8; 32],
    pub(super) secs: i64,
    pub(super) base_fee: u64,
    pub(super) txs: Vec<Sealed>,
    /// The incident whose record the header is.
    pub(super) incident: Option<usize>,
}

/// The chain's tip, nonces and fee market.
#[derive(Debug)]
pub(super) struct ChainTip {
    height: u64,
    parent: [u8; 32],
    nonces: BTreeMap<Addr, u64>,
    base_fee_gwei: f64,
    recent: VecDeque<MinedBlock>,
}

impl ChainTip {
    /// Makes a chain whose next block has this height.
    pub(super) fn new(height: u64, rng: &mut Rng) -> Self {
        Self {
            height,
            parent: rng.bytes(),
            nonces: BTreeMap::new(),
            base_fee_gwei: 8.0, // A quiet day on Ethereum in early 2025.
            recent: VecDeque::new(),
        }
    }

    /// Gives an account a history: its next nonce.
    pub(super) fn set_nonce(&mut self, account: Addr, nonce: u64) {
        self.nonces.insert(account, nonce);
    }

    /// Mines the next block and writes its records.
    pub(super) fn seal(
        &mut self,
        drafts: Vec<EvmDraft>,
        secs: i64,
        rng: &mut Rng,
        out: &mut Out<'_>,
    ) {
        // The base fee wanders by at most 12.5 % a block around its long-run level (EIP-1559).
        let pull = (8.0 - self.base_fee_gwei) * 0.01;
        let step = self.base_fee_gwei * rng.normal() * 0.015;
        self.base_fee_gwei = (self.base_fee_gwei + pull + step).clamp(3.0, 30.0);
        let base_fee = (self.base_fee_gwei * GWEI) as u64;
        let mut txs = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let is_pending = draft.is_pending;
            let tx = self.mine(draft, base_fee, rng);
            if is_pending {
                out.push(json::transaction(&tx, None), secs, 1, tx.draft.incident, Some(&tx.hash));
                out.mark_pending();
            } else {
                txs.push(tx);
            }
        }
        let block = MinedBlock {
            height: self.height,
            hash: rng.bytes(),
            parent: self.parent,
            secs,
            base_fee,
            txs,
            incident: None,
        };
        self.append(block, out);
    }

    /// Replaces the last `depth` blocks by others with the same transactions.
    pub(super) fn reorganise(
        &mut self,
        depth: usize,
        incident: usize,
        rng: &mut Rng,
        out: &mut Out<'_>,
    ) {
        let split = self.recent.len().saturating_sub(depth);
        let orphaned = self.recent.split_off(split);
        if let Some(first) = orphaned.front() {
            self.height = first.height;
            self.parent = first.parent;
        }
        for old in orphaned {
            out.truth.incidents[incident].subjects.push(hex(&old.hash));
            let (hash, parent) = (rng.bytes(), self.parent);
            out.truth.incidents[incident].subjects.push(hex(&hash));
            self.append(MinedBlock { hash, parent, incident: Some(incident), ..old }, out);
        }
    }

    fn append(&mut self, block: MinedBlock, out: &mut Out<'_>) {
        json::write_block(&block, out);
        self.height = block.height + 1;
        self.parent = block.hash;
        self.recent.push_back(block);
        while self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    fn mine(&mut self, draft: EvmDraft, base_fee: u64, rng: &mut Rng) -> Sealed {
        let next = self.nonces.entry(draft.from).or_insert(0);
        let nonce = *next;
        if !draft.is_pending {
            *next += 1;
        }
        let n_transfers =
            draft.effects.iter().filter(|e| matches!(e, Effect::Transfer { .. })).count() as u64;
        let work = match (draft.to, draft.input.is_empty()) {
            (None, _) => 900_000,
            (_, true) => 0,
            _ if !draft.effects.is_empty() => 24_000 + 27_000 * n_transfers,
            _ => 60_000 + rng.below(120_000),
        };
        let gas_used = 21_000 + work;
        let gas = if work == 0 { 21_000 } else { gas_used + gas_used / 4 };
        let tip_gwei = draft.tip_gwei.unwrap_or_else(|| rng.log_normal(0.0, 0.2).min(4.0));
        let tip = (tip_gwei * GWEI) as u64;
        let is_legacy = draft.tip_gwei.is_none() && rng.chance(0.15);
        Sealed {
            hash: rng.bytes(),
            nonce,
            tx_type: if is_legacy { 0 } else { 2 },
            gas,
            gas_used,
            gas_price: base_fee + tip,
            max_fee: 2 * base_fee + tip,
            max_tip: tip,
            draft,
        }
    }
}

/// Where records go, with the truth about them.
pub(super) struct Out<'a> {
    pub(super) lines: &'a mut VecDeque<Line>,
    pub(super) truth: &'a mut Truth,
}

impl Out<'_> {
    /// Hands out one record.
    pub(super) fn push(
        &mut self,
        json: String,
        secs: i64,
        n_transactions: u32,
        incident: Option<usize>,
        tx: Option<&[u8; 32]>,
    ) {
        let event_time = EventTime::from_secs(secs);
        self.truth.n_transactions += u64::from(n_transactions);
        if let Some(incident) = incident {
            self.truth.note(incident, tx.map(|hash| hex(hash)), event_time);
        }
        self.lines.push_back(Line {
            family: Family::Evm,
            topic: topic(Family::Evm),
            event_time,
            json,
            n_transactions,
            incident,
            is_pending: false,
        });
    }

    /// Marks the last record as one without a block.
    fn mark_pending(&mut self) {
        if let Some(line) = self.lines.back_mut() {
            line.is_pending = true;
        }
    }
}
