//! The chain of recent blocks, with a mark each to take state back to before it.

use crate::{
    model::{BlockHash, Inclusion, Reorg},
    state::{
        memory::{Memory, MemoryMark},
        tables::undoable::Undoable,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Blocks whose hash is remembered after their undo information is gone: half a day of Ethereum, a
/// month of Bitcoin. It tells a reorg that is too deep from one that is not there.
const HASHES_MAX: usize = 4_096;
/// Blocks that can be undone : deeper than any reorg of a chain that went on without people
/// stepping in.
const MARKS_MAX: usize = 256;
/// Blocks remembered as contradicting the chain: their transactions may come apart from them.
const DISBELIEVED_MAX: usize = 64;
/// Events applied between two looks at the bytes of the journal inside one block.
pub(in crate::state) const TRIM_PERIOD: u64 = 4_096;

/// One block that has been seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SeenBlock {
    height: u64,
    /// `None` where the source tells heights only.
    hash: Option<BlockHash>,
    parent: Option<BlockHash>,
    /// State before the block; `None` when that has been forgotten, and for late blocks, whose
    /// events are undone with the block that was the tip when they came.
    mark: Option<Box<MemoryMark>>,
    flags: Flags,
}

bitflags::bitflags! {
    /// What is known of a block. The first bit stands where layout 3 wrote a boolean.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(transparent)]
    struct Flags: u8 {
        const LATE = 1;
        /// Its header hashes to its id.
        const VERIFIED = 1 << 1;
    }
}

/// Why a place is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::state) enum PlaceFlaw {
    /// No branch of the chain can have a block there.
    Impossible(&'static str),
    /// It would orphan a block that is verified, and is not verified itself.
    Unproven,
}

/// The recent blocks, by height.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::state) struct Blocks {
    recent: VecDeque<SeenBlock>,
    /// Blocks that contradict the recent ones, the oldest first.
    disbelieved: VecDeque<BlockHash>,
    n_marks_max: usize,
    n_bytes_max: usize,
    n_gaps: u64,
}

/// Where an event says it belongs.
#[derive(Clone, Copy, Debug)]
pub(in crate::state) struct BlockPlace {
    pub inclusion: Inclusion,
    /// The block's parent, when the event tells it.
    pub parent: Option<BlockHash>,
    /// The event is the block's header, and that hashes to its id.
    pub is_verified: bool,
}

impl SeenBlock {
    fn is_late(&self) -> bool {
        self.flags.contains(Flags::LATE)
    }

    fn is_verified(&self) -> bool {
        self.flags.contains(Flags::VERIFIED)
    }
}

impl Blocks {
    /// Makes an empty chain.
    pub fn new(n_marks_max: usize, n_bytes_max: usize) -> Self {
        Self { n_marks_max: n_marks_max.clamp(1, MARKS_MAX), n_bytes_max, ..Self::default() }
    }

    /// Returns the greatest height that is part of state.
    pub fn tip_height(&self) -> Option<u64> {
        self.recent.back().map(|b| b.height)
    }

    /// Returns how many heights have been passed without a block.
    pub fn n_gaps(&self) -> u64 {
        self.n_gaps
    }

    /// Returns whether an event belongs behind the tip.
    pub fn is_late(&self, place: &BlockPlace) -> bool {
        self.tip_height().is_some_and(|tip| place.inclusion.height < tip)
    }

