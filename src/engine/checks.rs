//! What a part is held against before it is folded: the blocks and the transactions that are known.

use super::report::stats::{Stats, count};
use crate::{
    decode::{self, Format, Policy, Reason, Refuted, Settings},
    model::{Body, Chain, Event, Quality},
    state::{Misplacement, State},
};

/// Why a part is refused although it could be read.
pub(super) struct PartContradiction {
    pub reason: Reason,
    pub detail: &'static str,
}

/// What parts are held against.
pub(super) struct PartChecks<'a> {
    pub state: &'a mut State,
    pub stats: &'a mut Stats,
}

impl PartChecks<'_> {
    /// Holds a part against what is known, and flags what it lets pass.
    pub fn check_part(
        &mut self,
        events: &mut [Event],
        settings: &Settings,
    ) -> Result<(), PartContradiction> {
        let checks = settings.limits.checks;
        self.check_recipe(events, settings)?;
        if events.iter().any(|event| event.quality.contains(Quality::CHECK_FAILED)) {
            count(&mut self.stats.checks_failed, Refuted::Record.as_str());
        }
        if checks.linkage.is_wanted() {
            self.check_linkage(events, checks.linkage)?;
        }
        if checks.identity.is_wanted() {
            // A mapping's computed ids are hashes of names, not of contents.
            let proof = match settings.format {
                Format::Mapped => Quality::HASH_VERIFIED,
                _ => Quality::HASH_VERIFIED | Quality::ID_COMPUTED,
            };
            self.check_identity(events, checks.identity, proof)?;
        }
        Ok(())
    }

    /// Checks that the block of a part can be where it says, next to the blocks that are known.
    ///
    /// What is let pass is folded, but proves nothing about the chain: it orphans no block, and no
    /// block follows it.
    fn check_linkage(
        &mut self,
        events: &mut [Event],
        policy: Policy,
    ) -> Result<(), PartContradiction> {
        let mut last = None;
        let mut flaw = None;
        for event in events.iter() {
            // Transactions say of their block what its step has said.
            let place = event.inclusion().map(|inclusion| (inclusion.height, inclusion.block));
            if place == last && !matches!(event.body, Body::Block(_)) {
                continue;
            }
            last = place;
            flaw = self.state.misplacement(event);
            if flaw.is_some() {
                break;
            }
        }
        let flags = match flaw {
            None => return Ok(()),
            Some(Misplacement::Unproven) => Quality::MISPLACED,
            Some(Misplacement::Impossible(detail)) if policy == Policy::DeadLetter => {
                return Err(PartContradiction { reason: Reason::CheckFailed, detail });
            }
            Some(Misplacement::Impossible(_)) => {
                count(&mut self.stats.checks_failed, Refuted::Linkage.as_str());
                Quality::MISPLACED | Quality::CHECK_FAILED
            }
        };
        events.iter_mut().for_each(|event| event.quality |= flags);
        Ok(())
    }

    /// Counts blocks whose id is a hash of unknown recipe, and refuses one below the last block
    /// that was verified: no fork is that old.
    fn check_recipe(
        &mut self,
        events: &mut [Event],
        settings: &Settings,
    ) -> Result<(), PartContradiction> {
        let is_unverified = |event: &&Event| {
            matches!(event.body, Body::Block(_)) && event.quality.contains(Quality::UNVERIFIED)
        };
        let Some(block) = events.iter().find(is_unverified) else { return Ok(()) };
        let height = block.inclusion().map(|inclusion| inclusion.height);
        let is_old = decode::is_recipe_known(&settings.chain)
            && height.zip(self.state.verified_height()).is_some_and(|(own, last)| own < last);
        match settings.limits.checks.hash {
            Policy::DeadLetter if is_old => {
                let detail = "not its header's hash, below blocks that were verified";
                return Err(PartContradiction { reason: Reason::CheckFailed, detail });
            }
            Policy::Flag if is_old => {
                events.iter_mut().for_each(|event| event.quality |= Quality::CHECK_FAILED);
            }
            _ => {}
        }
        count(&mut self.stats.checks_failed, Refuted::Unverified.as_str());
        Ok(())
    }

    /// Checks that transactions come with the body that their id came with before: the first stays.
    ///
    /// A repetition with another body is refused, because it would be absorbed without a word. What
    /// is proven by its bytes, or by the block that it is in, is never refused.
    fn check_identity(
        &mut self,
        events: &mut [Event],
        policy: Policy,
        proof: Quality,
    ) -> Result<(), PartContradiction> {
        for event in events {
            let Some(is_repeated) = self.state.contradiction(event) else { continue };
            let is_proven = event.quality.intersects(proof);
            if policy == Policy::DeadLetter && is_repeated && !is_proven {
                let detail = "a transaction's id that is known with another body";
                return Err(PartContradiction { reason: Reason::IdentityConflict, detail });
            }
            count(&mut self.stats.checks_failed, Refuted::Identity.as_str());
            event.quality.set(Quality::CHECK_FAILED, !is_proven);
        }
        Ok(())
    }
}

/// Says, in a sentence for operators, that blocks go unverified; `None` while none did.
pub(super) fn unverified(stats: &Stats, chain: &Chain) -> Option<String> {
    let n = *stats.checks_failed.get(Refuted::Unverified.as_str())?;
    let blocks = if n == 1 { "1 block".to_owned() } else { format!("{n} blocks") };
    let why = if decode::is_recipe_known(chain) {
        "have header fields that this version does not know, as after a fork; install a newer \
         version when there is one"
    } else {
        "have a hash that is made in a way that is not known for this chain; nothing vouches for \
         them but their source"
    };
    Some(format!("{blocks} of {chain} are read but not verified: they {why}"))
}
