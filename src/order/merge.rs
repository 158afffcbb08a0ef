//! The merge: records of several lanes in, one order out, by block and place in the block, inside a
//! window. It does no IO and knows no clock: the caller says what time it is.

use super::{
    place::{Order, Place},
    reorder_buffer::{Held, Seat, Waiting},
};
use crate::model::BlockHash;
use std::collections::BTreeMap;

/// Heights whose released blocks are remembered: what tells a straggler from a reorg.
const RELEASED_MAX: usize = 4_096;

/// Blocks remembered of one height; more rivals than these are taken for stragglers.
const RIVALS_MAX: usize = 16;

/// A height so far above its lane's is garbage, unless the lane insists: half a month of Ethereum.
const JUMP_MAX: u64 = 100_000;

/// Records in a row after which a jump is believed.
const JUMPS_BELIEVED: u32 = 16;

/// The bounds of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeWindow {
    /// How many blocks a record may come late in its own lane.
    pub blocks: u64,
    /// A lane that brought no record with a height for so long is not waited for.
    pub idle_ms: i64,
    pub records_max: usize,
    pub bytes_max: usize,
}

/// A record on its way out.
#[derive(Debug, PartialEq, Eq)]
pub struct Released<T> {
    pub lane: usize,
    pub item: T,
    /// It came after its window was closed.
    pub is_late: bool,
}

/// What a merge has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeCounts {
    pub n_released: u64,
    pub n_late: u64,
    /// Records let out because a bound was reached, not because their window was over.
    pub n_forced: u64,
    /// Windows closed because every lane fell silent.
    pub n_idle_closed: u64,
    /// Reorgs that went below the window: it was closed, and opened again below them.
    pub n_reopened: u64,
}

impl MergeCounts {
    /// Returns what has been counted since an earlier look.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            n_released: self.n_released - before.n_released,
            n_late: self.n_late - before.n_late,
            n_forced: self.n_forced - before.n_forced,
            n_idle_closed: self.n_idle_closed - before.n_idle_closed,
            n_reopened: self.n_reopened - before.n_reopened,
        }
    }
}

/// The state of a merge; `T` is whatever the caller wants back.
pub struct Merge<T> {
    window: MergeWindow,
    lanes: Vec<LaneProgress>,
    held: Held<T>,
    /// Every record up to this height is out.
    frontier: Option<u64>,
    released: BTreeMap<u64, Vec<BlockHash>>,
    out: Vec<Released<T>>,
    counts: MergeCounts,
}

/// How far one lane has come.
struct LaneProgress {
    top: Option<u64>,
    /// When it last brought a height, or began.
    seen_ms: i64,
    n_jumps: u32,
    /// It has brought records without a height.
    is_loose: bool,
}

impl<T> Merge<T> {
    /// Makes a merge that begins at `now_ms` with so many lanes, all records up to a height being
    /// out already.
    pub fn new(window: MergeWindow, n_lanes: usize, frontier: Option<u64>, now_ms: i64) -> Self {
        let lane = || LaneProgress { top: None, seen_ms: now_ms, n_jumps: 0, is_loose: false };
        Self {
            window,
            lanes: (0..n_lanes).map(|_| lane()).collect(),
            held: Held::default(),
            frontier,
            released: BTreeMap::new(),
            out: Vec::new(),
            counts: MergeCounts::default(),
        }
    }

    /// Takes in a lane's next record.
    pub fn push(
        &mut self,
        lane: usize,
        place: Option<Place>,
        item: T,
        n_bytes: usize,
        now_ms: i64,
    ) {
        let placed = place.and_then(|place| Some((self.height(lane, &place)?, place)));
        let Some((height, place)) = placed else {
            let order = Order::default();
            return self.push_loose(Waiting { lane, item, n_bytes, order });
        };
        self.advance(lane, height.max(place.top), now_ms);
        let Place { block, parent, is_revert, order, .. } = place;
        let waiting = Waiting { lane, item, n_bytes, order };
        if self.is_out(height, block) {
            if !is_revert {
                return self.release(waiting, true);
            }
            self.reopen(height);
            self.forget(height, block);
            return self.release(waiting, false);
        }
        if self.frontier.is_some_and(|frontier| height <= frontier) {
            let known = self.released.get(&height);
            let is_rival = block.is_some()
                && known.is_some_and(|known| (1..RIVALS_MAX).contains(&known.len()));
            if !is_rival {
                return self.release(waiting, true);
            }
            self.reopen(height);
        }
        self.held.insert(Seat { height, hash: block, parent, is_revert }, waiting);
        self.keep_bounds();
    }

