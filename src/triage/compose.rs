//! Writes alert bodies: from a case and the findings about it to `txwarden.alert/1`.

use super::{
    lifecycle::pending::Pending,
    priority::{self, Stakes},
};
use crate::model::{
    Alert, AlertId, Chain, Corroboration, EventId, EventTime, Evidence, Finding, Inclusion, Method,
    Provenance, Severity, Status, Subject, TxSummary,
};
use serde::{Deserialize, Serialize};

/// Findings that an alert shows, the greatest contributions first.
const EVIDENCE_MAX: usize = 8;
/// Sentences of a reason.
const REASON_EVIDENCE_MAX: usize = 2;

/// One event as triage sees it: built only when something was found.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    pub chain: &'a Chain,
    pub event: EventId,
    pub time: EventTime,
    pub inclusion: Option<Inclusion>,
    /// The transaction, while it is in no block.
    pub pending: Option<Pending>,
    /// Which nodes have seen it.
    pub corroboration: Vec<Corroboration>,
    pub tx: Option<TxSummary>,
    pub stakes: Stakes,
    pub at: &'a Coordinates,
}

/// The part of the record that an alert follows from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coordinates {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub part_index: u32,
}

/// What decided: version and hashes, the same for every alert until one of them changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    pub version: String,
    pub config_hash: String,
    pub rules_hash: String,
    pub model_id: String,
    pub features_hash: String,
}

impl Identity {
    /// Returns the provenance of an alert that follows from a record.
    pub(super) fn provenance(&self, at: &Coordinates, seq: u64) -> Provenance {
        Provenance {
            topic: at.topic.clone(),
            partition: at.partition,
            offset: at.offset,
            part_index: at.part_index,
            version: self.version.clone(),
            config_hash: self.config_hash.clone(),
            rules_hash: self.rules_hash.clone(),
            model_id: self.model_id.clone(),
            features_hash: self.features_hash.clone(),
            seq,
            // Sealed when it is written.
            prev_hash: String::new(),
            hash: String::new(),
        }
    }
}

/// An alert that a lane wants raised.
pub(super) struct Proposal {
    /// A rule id, or `score`.
    pub(super) lane: &'static str,
    pub(super) title: String,
    pub(super) subject: Subject,
    pub(super) severity: Severity,
    pub(super) score: f64,
    /// Findings with their shares, greatest first, shares summing to 1.
    pub(super) findings: Vec<(Finding, f64)>,
}

impl Proposal {
    /// Returns the alert's id.
    pub(super) fn id(&self, case: &Case<'_>) -> AlertId {
        AlertId::of(&case.chain.id, &self.subject.render(case.chain), case.event, self.lane)
    }

    /// Writes the first body of the alert.
    pub(super) fn compose(self, case: &Case<'_>, id: AlertId, provenance: Provenance) -> Alert {
        let subject = self.subject.render(case.chain);
        let evidence = evidence(self.findings);
        Alert {
            schema: Alert::SCHEMA.to_owned(),
            alert_id: id.hex(),
            revision: 1,
            status: Status::Provisional,
            retraction: None,
            severity: self.severity,
            score: self.score,
            confidence: None,
            title: self.title,
            reason: reason(&evidence),
            chain: case.chain.id.to_string(),
            subject,
            event_time_ms: case.time.millis(),
            tx: case.tx.clone(),
            priority: priority::rank(&case.stakes, self.severity, self.score),
            evidence,
            related: None,
            corroboration: case.corroboration.clone(),
            provenance,
            drill: false,
        }
    }
}

/// Joins the sentences of the strongest evidence.
pub(super) fn reason(evidence: &[Evidence]) -> String {
    let sentences: Vec<&str> = evidence
        .iter()
        .take(REASON_EVIDENCE_MAX)
        .map(|evidence| evidence.explanation.trim_end_matches('.'))
        .collect();
    let mut reason = sentences.join("; ");
    reason.push('.');
    reason
}

/// Turns findings into evidence; what is cut off is spread over what is shown.
pub(super) fn evidence(mut findings: Vec<(Finding, f64)>) -> Vec<Evidence> {
    findings.truncate(EVIDENCE_MAX);
    let total: f64 = findings.iter().map(|(_, share)| share).sum();
    findings
        .into_iter()
        .map(|(finding, share)| Evidence {
            detector: finding.detector.to_string(),
            kind: finding.kind,
            value: finding.value,
            expected: finding.expected,
            unit: finding.unit.into_owned(),
            contribution: if total > 0.0 { share / total } else { 0.0 },
            method: Method::Additive,
            explanation: finding.explanation,
            quiet_if: finding.quiet_if,
            refs: finding.refs,
        })
        .collect()
}