    /// Returns why `place` is not believed.
    ///
    /// A hash commits to its block's parent, and the parent's height is one less: what contradicts
    /// that is false. Another block at a height, or a parent that is not the one seen below, is
    /// not: that is how a reorg looks. What is verified is never refuted by what is not, and what
    /// is not verified takes no verified block's place.
    ///
    /// # Cost
    /// A look at all remembered hashes for what is not of a known block.
    pub fn flaw(&self, place: &BlockPlace) -> Option<PlaceFlaw> {
        let Inclusion { height, block, .. } = place.inclusion;
        let block = block?;
        if place.parent == Some(block) {
            return Some(PlaceFlaw::Impossible("a block that follows itself"));
        }
        let known = self.recent.binary_search_by_key(&height, |b| b.height);
        let here = known.ok().map(|at| &self.recent[at]);
        let known = here.filter(|known| known.hash == Some(block));
        let is_outdone = |other: &SeenBlock| place.is_verified && !other.is_verified();
        match (known, place.parent) {
            (Some(known), _) if is_outdone(known) => {}
            (Some(SeenBlock { parent: Some(old), .. }), Some(new)) if *old != new => {
                return Some(PlaceFlaw::Impossible("one block with two parents"));
            }
            (Some(_), None) | (Some(SeenBlock { parent: Some(_), .. }), _) => return None,
            // Known by its transactions: its header says more.
            (Some(_), Some(_)) => {}
            (None, _) if self.disbelieved.contains(&block) && !place.is_verified => {
                return Some(PlaceFlaw::Impossible("of a block that contradicts the chain"));
            }
            (None, _) if self.block_of(&block).is_some_and(|known| !is_outdone(known)) => {
                return Some(PlaceFlaw::Impossible("one block at two heights"));
            }
            (None, _) => {}
        }
        let below = place.parent.and_then(|parent| self.block_of(&parent));
        let is_next = below
            .is_none_or(|below| below.height.checked_add(1) == Some(height) || is_outdone(below));
        if !is_next {
            return Some(PlaceFlaw::Impossible("a height that is not the parent's and one"));
        }
        let is_held = here.is_some_and(|here| here.hash.is_some_and(|hash| hash != block));
        let is_unproven = is_held && self.is_protected(height) && !place.is_verified;
        is_unproven.then_some(PlaceFlaw::Unproven)
    }

    /// Returns the greatest height of a verified block.
    pub fn verified_height(&self) -> Option<u64> {
        self.recent.iter().rfind(|b| b.is_verified()).map(|b| b.height)
    }

    /// Returns whether any of the blocks that can be undone is verified.
    pub fn has_verified(&self) -> bool {
        self.recent.iter().rev().take(MARKS_MAX).any(SeenBlock::is_verified)
    }

    /// Returns whether a block is one of those that can be undone, and verified.
    pub fn is_verified(&self, hash: &BlockHash) -> bool {
        let mut recent = self.recent.iter().rev().take(MARKS_MAX);
        recent.any(|block| block.is_verified() && block.hash.as_ref() == Some(hash))
    }

    /// Returns whether a verified block is at this height or above.
    fn is_protected(&self, height: u64) -> bool {
        self.verified_height().is_some_and(|verified| verified >= height)
    }

    /// Remembers a block as one that proves nothing.
    pub fn disbelieve(&mut self, place: &BlockPlace) {
        let Some(block) = place.inclusion.block else { return };
        if self.hash_at(place.inclusion.height) == Some(block) || self.disbelieved.contains(&block)
        {
            return;
        }
        if self.disbelieved.len() == DISBELIEVED_MAX {
            self.disbelieved.pop_front();
        }
        self.disbelieved.push_back(block);
    }

    /// Undoes every block that `place` proves orphaned and says which those were.
    ///
    /// Proof is another hash at a seen height, or a parent that is not the block seen below. What
    /// is above an orphaned block is orphaned with it; what is below is not, until its own turn.
    pub fn undo_orphans(&mut self, memory: &mut Memory, place: &BlockPlace) -> Option<Reorg> {
        let (from_height, old_hash, new_hash) = self.orphaned_from(place)?;
        let reorg = self.undo(memory, from_height, old_hash)?;
        let mut reverted = reorg.reverted;
        // A block whose transactions came before its header goes back too, but it is no orphan.
        reverted.retain(|hash| Some(*hash) != place.inclusion.block);
        Some(Reorg { new_hash: Some(new_hash), reverted, ..reorg })
    }

    /// Undoes a block that its source says has left the chain, and what is above it.
    pub fn undo_reverted(&mut self, memory: &mut Memory, hash: BlockHash) -> Option<Reorg> {
        let from_height = self.recent.iter().rfind(|b| b.hash == Some(hash))?.height;
        self.undo(memory, from_height, hash)
    }

    fn undo(
        &mut self,
        memory: &mut Memory,
        from_height: u64,
        old_hash: BlockHash,
    ) -> Option<Reorg> {
        let tip = self.tip_height()?;
        let first = self.recent.partition_point(|b| b.height < from_height);
        let orphans = self.recent.split_off(first);
        let is_too_deep = orphans.iter().find(|b| !b.is_late()).is_some_and(|b| b.mark.is_none());
        // Too deep: as much as is left of the journal is undone.
        if let Some(mark) = orphans.iter().find_map(|b| b.mark.as_ref()) {
            memory.revert(mark);
        }
        Some(Reorg {
            depth_at_least: tip + 1 - from_height,
            from_height,
            old_hash,
            new_hash: None,
            reverted: orphans.iter().filter_map(|b| b.hash).collect(),
            is_too_deep,
        })
    }

