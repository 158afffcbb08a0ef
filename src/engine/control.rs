//! Control entries: what can change an answer beside the log, applied between two records.

use super::{Engine, Setup, stats::count};
use crate::{
    detect::Ruling,
    model::{AccountKey, Address, EventTime, Hash32, Verdict},
};

/// A turn that the fold takes between two records; every replay takes it at the same place.
#[derive(Clone)]
pub enum Control {
    /// Goes on with another setup, see [`Engine::reconfigure`].
    Setup(Box<Setup>),
    /// Learns what an analyst concluded.
    Verdict(Box<Verdict>),
}

impl Engine {
    /// Applies a control entry.
    ///
    /// # Panics
    /// When a setup is passed that [`Engine::check_setup`] refuses: the driver checks it first.
    pub(super) fn on_control(&mut self, control: Control) {
        match control {
            Control::Setup(setup) => {
                let done = self.reconfigure(*setup);
                assert!(done.is_ok(), "an unchecked setup: {:?}", done.err());
            }
            Control::Verdict(verdict) => {
                count(&mut self.stats.verdicts, verdict.verdict.as_str());
                if !self.triage.hear(&verdict) {
                    self.stats.n_verdicts_unmatched += 1;
                }
                if let Some(ruling) = self.ruling(&verdict) {
                    if !ruling.is_of_tx {
                        let account = AccountKey(ruling.account);
                        self.triage.settle(account, ruling.judgement, ruling.time);
                    }
                    self.detectors.judge(&ruling);
                }
            }
        }
    }

    /// Reads whom a verdict is about; `None` where that is no account or transaction of the chain.
    fn ruling(&self, verdict: &Verdict) -> Option<Ruling> {
        let rest = verdict.subject.strip_prefix(&*self.setup.chain.id)?;
        let (account, is_of_tx) = match rest.strip_prefix("/tx/") {
            Some(text) => (Ruling::key_of_tx(&Hash32::parse(text)?), true),
            None => (self.state.key(&Address::parse(rest.strip_prefix(':')?)?).0, false),
        };
        Some(Ruling {
            account,
            is_of_tx,
            judgement: verdict.verdict,
            weight: verdict.weight,
            // Names are only compared: the keyed hash of accounts serves.
            analyst: self.state.key(&Address::Text(verdict.analyst.as_str().into())).0,
            // Verdicts come from outside: it is event time that they expire in.
            time: EventTime::from_millis(self.stats.event_time_ms),
        })
    }
}
