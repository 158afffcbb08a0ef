//! One event under judgement: all opinions on it, what is raised, what the models learn.

use super::{
    Action, FindingReport, Setup,
    detectors::Detectors,
    raise::{self, Raiser},
    report::{score_report, stats::Stats, summary},
};
use crate::{
    detect::{Opinion, Scene},
    feature::{self, Features},
    model::{Alert, Body, Event, Finding, Signal},
    state::State,
    triage::{Coordinates, Triage, Vote},
};

/// Kept from event to event, so that the hot path does not allocate.
#[derive(Default)]
pub(super) struct Buffers {
    findings: Vec<Finding>,
    votes: Vec<Vote>,
    opinions: Vec<Opinion>,
}

/// Who judges, and by what.
pub(super) struct Judge<'a> {
    pub setup: &'a Setup,
    pub state: &'a State,
    pub detectors: &'a mut Detectors,
    pub triage: &'a mut Triage,
    pub stats: &'a mut Stats,
    pub at: &'a Coordinates,
}

impl Judge<'_> {
    /// Collects the opinions, raises, and learns.
    pub fn judge(
        &mut self,
        event: &Event,
        signals: &[Signal],
        buffers: &mut Buffers,
        actions: &mut Vec<Action>,
        alerts: &mut Vec<Alert>,
    ) {
        let Self { setup, state, detectors, triage, stats, at } = self;
        let Buffers { findings, votes, opinions } = buffers;
        let tx = match &event.body {
            Body::Tx(tx) => Some(&**tx),
            _ => None,
        };
        let parties = feature::parties(event, state);
        let mut features: Option<Features> = feature::extract(event, &parties, state);
        if let Some(features) = features.as_mut().filter(|_| setup.params.detect.is_value_blind) {
            features.drop_values();
        }
        let scene = Scene {
            chain: &setup.chain,
            event,
            signals,
            state,
            reference: &setup.reference,
            parties,
            features: features.as_ref(),
        };
        findings.clear();
        detectors.findings(&scene, findings);
        raise::denials(triage, &scene, findings);
        let focus = summary::focus(&scene);
        stats.n_transactions += u64::from(tx.is_some());

        let corroborate_ms = setup.params.triage.corroborate_ms;
        let mut raiser = Raiser { triage, stats, at, alerts, corroborate_ms };
        if let Some(focus) = &focus {
            detectors.votes(&scene, votes, opinions);
            let report = setup.is_reporting_scores.then(|| {
                score_report::of(&scene, focus, detectors, votes, opinions, raiser.triage)
            });
            let outcome = raiser.score(detectors, &scene, tx, focus, votes, opinions);
            if outcome.is_alert() {
                detectors.on_alert(&scene);
            }
            actions.extend(report.map(|r| Action::Scored(Box::new(r.ended(outcome)))));
        }
        if setup.is_reporting_findings {
            let mut all = findings.clone();
            if focus.is_some() {
                detectors.explain_remarkable(&scene, votes, opinions, &mut all);
            }
            actions.extend(
                all.into_iter().map(|f| Action::Finding(Box::new(FindingReport::of(&scene, f)))),
            );
        }
        for finding in findings.drain(..) {
            raiser.rule(detectors, &scene, tx, finding);
        }
        // Once: when it is in a block, where blocks are told of.
        let is_awaited = tx.is_some_and(|tx| state.is_pending(tx)) && state.tip_height().is_some();
        if focus.is_some() && !is_awaited {
            detectors.learn(&scene, votes, opinions);
        }
    }
}