    /// Opens the block of an event that is about to be applied, if it is not open.
    pub fn enter(&mut self, memory: &mut Memory, place: &BlockPlace) {
        let Inclusion { height, block, .. } = place.inclusion;
        let verified = if place.is_verified { Flags::VERIFIED } else { Flags::empty() };
        match self.recent.binary_search_by_key(&height, |b| b.height) {
            Ok(at) => {
                let known = &mut self.recent[at];
                known.hash = known.hash.or(block);
                if known.hash == block {
                    let is_outdone = place.is_verified && !known.is_verified();
                    let (first, second) = if is_outdone {
                        (place.parent, known.parent)
                    } else {
                        (known.parent, place.parent)
                    };
                    known.parent = first.or(second);
                    known.flags |= verified;
                }
            }
            Err(at) if at == self.recent.len() => {
                if let Some(tip) = self.tip_height() {
                    self.n_gaps = self.n_gaps.saturating_add(height - tip - 1);
                }
                memory.fees.refresh();
                let mark = Some(Box::new(memory.mark()));
                let parent = place.parent;
                self.recent.push_back(SeenBlock {
                    height,
                    hash: block,
                    parent,
                    mark,
                    flags: verified,
                });
                self.trim(memory);
            }
            // Before everything that is remembered: nothing can be said about it.
            Err(0) => {}
            Err(at) => {
                let parent = place.parent;
                let flags = verified | Flags::LATE;
                self.recent
                    .insert(at, SeenBlock { height, hash: block, parent, mark: None, flags });
            }
        }
    }

    /// Holds the journal to its bounds: the oldest blocks can no longer be undone.
    pub fn trim(&mut self, memory: &mut Memory) {
        while self.recent.len() > HASHES_MAX {
            self.recent.pop_front();
        }
        let n_kept = self.recent.len().saturating_sub(self.n_marks_max);
        let mut is_trimmed = false;
        for block in self.recent.range_mut(..n_kept).rev() {
            // Behind the first one without a mark there are none, but for late blocks between.
            let is_marked = block.mark.take().is_some();
            is_trimmed |= is_marked;
            if !is_marked && !block.is_late() {
                break;
            }
        }
        while memory.n_undo_bytes() > self.n_bytes_max || is_trimmed {
            is_trimmed = false;
            if memory.n_undo_bytes() > self.n_bytes_max {
                let oldest = self.recent.range_mut(n_kept..).find(|b| b.mark.is_some());
                if let Some(block) = oldest {
                    block.mark = None;
                }
            }
            // Before the kept ones there is no mark: a look at all hashes would cost each block.
            match self.recent.range(n_kept..).find_map(|b| b.mark.as_ref()) {
                Some(oldest) => memory.forget(oldest),
                None => memory.forget_all(),
            }
        }
    }

    /// Returns the first orphaned height, the block that was there and the block that is there now.
    fn orphaned_from(&self, place: &BlockPlace) -> Option<(u64, BlockHash, BlockHash)> {
        let Inclusion { height, block, .. } = place.inclusion;
        let tip = self.tip_height()?;
        let new = block?;
        let known = self.hash_at(height);
        let replaced = known.filter(|old| *old != new).map(|old| (height, old, new));
        // A parent says something only about what it is attached to now: a late header of a block
        // that is known by its transactions repeats what its successor has said.
        let is_attached = height >= tip || replaced.is_some();
        let orphaned_parent = place.parent.filter(|_| is_attached).and_then(|parent| {
            let below = height.checked_sub(1)?;
            let old = self.hash_at(below).filter(|old| *old != parent)?;
            Some((below, old, parent))
        });
        let orphaned = orphaned_parent.or(replaced)?;
        // What is not verified takes no verified block's place, nor what such a block stands on.
        (place.is_verified || !self.is_protected(orphaned.0)).then_some(orphaned)
    }

    /// Returns a remembered block; recent ones are found first.
    fn block_of(&self, hash: &BlockHash) -> Option<&SeenBlock> {
        self.recent.iter().rfind(|b| b.hash.as_ref() == Some(hash))
    }

    fn hash_at(&self, height: u64) -> Option<BlockHash> {
        let at = self.recent.binary_search_by_key(&height, |b| b.height).ok()?;
        self.recent[at].hash
    }
}
