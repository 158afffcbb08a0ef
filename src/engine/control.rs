//! Control entries: what can change an answer beside the log, applied between two records.

pub(super) mod reconfigure;

use super::{Setup, detectors::Detectors};
use crate::{
    decode::account,
    detect::Ruling,
    model::{AccountKey, Address, Chain, EventTime, Hash32, Judgement, Verdict},
    state::State,
    triage::{Listing, Triage},
};

/// A turn that the fold takes between two records; every replay takes it at the same place.
#[derive(Clone)]
pub enum Control {
    /// Goes on with another setup, see [`Engine::reconfigure`](super::Engine::reconfigure).
    Setup(Box<Setup>),
    /// Learns what an analyst concluded, or does what one orders.
    Verdict(Box<Verdict>),
}

/// What verdicts and orders change.
pub(super) struct RulingTurn<'a> {
    pub chain: &'a Chain,
    pub state: &'a State,
    pub detectors: &'a mut Detectors,
    pub triage: &'a mut Triage,
    /// Verdicts come from outside: it is the stream's event time that they are given and expire in.
    pub now: EventTime,
}

impl RulingTurn<'_> {
    /// Takes in a verdict or an order; returns whether what it is about is known.
    pub fn hear(&mut self, verdict: &Verdict) -> bool {
        match verdict.verdict {
            Judgement::Allow | Judgement::Deny => self.list(verdict),
            Judgement::RollBack => self.roll_back(verdict),
            _ => self.learn(verdict),
        }
    }

    /// Learns what an analyst concluded; returns whether the alert is known.
    fn learn(&mut self, verdict: &Verdict) -> bool {
        if let Some(ruling) = self.ruling(verdict) {
            if !ruling.is_of_tx {
                let account = AccountKey(ruling.account);
                self.triage.settle(account, ruling.judgement, ruling.time);
            }
            self.detectors.judge(&ruling);
        }
        self.triage.hear(verdict)
    }

    /// Allows or denies an account; returns whether the subject is one.
    fn list(&mut self, verdict: &Verdict) -> bool {
        let ruling = self.ruling(verdict).filter(|ruling| !ruling.is_of_tx);
        let Some((Ruling { account, time, .. }, until_ms)) = ruling.zip(verdict.until_ms) else {
            return false;
        };
        let listing = Listing {
            is_denied: verdict.verdict == Judgement::Deny,
            until: EventTime::from_millis(until_ms),
            by: verdict.analyst.clone(),
        };
        self.triage.list(AccountKey(account), listing, time);
        true
    }

    /// Restores a model's previous fit; returns whether there is one.
    fn roll_back(&mut self, verdict: &Verdict) -> bool {
        let rest = verdict.subject.strip_prefix(&*self.chain.id);
        let model = rest.and_then(|rest| rest.strip_prefix("/model/"));
        model.is_some_and(|id| self.detectors.roll_back(id))
    }

    /// Reads whom a verdict is about; `None` where that is no account or transaction of the chain.
    fn ruling(&self, verdict: &Verdict) -> Option<Ruling> {
        let rest = verdict.subject.strip_prefix(&*self.chain.id)?;
        let (account, is_of_tx) = match rest.strip_prefix("/tx/") {
            Some(text) => (Ruling::key_of_tx(&Hash32::parse(text)?), true),
            None => {
                let account = account::canonical(rest.strip_prefix(':')?, self.chain);
                (self.state.key(&account).0, false)
            }
        };
        Some(Ruling {
            account,
            is_of_tx,
            judgement: verdict.verdict,
            weight: verdict.weight,
            // Names are only compared: the keyed hash of accounts serves.
            analyst: self.state.key(&Address::Text(verdict.analyst.as_str().into())).0,
            time: self.now,
        })
    }
}
