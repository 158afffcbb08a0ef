//! The lanes: a finding or a score becomes an alert, a revision, or a counted suppression.

use super::{
    Depths, Params,
    budget::Budget,
    combine::Combiner,
    compose::{self, Case, Coordinates, Identity, Proposal},
    cooldown::{CoolDown, CoolDowns},
    feedback::Feedback,
    judged::Judged,
    lifecycle::{
        open::{OpenAlert, OpenAlerts},
        pending::{CorroborationChecks, PendingClaim},
    },
    lists::Lists,
};
use crate::model::{
    AccountKey, Alert, AlertId, EventId, Family, Finding, Related, Severity, Status,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Ids of folded repeats that an alert lists.
const RELATED_MAX: usize = 16;

/// Why something found did not become an alert of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suppression {
    /// The subject is in the lane's cool-down.
    CoolDown,
    /// The budget's bucket is empty.
    Budget,
    /// An analyst has judged the subject and found nothing.
    Judged,
    /// An operator allows the subject.
    Allowed,
    /// Below the least severity that raises an alert.
    Severity,
    /// The same alert was raised before.
    Duplicate,
}

impl Suppression {
    pub const ALL: [Self; 6] = [
        Self::CoolDown,
        Self::Budget,
        Self::Judged,
        Self::Allowed,
        Self::Severity,
        Self::Duplicate,
    ];

    /// Returns the metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CoolDown => "cool_down",
            Self::Budget => "budget",
            Self::Judged => "judged",
            Self::Allowed => "allowed",
            Self::Severity => "severity",
            Self::Duplicate => "duplicate",
        }
    }
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    Alert,
    Revision,
    Suppressed(Suppression),
}

/// All that triage remembers of one chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Triage {
    pub(super) params: Params,
    pub(super) identity: Identity,
    pub(super) combiner: Combiner,
    pub(super) budget: Budget,
    pub(super) cool_downs: CoolDowns,
    pub(super) open: OpenAlerts,
    pub(super) feedback: Feedback,
    pub(super) judged: Judged,
    pub(super) lists: Lists,
    pub(super) checks: CorroborationChecks,
    pub(super) depths: Depths,
    seq: u64,
    pub(super) tip_height: u64,
}

impl Triage {
    /// Makes a triage with nothing raised.
    pub fn new(params: Params, identity: Identity, family: Family) -> Self {
        Self {
            depths: params.depths_on(family),
            checks: CorroborationChecks::default(),
            budget: Budget::new(&params),
            combiner: Combiner::new(&params),
            params,
            identity,
            cool_downs: CoolDowns::default(),
            open: OpenAlerts::default(),
            feedback: Feedback::default(),
            judged: Judged::default(),
            lists: Lists::default(),
            seq: 0,
            tip_height: 0,
        }
    }

    /// Returns how many alert bodies (revisions included) have been written.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Returns how many alerts can still change.
    pub fn n_open(&self) -> usize {
        self.open.len()
    }

    /// Returns how many of those are on transactions in no block.
    pub fn n_pending(&self) -> usize {
        self.open.pending.len()
    }

    /// Returns the alerts that can still change, oldest first.
    pub fn open_alerts(&self) -> impl Iterator<Item = &Alert> {
        self.open.alerts()
    }

    /// Returns the share of the budget's bucket that is left, 0–1.
    pub fn budget_fill(&self) -> f64 {
        self.budget.fill(&self.params)
    }

    /// Returns the greatest p-value that may raise a score alert now.
    pub fn p_threshold(&self) -> f64 {
        self.budget.p_threshold(&self.params)
    }

    /// Returns what decides: version, configuration, rules and models.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Says which models decide from now on.
    pub fn set_model_id(&mut self, model_id: String) {
        self.identity.model_id = model_id;
    }

    /// Raises the alert of a rule's finding. `account` is the one that it is about, if it is about
    /// one: below `high` the allow list keeps it quiet.
    pub fn raise_rule(
        &mut self,
        case: &Case<'_>,
        title: &str,
        finding: Finding,
        account: Option<AccountKey>,
        out: &mut Vec<Alert>,
    ) -> Raised {
        let is_allowed = account.is_some_and(|account| self.is_allowed(account, case.time));
        if is_allowed && finding.severity < Severity::High {
            return Raised::Suppressed(Suppression::Allowed);
        }
        if finding.severity < self.params.severity_min {
            return Raised::Suppressed(Suppression::Severity);
        }
        let subject = finding.subject.clone();
        // The cool-down's key: the id of an alert without an event is its subject and lane.
        let key = AlertId::of(
            &case.chain.id,
            &subject.render(case.chain),
            EventId([0; 16]),
            finding.detector.as_str(),
        );
        let key = u64::from_le_bytes(std::array::from_fn(|i| key.0[i]));
        let proposal = Proposal {
            lane: finding.detector.as_str(),
            title: title.to_owned(),
            subject,
            severity: finding.severity,
            score: 1.0,
            findings: vec![(finding, 1.0)],
        };
        self.raise(case, key, proposal, out)
    }