    /// Notes a record that was out before a restart: it says where its lane and its block are.
    pub fn recall(&mut self, lane: usize, place: Option<Place>, now_ms: i64) {
        let Some(place) = place else { return };
        if let (Some(height), false) = (self.height(lane, &place), place.is_revert) {
            self.advance(lane, height.max(place.top), now_ms);
            self.remember(height, place.block);
        }
    }

    /// Says that a lane has records that were not read yet: it is waited for, unless heights are
    /// not what it brings.
    pub fn touch(&mut self, lane: usize, now_ms: i64) {
        let progress = &mut self.lanes[lane];
        if progress.top.is_some() || !progress.is_loose {
            progress.seen_ms = now_ms;
        }
    }

    /// Lets out what every lane has passed; all that is held, when every lane is silent.
    pub fn settle(&mut self, now_ms: i64) {
        let is_awake = |lane: &&LaneProgress| now_ms - lane.seen_ms < self.window.idle_ms;
        let mut awake = self.lanes.iter().filter(is_awake).peekable();
        if awake.peek().is_none() {
            if self.held.n_records() > 0 {
                self.counts.n_idle_closed += 1;
                self.close();
            }
            return;
        }
        // A lane that has said nothing yet may still be about to.
        let tops: Option<Vec<u64>> = awake.map(|lane| lane.top).collect();
        let lowest = tops.and_then(|tops| tops.into_iter().min());
        if let Some(height) = lowest.and_then(|low| low.checked_sub(self.window.blocks + 1)) {
            self.release_to(height, false);
        }
    }

    /// Lets out all that is held, in order.
    pub fn close(&mut self) {
        if let Some(last) = self.held.last() {
            self.release_to(last, true);
        }
    }

    /// Lets out the lowest height that is held, before its window is over.
    pub fn force(&mut self) {
        let n_before = self.counts.n_released;
        if let Some(first) = self.held.first() {
            self.release_to(first, true);
        }
        self.counts.n_forced += self.counts.n_released - n_before;
    }

    /// Returns whether more of a lane is welcome: a lane that is ahead waits while much is held.
    pub fn wants(&self, lane: usize) -> bool {
        let MergeWindow { records_max, bytes_max, .. } = self.window;
        let is_crowded =
            self.held.n_records() > records_max / 2 || self.held.n_bytes() > bytes_max / 2;
        !is_crowded || !self.is_ahead(lane)
    }

    /// Returns whether another lane has not come as far.
    pub fn is_ahead(&self, lane: usize) -> bool {
        let lowest = self.lanes.iter().map(|lane| lane.top).min().flatten();
        self.lanes[lane].top > lowest
    }

    /// Takes what was let out.
    pub fn take(&mut self) -> Vec<Released<T>> {
        std::mem::take(&mut self.out)
    }

    /// Returns the height up to which every record is out.
    pub fn frontier(&self) -> Option<u64> {
        self.frontier
    }

    /// Returns how many records are held.
    pub fn n_held(&self) -> usize {
        self.held.n_records()
    }

    /// Returns what has been counted.
    pub fn counts(&self) -> MergeCounts {
        self.counts
    }

