//! From opinions to alerts: the engine's side of triage, for one event.

use super::{
    detectors::Detectors,
    mempool,
    report::{
        score_report::ScoreOutcome,
        stats::{Stats, count},
        summary::{self, Focus},
    },
};
use crate::{
    detect::{Opinion, Scene},
    feature::Parties,
    model::{Alert, Finding, Severity, Subject, Tx},
    triage::{Case, Coordinates, DENY_TITLE, Raised, Triage, Via, Vote},
};

/// What raising needs, borrowed together so that the scene can stay borrowed from the state.
pub(super) struct Raiser<'a> {
    pub(super) triage: &'a mut Triage,
    pub(super) stats: &'a mut Stats,
    pub(super) at: &'a Coordinates,
    pub(super) alerts: &'a mut Vec<Alert>,
    /// How long other nodes have to tell of a pending transaction.
    pub(super) corroborate_ms: i64,
}

impl Raiser<'_> {
    /// Judges the votes of a transaction, raises what is worth it, and calibrates.
    pub(super) fn score(
        &mut self,
        detectors: &Detectors,
        scene: &Scene<'_>,
        tx: Option<&Tx>,
        focus: &Focus,
        votes: &[Vote],
        opinions: &[Opinion],
    ) -> ScoreOutcome {
        let (now, total) = (scene.event.time, detectors.weight_total);
        let outcome = match self.triage.judge(focus.stratum, focus.account, votes, total, now) {
            None => ScoreOutcome::Quiet,
            Some(Err(suppression)) => self.note(Raised::Suppressed(suppression)),
            Some(Ok(score)) => {
                let bars = self.triage.bars(focus.stratum, votes, total, score.via);
                let explained =
                    detectors.explain_shares(scene, &score.shares, votes, opinions, &bars);
                let case = self.case(scene, tx);
                let subject = focus.subject.clone();
                let raised = self.triage.raise_score(
                    &case,
                    focus.account,
                    subject,
                    &score,
                    explained,
                    self.alerts,
                );
                match self.note(raised) {
                    ScoreOutcome::Alert => match score.via {
                        Via::Budget => ScoreOutcome::Alert,
                        Via::Exploration => ScoreOutcome::Explored,
                        Via::Confirmed => ScoreOutcome::ReAlert,
                    },
                    other => other,
                }
            }
        };
        self.triage.learn(focus.stratum, focus.account, votes, total, now);
        for (vote, opinion) in votes.iter().zip(opinions) {
            if opinion.surprise >= crate::detect::FINDING_SURPRISE_MIN {
                let id = detectors.models[vote.model_idx].model.meta().id;
                count(&mut self.stats.findings, id);
            }
        }
        outcome
    }

    /// Raises what a rule found.
    pub(super) fn rule(
        &mut self,
        detectors: &Detectors,
        scene: &Scene<'_>,
        tx: Option<&Tx>,
        finding: Finding,
    ) {
        count(&mut self.stats.findings, finding.detector.as_str());
        let meta = detectors.rules.iter().map(|r| &r.meta).find(|m| m.id == finding.detector);
        let title = match meta {
            Some(meta) => &meta.title,
            None => DENY_TITLE,
        };
        let account = match &finding.subject {
            Subject::Account(address) => Some(scene.state.key(address)),
            _ => None,
        };
        let raised = if finding.severity == Severity::Info {
            // Most findings are info: they never build a case.
            Raised::Suppressed(crate::triage::Suppression::Severity)
        } else {
            let case = self.case(scene, tx);
            self.triage.raise_rule(&case, title, finding, account, self.alerts)
        };
        self.note(raised);
    }

    fn case<'s>(&self, scene: &'s Scene<'s>, tx: Option<&Tx>) -> Case<'s>
    where
        Self: 's,
    {
        let now = scene.event.time;
        let nodes = |tx: &Tx| mempool::corroboration(scene.state, &tx.id, now, self.corroborate_ms);
        Case {
            chain: scene.chain,
            event: scene.event.id(&scene.chain.id),
            time: now,
            inclusion: scene.event.inclusion(),
            pending: tx.and_then(|tx| mempool::pending(scene, tx)),
            corroboration: tx.map(nodes).unwrap_or_default(),
            tx: summary::summarise(scene.chain, scene.event),
            stakes: summary::stakes(scene.chain, scene.event, scene.reference),
            at: self.at,
        }
    }

    fn note(&mut self, raised: Raised) -> ScoreOutcome {
        match raised {
            Raised::Alert => ScoreOutcome::Alert,
            Raised::Revision => ScoreOutcome::Revision,
            Raised::Suppressed(reason) => {
                count(&mut self.stats.suppressed, reason.as_str());
                ScoreOutcome::Suppressed(reason)
            }
        }
    }
}

/// Pushes a finding for each denied account that takes part in what is scored.
pub(super) fn denials(triage: &Triage, scene: &Scene<'_>, out: &mut Vec<Finding>) {
    if !triage.has_listings() {
        return;
    }
    let Parties { sender_address, receiver_address, .. } = scene.parties;
    let now = scene.event.time;
    let distinct = receiver_address.filter(|receiver| sender_address != Some(receiver));
    for address in sender_address.into_iter().chain(distinct) {
        if let Some(listing) = triage.denial(scene.state.key(address), now) {
            out.push(listing.finding(scene.chain, Subject::Account(address.clone()), now));
        }
    }
}
