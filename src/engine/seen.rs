//! Which optional parts of the input have come: some rules need them.

use crate::model::{Body, Event, OutcomeStatus};

/// Optional parts of the input that have been seen, on which some rules depend.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Seen {
    pub logs: bool,
    pub outcomes: bool,
}

impl Seen {
    /// Notes what an event is.
    pub fn note(&mut self, event: &Event) {
        match &event.body {
            // Internal movements come from traces: they promise no logs.
            Body::Transfer(t) => self.logs |= t.token.is_some(),
            Body::Approval(_) | Body::Log(_) => self.logs = true,
            Body::Outcome(o) => self.outcomes |= o.outcome.status != OutcomeStatus::Unknown,
            Body::Tx(tx) => self.outcomes |= tx.is_outcome_known(),
            _ => {}
        }
    }
}
