//! What an event is before it is scored: known or new, in place or late, a reorg, a conflict.

use super::{
    Admission, Disposition, Params,
    accounts::roles::Role,
    apply::Learner,
    chain::{
        blocks::{BlockPlace, Blocks, PlaceFlaw, TRIM_PERIOD},
        body_digest::Seal,
        conflicts::Conflicts,
        dedup::{SeenFact, body_key, fact_key},
    },
    history::History,
    memory::Memory,
    tables::{table::Table, undoable::Undoable},
    witness::sightings::Sightings,
};
use crate::model::{
    AccountHasher, Body, Conflict, ConflictKey, ConflictKind, Event, Quality, Signal, Step, Tx,
};
use serde::{Deserialize, Serialize};

/// Why an event is not believed to be in the block that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplacement {
    /// No branch of the chain can have that block there.
    Impossible(&'static str),
    /// A verified block is there, and that one is not verified.
    Unproven,
}

/// What decides whether an event is new and where it belongs: the chain of recent blocks, and what
/// was witnessed and no reorg takes back.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Gate {
    pub blocks: Blocks,
    pub conflicts: Conflicts,
    /// Bodies of transactions that were seen pending.
    pub bodies: Table<SeenFact>,
    pub sightings: Sightings,
    pub n_too_deep: u64,
}

impl Gate {
    /// Makes one that knows nothing.
    pub fn new(params: &Params) -> Self {
        Self {
            blocks: Blocks::new(params.journal_blocks_max, params.journal_bytes_max),
            conflicts: Conflicts::new(params.conflicts_max),
            bodies: Table::new(params.dedup_max),
            sightings: Sightings::new(params.sightings_max),
            n_too_deep: 0,
        }
    }

    /// Returns the same to be written, sharing its pages with this one.
    pub fn share(&mut self) -> Self {
        Self {
            blocks: self.blocks.clone(),
            conflicts: self.conflicts.share(),
            bodies: self.bodies.share(),
            sightings: self.sightings.share(),
            n_too_deep: self.n_too_deep,
        }
    }

    /// Decides what an event is before it is scored: duplicate, late, new; undoes blocks that it
    /// proves orphaned; reports reorgs and conflicts.
    ///
    /// A transaction without inclusion (pending) is a duplicate when its body is known; one with an
    /// inclusion when that inclusion is: a confirmation, or a re-inclusion after a revert, is new.
    pub fn admit(&mut self, event: &Event, tables: &mut Learner<'_>) -> Admission {
        let place = place(event);
        let reverted = match &event.body {
            Body::Block(block) if block.step == Step::Reverted => Some(block.hash),
            _ => None,
        };
        let reorg = match (&place, reverted) {
            (Some(place), _) => self.blocks.undo_orphans(tables.memory, place),
            (None, Some(hash)) => self.blocks.undo_reverted(tables.memory, hash),
            (None, None) => None,
        };
        let history = tables.history();
        // What a block's other logs repeat, or a header has proven before, is nothing new.
        let is_repeated = reverted.is_some() && reorg.is_none();
        let is_known = is_repeated || reverted.is_none() && self.is_known(event, history);
        let mut signals = Vec::new();
        if let Some(reorg) = reorg {
            self.n_too_deep += u64::from(reorg.is_too_deep);
            signals.push(Signal::Reorg(reorg));
        }
        let is_late = place.is_some_and(|place| self.blocks.is_late(&place));
        let disposition = if is_known {
            Disposition::Duplicate
        } else if is_late {
            Disposition::Late
        } else {
            Disposition::New
        };
        if let (Body::Tx(tx), false) = (&event.body, disposition == Disposition::Duplicate) {
            let conflicts = self.conflicts.of(event, tx, || history.bid(tx), history.hasher);
            let real = conflicts.into_iter().filter(|conflict| !both_stand(history, tx, conflict));
            signals.extend(real.map(|c| Signal::Conflict(Box::new(c))));
        }
        Admission { disposition, signals }
    }

    /// Notes which node tells of a pending transaction, before the event is admitted; returns
    /// whether that is news.
    pub fn witness(&mut self, event: &Event, node: Option<&str>, hasher: &AccountHasher) -> bool {
        self.sightings.witness(event, node, hasher)
    }

    /// Returns why an event is not believed to be where it says, and remembers a block that cannot
    /// be there as one that proves nothing; `None` where a reorganisation may explain it.
    pub fn misplacement(&mut self, event: &Event) -> Option<Misplacement> {
        let place = claimed(event)?;
        Some(match self.blocks.flaw(&place)? {
            PlaceFlaw::Impossible(why) => {
                self.blocks.disbelieve(&place);
                Misplacement::Impossible(why)
            }
            PlaceFlaw::Unproven => Misplacement::Unproven,
        })
    }

