//! Control entries: what can change an answer beside the log, applied between two records.

use super::{Engine, Setup, stats::count};
use crate::model::Verdict;

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
            }
        }
    }
}
