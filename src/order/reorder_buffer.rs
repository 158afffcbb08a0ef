//! What a merge holds: blocks by height with their records, and records without a height between.

use super::{
    branches::{Branches, Visit, WaitingBlock},
    place::{Order, Section},
};
use crate::model::{BlockHash, TxId};
use std::collections::BTreeMap;

/// A record that waits; `T` is whatever the caller of the merge wants back.
pub(crate) struct Waiting<T> {
    pub lane: usize,
    pub item: T,
    pub n_bytes: usize,
    pub order: Order,
}

/// Where a record is to wait.
pub(crate) struct Seat {
    pub height: u64,
    pub hash: Option<BlockHash>,
    pub parent: Option<BlockHash>,
    pub is_revert: bool,
}

/// A step of the way out: a block's records, or what takes it back.
pub(crate) struct ReleaseStep {
    pub height: u64,
    pub hash: Option<BlockHash>,
    seq: u64,
    pub is_entry: bool,
}

/// The order in which blocks are to leave.
pub(crate) struct Way {
    pub steps: Vec<ReleaseStep>,
    /// The first height that should wait for the rest of a losing branch.
    pub waits_at: Option<u64>,
}

/// The records that a merge holds.
pub(crate) struct Held<T> {
    blocks: BTreeMap<u64, Vec<HeldBlock<T>>>,
    /// Behind the height that their lane had reached.
    loose: BTreeMap<u64, Vec<Waiting<T>>>,
    n_records: usize,
    n_bytes: usize,
    /// Counts blocks in the order in which they came.
    n_blocks: u64,
}

struct HeldBlock<T> {
    hash: Option<BlockHash>,
    parent: Option<BlockHash>,
    seq: u64,
    records: Vec<Waiting<T>>,
    /// What takes the block back.
    reverts: Vec<Waiting<T>>,
    /// Where its transactions are, for rows that only name one.
    indexes: BTreeMap<TxId, u32>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        let (blocks, loose) = (BTreeMap::new(), BTreeMap::new());
        Self { blocks, loose, n_records: 0, n_bytes: 0, n_blocks: 0 }
    }
}

impl<T> Held<T> {
    /// Returns how many records there are.
    pub fn n_records(&self) -> usize {
        self.n_records
    }

    /// Returns how many bytes they have.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Returns the lowest height with a record.
    pub fn first(&self) -> Option<u64> {
        let first = self.blocks.first_key_value().map(|(height, _)| *height);
        let loose = self.loose.first_key_value().map(|(height, _)| *height);
        [first, loose].into_iter().flatten().min()
    }

    /// Returns the greatest height with a record.
    pub fn last(&self) -> Option<u64> {
        let last = self.blocks.last_key_value().map(|(height, _)| *height);
        last.max(self.loose.last_key_value().map(|(height, _)| *height))
    }

    /// Returns the height of a block.
    pub fn height_of(&self, hash: BlockHash) -> Option<u64> {
        let has = |blocks: &Vec<HeldBlock<T>>| blocks.iter().any(|block| block.hash == Some(hash));
        self.blocks.iter().rev().find(|(_, blocks)| has(blocks)).map(|(height, _)| *height)
    }

    /// Adds a record to its block.
    pub fn insert(&mut self, seat: Seat, waiting: Waiting<T>) {
        let Seat { height, hash, parent, is_revert } = seat;
        self.n_records += 1;
        self.n_bytes += waiting.n_bytes;
        let rivals = self.blocks.entry(height).or_default();
        // A block that comes again after it was taken back is another one.
        let is_its = |block: &HeldBlock<T>| {
            let is_same = block.hash == hash || hash.is_none() || block.hash.is_none();
            is_same && (is_revert || block.reverts.is_empty())
        };
        let at = rivals.iter().rposition(is_its).unwrap_or(rivals.len());
        if at == rivals.len() {
            let (records, reverts, indexes) = (Vec::new(), Vec::new(), BTreeMap::new());
            self.n_blocks += 1;
            rivals.push(HeldBlock { hash, parent, seq: self.n_blocks, records, reverts, indexes });
        }
        let block = &mut rivals[at];
        block.hash = block.hash.or(hash);
        block.parent = block.parent.or(parent);
        if let (Some(tx), Some(index)) = (waiting.order.tx, waiting.order.tx_index) {
            block.indexes.insert(tx, index);
        }
        if is_revert { &mut block.reverts } else { &mut block.records }.push(waiting);
    }

