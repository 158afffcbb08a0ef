//! What an event is before it is scored: known or new, in place or late, a reorg, a conflict.

use super::{
    Admission, Disposition, State,
    accounts::roles::Role,
    chain::{
        blocks::{Flaw, Place},
        body_digest::Seal,
        dedup::{Seen, body_key, fact_key},
        replacement::Bid,
    },
};
use crate::model::{
    AccountKey, Body, CLAIMS_PER_TX_MAX, Conflict, ConflictKey, ConflictKind, Event, Quality,
    Signal, Step, Tx, TxIn,
};

/// Why an event is not believed to be in the block that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplacement {
    /// No branch of the chain can have that block there.
    Impossible(&'static str),
    /// A verified block is there, and that one is not verified.
    Unproven,
}

impl State {
    /// Decides what an event is before it is scored: duplicate, late, new; undoes blocks that it
    /// proves orphaned; reports reorgs and conflicts.
    ///
    /// A transaction without inclusion (pending) is a duplicate when its body is known; one with an
    /// inclusion when that inclusion is: a confirmation, or a re-inclusion after a revert, is new.
    pub fn admit(&mut self, event: &Event) -> Admission {
        let place = place(event);
        let reverted = match &event.body {
            Body::Block(block) if block.step == Step::Reverted => Some(block.hash),
            _ => None,
        };
        let reorg = match (&place, reverted) {
            (Some(place), _) => self.blocks.undo_orphans(&mut self.memory, place),
            (None, Some(hash)) => self.blocks.undo_reverted(&mut self.memory, hash),
            (None, None) => None,
        };
        // What a block's other logs repeat, or a header has proven before, is nothing new.
        let is_repeated = reverted.is_some() && reorg.is_none();
        let is_known = is_repeated || reverted.is_none() && self.is_known(event);
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
            let conflicts = self.conflicts.of(event, tx, || self.bid(tx), &self.hasher);
            let real = conflicts.into_iter().filter(|conflict| !self.both_stand(tx, conflict));
            signals.extend(real.map(|c| Signal::Conflict(Box::new(c))));
        }
        Admission { disposition, signals }
    }

    /// Notes which node tells of a pending transaction, before the event is admitted; returns
    /// whether that is news.
    pub fn witness(&mut self, event: &Event, node: Option<&str>) -> bool {
        self.sightings.witness(event, node, &self.hasher)
    }

    /// Returns why an event is not believed to be where it says, and remembers a block that cannot
    /// be there as one that proves nothing; `None` where a reorganisation may explain it.
    pub fn misplacement(&mut self, event: &Event) -> Option<Misplacement> {
        let place = claimed(event)?;
        Some(match self.blocks.flaw(&place)? {
            Flaw::Impossible(why) => {
                self.blocks.disbelieve(&place);
                Misplacement::Impossible(why)
            }
            Flaw::Unproven => Misplacement::Unproven,
        })
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
    pub fn contradiction(&self, event: &Event) -> Option<bool> {
        let Body::Tx(tx) = &event.body else { return None };
        let fact = self.memory.facts.get(fact_key(event, &self.hasher));
        let body = self.bodies.get(body_key(&tx.id, &self.hasher));
        // What a block has told counts more than what was pending.
        let known = fact.or(body)?;
        let is_broken = known.seal.is_broken_by(&Seal::of(event, &self.hasher));
        is_broken.then(|| self.is_known(event))
    }

    /// Returns whether a transaction is still to come in a block.
    pub fn is_pending(&self, tx: &Tx) -> bool {
        tx.inclusion.is_none() && !self.params.learns_unincluded
    }

    /// Returns whether both sides of a conflict about a nonce are in blocks that stand: then it is
    /// no nonce that an account uses once, but one that its source fills in.
    ///
    /// A source that does not name its blocks cannot tell of a reorg: of those only zeros, which
    /// stand for none, are doubted.
    fn both_stand(&self, tx: &Tx, conflict: &Conflict) -> bool {
        let ConflictKey::SenderNonce(sender, nonce) = &conflict.key else { return false };
        let is_told = tx.inclusion.is_some_and(|i| i.block.is_some() || *nonce == 0);
        is_told
            && conflict.kind == ConflictKind::DoubleSpend
            && conflict.is_original_confirmed
            && self.role_in(self.key(sender), &conflict.original) == Role::Signer
    }

    /// Reads what a transaction pays, and which of it goes back to whom it spends from.
    pub(super) fn bid(&self, tx: &Tx) -> Bid {
        let owner = |input: &TxIn| match &input.address {
            Some(address) => Some(self.key(address)),
            None => self.resolve_input(input)?.1,
        };
        let inputs = tx.utxo().map_or(&[][..], |utxo| &utxo.inputs);
        let owners = inputs.iter().take(CLAIMS_PER_TX_MAX).filter_map(owner);
        let mut owners: Vec<AccountKey> = owners.collect();
        owners.sort_unstable();
        Bid::of(tx, &owners, self.chain.native.decimals, &self.hasher)
    }

    /// Returns whether every fact of an event has been seen.
    fn is_known(&self, event: &Event) -> bool {
        let fact = self.memory.facts.get(fact_key(event, &self.hasher));
        match (&event.body, event.inclusion()) {
            // In a block is known better than pending.
            (Body::Tx(tx), None) => {
                fact.is_some()
                    || self.bodies.get(body_key(&tx.id, &self.hasher)).is_some()
                    || self.conflicts.is_order_repeated(event, tx, &self.hasher)
            }
            _ => fact.is_some_and(|seen| seen.is_same(&Seen::of(event))),
        }
    }
}

/// Returns where an event says it belongs; `None` where that is known to be false.
pub(super) fn place(event: &Event) -> Option<Place> {
    let is_believed = !event.quality.contains(Quality::MISPLACED);
    claimed(event).filter(|_| is_believed)
}

/// Returns where an event says it belongs.
fn claimed(event: &Event) -> Option<Place> {
    let inclusion = event.inclusion()?;
    Some(match &event.body {
        Body::Block(block) => {
            let is_verified =
                event.quality.intersects(Quality::HASH_VERIFIED | Quality::ID_COMPUTED);
            Place { inclusion, parent: block.parent, is_verified }
        }
        _ => Place { inclusion, parent: None, is_verified: false },
    })
}
