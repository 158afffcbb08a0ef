//! What an engine has counted; every label comes from a closed list.

use crate::model::{Alert, Signal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts by a label of a closed list.
pub type Counts = BTreeMap<String, u64>;

/// Counts since the engine's first record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    pub n_records: u64,
    pub n_parts: u64,
    /// Parts that became at least one event.
    pub n_decoded: u64,
    pub n_events: u64,
    /// Transactions scored.
    pub n_transactions: u64,
    pub n_late: u64,
    pub n_reorgs: u64,
    /// Times the chain's blocks did not follow one another.
    pub n_gaps: u64,
    /// Times a node told of a pending transaction that it had not told of before.
    pub n_observations: u64,
    /// Accounts forgotten because memory was full.
    pub n_evicted_accounts: u64,
    /// First revisions.
    pub n_alerts: u64,
    /// Further revisions.
    pub n_revisions: u64,
    pub n_fits: u64,
    /// The record before which the newest fit took over; 0 before the first.
    pub fitted_at: u64,
    /// Event time of the newest event, in milliseconds.
    pub event_time_ms: i64,
    pub tip_height: u64,
    /// By skip reason.
    pub skipped: Counts,
    /// By dead-letter reason.
    pub dead_letters: Counts,
    /// Parts that contradicted themselves or what is known and were let pass, by what refuted them.
    pub checks_failed: Counts,
    /// By rule or model id.
    pub findings: Counts,
    pub alerts_by_detector: Counts,
    pub alerts_by_severity: Counts,
    /// Every revision.
    pub alerts_by_status: Counts,
    /// Transactions that compete with earlier ones, by kind.
    pub conflicts: Counts,
    /// By suppression reason.
    pub suppressed: Counts,
    /// By what the analyst concluded.
    pub verdicts: Counts,
    /// Verdicts on alerts that are not remembered, or on no alert.
    pub n_verdicts_unmatched: u64,
}

/// Adds one; allocates only for a label's first count.
pub(in crate::engine) fn count(counts: &mut Counts, label: &str) {
    match counts.get_mut(label) {
        Some(n) => *n += 1,
        None => {
            counts.insert(label.to_owned(), 1);
        }
    }
}

impl Stats {
    /// Counts an alert that is handed out.
    pub(in crate::engine) fn count_alert(&mut self, alert: &Alert) {
        count(&mut self.alerts_by_status, alert.status.as_str());
        if alert.revision > 1 {
            self.n_revisions += 1;
            return;
        }
        self.n_alerts += 1;
        count(&mut self.alerts_by_severity, alert.severity.as_str());
        if let Some(lead) = alert.evidence.first() {
            count(&mut self.alerts_by_detector, &lead.detector);
        }
    }

    /// Counts the conflicts that an event revealed, by kind.
    pub(in crate::engine) fn count_conflicts(&mut self, signals: &[Signal]) {
        for signal in signals {
            if let Signal::Conflict(conflict) = signal {
                count(&mut self.conflicts, conflict.kind.as_str());
            }
        }
    }
}