    /// Adds a record without a height behind one.
    pub fn insert_loose(&mut self, height: u64, waiting: Waiting<T>) {
        self.n_records += 1;
        self.n_bytes += waiting.n_bytes;
        self.loose.entry(height).or_default().push(waiting);
    }

    /// Returns the way out for the blocks up to a height.
    pub fn way(&self, target: u64) -> Way {
        let is_forked = self.blocks.range(..=target).any(|(_, rivals)| rivals.len() > 1);
        let step = |node: &WaitingBlock, is_entry| {
            let WaitingBlock { height, hash, seq, .. } = *node;
            ReleaseStep { height, hash, seq, is_entry }
        };
        if !is_forked {
            let nodes = nodes(self.blocks.range(..=target));
            let steps = nodes.iter().flat_map(|node| [step(node, true), step(node, false)]);
            return Way { steps: steps.collect(), waits_at: None };
        }
        let nodes = nodes(self.blocks.iter());
        let branches = Branches::of(&nodes);
        let steps = branches.walk().into_iter().map(|visit| match visit {
            Visit::Enter(at) => step(&nodes[at], true),
            Visit::Leave(at) => step(&nodes[at], false),
        });
        Way { steps: steps.collect(), waits_at: branches.waits_at(&nodes, target) }
    }

    /// Takes a block's records, in their order.
    pub fn enter(&mut self, step: &ReleaseStep) -> Vec<Waiting<T>> {
        let Some(block) = self.block(step) else { return Vec::new() };
        let indexes = std::mem::take(&mut block.indexes);
        let mut records = std::mem::take(&mut block.records);
        for Waiting { order, .. } in &mut records {
            let named = order.tx.and_then(|tx| indexes.get(&tx).copied());
            // What nothing places comes behind the transactions that are placed.
            let last = (order.section == Section::Transactions).then_some(u32::MAX);
            order.tx_index = order.tx_index.or(named).or(last);
        }
        // Stable: of equals, the one that came first.
        records.sort_by(|a, b| a.order.cmp(&b.order));
        self.gone(&records);
        records
    }

    /// Takes what takes a block back.
    pub fn leave(&mut self, step: &ReleaseStep) -> Vec<Waiting<T>> {
        let Some(block) = self.block(step) else { return Vec::new() };
        let reverts = std::mem::take(&mut block.reverts);
        self.gone(&reverts);
        reverts
    }

    /// Forgets the blocks up to a height, which are empty.
    pub fn drop_to(&mut self, height: u64) {
        self.blocks = self.blocks.split_off(&height.saturating_add(1));
    }

    /// Takes the records without a height up to one.
    pub fn take_loose(&mut self, height: u64) -> Vec<Waiting<T>> {
        let mut taken = Vec::new();
        while let Some(entry) = self.loose.first_entry().filter(|e| *e.key() <= height) {
            taken.extend(entry.remove());
        }
        self.gone(&taken);
        taken
    }

    fn block(&mut self, step: &ReleaseStep) -> Option<&mut HeldBlock<T>> {
        self.blocks.get_mut(&step.height)?.iter_mut().find(|block| block.seq == step.seq)
    }

    fn gone(&mut self, records: &[Waiting<T>]) {
        self.n_records -= records.len();
        self.n_bytes -= records.iter().map(|waiting| waiting.n_bytes).sum::<usize>();
    }
}

fn nodes<'a, T: 'a>(
    blocks: impl Iterator<Item = (&'a u64, &'a Vec<HeldBlock<T>>)>,
) -> Vec<WaitingBlock> {
    let all = blocks.flat_map(|(height, rivals)| {
        rivals.iter().map(|block| WaitingBlock {
            height: *height,
            hash: block.hash,
            parent: block.parent,
            is_reverted: !block.reverts.is_empty(),
            seq: block.seq,
        })
    });
    all.collect()
}