    pub(super) fn raise(
        &mut self,
        case: &Case<'_>,
        key: u64,
        proposal: Proposal,
        out: &mut Vec<Alert>,
    ) -> Raised {
        let id = proposal.id(case);
        let known = self.open.get_mut(id).cloned();
        if let Some(known) = &known {
            let is_confirmed = known.height.is_none() && case.inclusion.is_some();
            if known.alert.status != Status::Retracted && !is_confirmed {
                return Raised::Suppressed(Suppression::Duplicate);
            }
            // In a block now, or again after a reorg: the same alert, one revision further.
        } else if let Some(cooling) = self.cool_downs.get(key, case.time, self.params.cool_down_ms)
            && let Some(raised) = self.fold_repeat(cooling, id, case, &proposal, out)
        {
            return raised;
        }
        self.seq += 1;
        let provenance = self.identity.provenance(case.at, self.seq);
        let mut alert = proposal.compose(case, id, provenance);
        let mut is_cooling = false;
        match &known {
            Some(known) => {
                alert.succeed(&known.alert);
                is_cooling = known.alert.status != Status::Retracted;
            }
            None => self.feedback.note(id, lead_of(&alert)),
        }
        alert.confidence = self.feedback.confidence(lead_of(&alert));
        let pending = case.pending.as_ref();
        let until = case.time.plus(self.params.pending_max_ms.saturating_mul(1_000));
        let mut open = OpenAlert::new(Arc::new(alert.clone()));
        open.height = case.inclusion.map(|i| i.height);
        open.block = case.inclusion.and_then(|i| i.block);
        let claimed = known.as_ref().and_then(|known| known.claim.clone());
        let renewed = claimed.map(|claim| PendingClaim { until, ..claim });
        open.claim = pending.map(|pending| pending.claim(until)).or(renewed);
        self.open.insert(id, open, self.params.open_alerts_max);
        if let Some(pending) = pending.filter(|_| !alert.corroboration.is_empty()) {
            let due = case.time.plus(self.params.corroborate_ms.saturating_mul(1_000));
            self.checks.push(due, id, pending.tx);
        }
        if !is_cooling {
            let entry = CoolDown { alert: id, since: case.time };
            self.cool_downs.start(key, entry, self.params.cool_downs_max);
        }
        out.push(alert);
        if known.is_none() { Raised::Alert } else { Raised::Revision }
    }

    /// Folds a repeat into the alert that is cooling: silently, or as a revision when it is high
    /// or critical. `None` when that alert is no longer open and the repeat must stand alone.
    fn fold_repeat(
        &mut self,
        cooling: CoolDown,
        repeat: AlertId,
        case: &Case<'_>,
        proposal: &Proposal,
        out: &mut Vec<Alert>,
    ) -> Option<Raised> {
        let is_grave = proposal.severity >= Severity::High;
        let Some(open) = self.open.get_mut(cooling.alert) else {
            return (!is_grave).then_some(Raised::Suppressed(Suppression::CoolDown));
        };
        let related = Arc::make_mut(&mut open.alert).related.get_or_insert_with(Related::default);
        let repeat = repeat.hex();
        if related.alert_ids.contains(&repeat) {
            // Told when its transaction was pending; it is in a block now.
            return Some(Raised::Suppressed(Suppression::Duplicate));
        }
        related.suppressed_count += 1;
        if related.alert_ids.len() < RELATED_MAX {
            related.alert_ids.push(repeat);
        }
        if !is_grave {
            return Some(Raised::Suppressed(Suppression::CoolDown));
        }
        let newest = compose::evidence(proposal.findings.clone());
        self.revise(cooling.alert, case.at, out, |alert| {
            alert.severity = alert.severity.max(proposal.severity);
            alert.score = alert.score.max(proposal.score);
            if let Some(newest) = newest.first() {
                alert.reason = format!(
                    "{} Repeated {} within the cool-down, last: {}",
                    compose::reason(&alert.evidence),
                    match alert.related.as_ref().map_or(0, |r| r.suppressed_count) {
                        1 => "once".to_owned(),
                        n => format!("{n} times"),
                    },
                    newest.explanation
                );
            }
            true
        });
        Some(Raised::Revision)
    }

    /// Changes an open alert and writes it as its next revision, if `change` says so.
    pub(super) fn revise(
        &mut self,
        id: AlertId,
        at: &Coordinates,
        out: &mut Vec<Alert>,
        change: impl FnOnce(&mut Alert) -> bool,
    ) {
        let Some(open) = self.open.get_mut(id) else { return };
        let alert = Arc::make_mut(&mut open.alert);
        if !change(alert) {
            return;
        }
        self.seq += 1;
        alert.revision += 1;
        alert.provenance = self.identity.provenance(at, self.seq);
        alert.confidence = self.feedback.confidence(lead_of(alert));
        out.push(alert.clone());
    }
}

/// Returns the detector with the largest share: evidence is in that order.
fn lead_of(alert: &Alert) -> &str {
    alert.evidence.first().map_or("", |evidence| &evidence.detector)
}