    /// Notes what an event witnesses and enters its block, before it is learned; returns whether it
    /// is to be learned now.
    pub fn enter(
        &mut self,
        event: &Event,
        learns_unincluded: bool,
        tables: &mut Learner<'_>,
    ) -> bool {
        if let Body::Tx(tx) = &event.body {
            let hasher = tables.hasher;
            let bid = tables.history().bid(tx);
            self.conflicts.claim(event, tx, bid, hasher);
            if tx.inclusion.is_none() {
                let body = SeenFact::sealed(event, hasher);
                self.bodies.upsert(body_key(&tx.id, hasher), body, |seen| *seen = body);
                // What has been seen has no past to go back to.
                self.bodies.forget_all();
                if !learns_unincluded {
                    return false;
                }
            }
        }
        if let Some(place) = place(event) {
            self.blocks.enter(tables.memory, &place);
        }
        true
    }

    /// Lets go of blocks that no reorg reaches any more, every so many events.
    pub fn trim(&mut self, memory: &mut Memory) {
        if memory.fees.stats().n_applied.is_multiple_of(TRIM_PERIOD) {
            self.blocks.trim(memory);
        }
    }

    /// Returns the greatest height of a block whose header was seen to hash to its id.
    pub fn verified_height(&self) -> Option<u64> {
        self.blocks.verified_height()
    }

    /// Returns whether what an event says of its place counts against what is known: the block
    /// that it is in is verified, or none is.
    pub fn is_place_proven(&self, event: &Event) -> bool {
        let block = event.inclusion().and_then(|inclusion| inclusion.block);
        !self.blocks.has_verified() || block.is_some_and(|block| self.blocks.is_verified(&block))
    }

    /// Returns whether a transaction comes with another body than before, and if so whether it
    /// would pass for a repetition otherwise.
    pub fn contradiction(&self, event: &Event, history: History<'_>) -> Option<bool> {
        let Body::Tx(tx) = &event.body else { return None };
        let fact = history.memory.facts.get(fact_key(event, history.hasher));
        let body = self.bodies.get(body_key(&tx.id, history.hasher));
        // What a block has told counts more than what was pending.
        let known = fact.or(body)?;
        let is_broken = known.seal.is_broken_by(&Seal::of(event, history.hasher));
        is_broken.then(|| self.is_known(event, history))
    }

    /// Returns whether every fact of an event has been seen.
    fn is_known(&self, event: &Event, History { hasher, memory, .. }: History<'_>) -> bool {
        let fact = memory.facts.get(fact_key(event, hasher));
        match (&event.body, event.inclusion()) {
            // In a block is known better than pending.
            (Body::Tx(tx), None) => {
                fact.is_some()
                    || self.bodies.get(body_key(&tx.id, hasher)).is_some()
                    || self.conflicts.is_order_repeated(event, tx, hasher)
            }
            _ => fact.is_some_and(|seen| seen.is_same(&SeenFact::of(event))),
        }
    }
}

/// Returns where an event says it belongs; `None` where that is known to be false.
pub(super) fn place(event: &Event) -> Option<BlockPlace> {
    let is_believed = !event.quality.contains(Quality::MISPLACED);
    claimed(event).filter(|_| is_believed)
}

/// Returns where an event says it belongs.
fn claimed(event: &Event) -> Option<BlockPlace> {
    let inclusion = event.inclusion()?;
    Some(match &event.body {
        Body::Block(block) => {
            let is_verified =
                event.quality.intersects(Quality::HASH_VERIFIED | Quality::ID_COMPUTED);
            BlockPlace { inclusion, parent: block.parent, is_verified }
        }
        _ => BlockPlace { inclusion, parent: None, is_verified: false },
    })
}

/// Returns whether both sides of a conflict about a nonce are in blocks that stand: then it is
/// no nonce that an account uses once, but one that its source fills in.
///
/// A source that does not name its blocks cannot tell of a reorg: of those only zeros, which
/// stand for none, are doubted.
fn both_stand(history: History<'_>, tx: &Tx, conflict: &Conflict) -> bool {
    let ConflictKey::SenderNonce(sender, nonce) = &conflict.key else { return false };
    let is_told = tx.inclusion.is_some_and(|i| i.block.is_some() || *nonce == 0);
    is_told
        && conflict.kind == ConflictKind::DoubleSpend
        && conflict.is_original_confirmed
        && history.role_in(history.key(sender), &conflict.original) == Role::Signer
}