    /// Finds a record's height; `None` when it cannot be told, or is not to be believed.
    fn height(&mut self, lane: usize, place: &Place) -> Option<u64> {
        let Some(height) = place.height else {
            let hash = place.block?;
            let out = || self.released.iter().rev().find(|(_, known)| known.contains(&hash));
            return self.held.height_of(hash).or_else(|| out().map(|(height, _)| *height));
        };
        let progress = &mut self.lanes[lane];
        let is_jump = progress.top.is_some_and(|top| height > top.saturating_add(JUMP_MAX));
        progress.n_jumps = if is_jump { progress.n_jumps + 1 } else { 0 };
        (!is_jump || progress.n_jumps >= JUMPS_BELIEVED).then_some(height)
    }

    fn advance(&mut self, lane: usize, height: u64, now_ms: i64) {
        let progress = &mut self.lanes[lane];
        progress.top = progress.top.max(Some(height));
        progress.seen_ms = now_ms;
    }

    fn is_out(&self, height: u64, block: Option<BlockHash>) -> bool {
        let known = self.released.get(&height);
        block.is_some_and(|hash| known.is_some_and(|known| known.contains(&hash)))
    }

    /// Lets everything out and waits again from a height on: the chain has gone back there.
    fn reopen(&mut self, height: u64) {
        self.close();
        self.counts.n_reopened += 1;
        self.frontier = height.checked_sub(1);
        for lane in &mut self.lanes {
            lane.top = lane.top.map(|top| top.min(height));
        }
    }

    fn push_loose(&mut self, waiting: Waiting<T>) {
        let progress = &mut self.lanes[waiting.lane];
        progress.is_loose = true;
        match progress.top {
            Some(top) if self.frontier.is_none_or(|frontier| top > frontier) => {
                self.held.insert_loose(top, waiting);
                self.keep_bounds();
            }
            _ => self.release(waiting, false),
        }
    }

    fn keep_bounds(&mut self) {
        let MergeWindow { records_max, bytes_max, .. } = self.window;
        if self.held.n_records() < records_max && self.held.n_bytes() < bytes_max {
            return;
        }
        while self.held.n_records() > records_max / 2 || self.held.n_bytes() > bytes_max / 2 {
            self.force();
        }
    }

    /// Lets out everything up to a height, unless a fork there is to be seen whole first.
    fn release_to(&mut self, mut target: u64, is_forced: bool) {
        let way = self.held.way(target);
        if let (Some(fork), false) = (way.waits_at, is_forced) {
            let Some(below) = fork.checked_sub(1) else { return };
            target = below;
        }
        for step in way.steps.iter().filter(|step| step.height <= target) {
            self.release_loose(step.height.checked_sub(1));
            if step.is_entry {
                self.held.enter(step).into_iter().for_each(|w| self.release(w, false));
                self.remember(step.height, step.hash);
            } else {
                let reverts = self.held.leave(step);
                if !reverts.is_empty() {
                    self.forget(step.height, step.hash);
                }
                reverts.into_iter().for_each(|w| self.release(w, false));
            }
        }
        self.held.drop_to(target);
        self.release_loose(Some(target));
        self.frontier = self.frontier.max(Some(target));
    }

    fn release_loose(&mut self, height: Option<u64>) {
        let Some(height) = height else { return };
        let loose = self.held.take_loose(height);
        loose.into_iter().for_each(|waiting| self.release(waiting, false));
    }

    fn release(&mut self, waiting: Waiting<T>, is_late: bool) {
        let Waiting { lane, item, .. } = waiting;
        self.counts.n_released += 1;
        self.counts.n_late += u64::from(is_late);
        self.out.push(Released { lane, item, is_late });
    }

    fn remember(&mut self, height: u64, hash: Option<BlockHash>) {
        let known = self.released.entry(height).or_default();
        if let Some(hash) = hash.filter(|hash| !known.contains(hash) && known.len() < RIVALS_MAX) {
            known.push(hash);
        }
        while self.released.len() > RELEASED_MAX {
            self.released.pop_first();
        }
    }

    fn forget(&mut self, height: u64, hash: Option<BlockHash>) {
        if let Some(known) = self.released.get_mut(&height) {
            known.retain(|other| Some(*other) != hash);
        }
    }
}
