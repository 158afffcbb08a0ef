//! The fold itself: decode, admit, score, triage, learn, apply, in that order for every event.

use super::{
    Action, EngineError, FindingReport, Input, Setup,
    checks::Contradiction,
    detectors::Detectors,
    fits::Fits,
    ledger::{Fate, Ledger},
    raise::{self, Raiser},
    report::{
        score_report,
        stats::{Stats, count},
        summary,
    },
};
use crate::{
    decode::{self, Refusal, Settings, SkipReason},
    detect::{FitJob, Need, Opinion, Scene},
    feature::{self, Features},
    model::{Alert, Body, Chain, Event, Finding, OutcomeStatus, Quality, Record, Signal},
    state::{Disposition, State},
    triage::{Coordinates, Triage, Vote},
};

/// One partition's detector: a pure fold over its records.
pub struct Engine {
    pub(super) setup: Setup,
    pub(super) state: State,
    pub(super) detectors: Detectors,
    pub(super) triage: Triage,
    pub(super) fits: Fits,
    pub(super) stats: Stats,
    pub(super) seen: Seen,
    pub(super) ledger: Ledger,
    /// Which fits the alerts name; not written, because it follows from the models.
    in_force: u64,
    scratch: Scratch,
}

/// Optional parts of the input that have been seen, on which some rules depend.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Seen {
    logs: bool,
    outcomes: bool,
}

/// Buffers kept from record to record, so that the hot path does not allocate.
#[derive(Default)]
struct Scratch {
    batch: decode::Batch,
    findings: Vec<Finding>,
    votes: Vec<Vote>,
    opinions: Vec<Opinion>,
    alerts: Vec<Alert>,
}

impl Engine {
    /// Makes an engine with an empty history.
    ///
    /// # Errors
    /// When a rule's or model's parameters are wrong: all mistakes at once.
    pub fn new(setup: Setup) -> Result<Self, EngineError> {
        let schema = feature::schema(setup.chain.family);
        let seed = setup.params.seed;
        let detectors =
            Detectors::build(&setup.params.detect, schema, seed).map_err(EngineError::Params)?;
        let identity = detectors.identity(&setup);
        Ok(Self {
            state: State::new(setup.chain.clone(), &setup.params.state, seed),
            triage: Triage::new(setup.params.triage.clone(), identity, setup.chain.family),
            setup,
            detectors,
            fits: Fits::default(),
            stats: Stats::default(),
            seen: Seen::default(),
            ledger: Ledger::default(),
            in_force: 0,
            scratch: Scratch::default(),
        })
    }

    /// Folds one input. Cannot fail: what cannot be decoded becomes a dead letter.
    ///
    /// # Panics
    /// When the driver passes a record although [`Engine::fit_due`] names a fit: the answer would
    /// depend on timing.
    pub fn step(&mut self, input: Input<'_>, actions: &mut Vec<Action>) {
        match input {
            Input::Record(settings, record) => self.on_record(settings, &record, actions),
            Input::Poison(settings, record) => self.on_poison(settings, &record, actions),
            Input::Fitted(fitted) => self.fits.deliver(fitted),
            Input::Control(control) => self.on_control(control),
        }
    }

    /// Returns the fit whose result must be delivered before the next record, if one is due.
    pub fn fit_due(&self) -> Option<(&str, u64)> {
        self.fits.missing(self.fits.n_new + 1)
    }

    /// Returns the fits that a driver must run again after a restore.
    pub fn unfinished_fits(&self) -> impl Iterator<Item = &FitJob> {
        self.fits.unfinished()
    }

    /// Returns what has been counted so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Returns where every part ended.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the memory, for reading.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns triage, for reading.
    pub fn triage(&self) -> &Triage {
        &self.triage
    }

    /// Returns the enabled rules that cannot work, with what they miss.
    pub fn not_evaluable(&self) -> Vec<(&'static str, Need)> {
        let Setup { chain, reference, .. } = &self.setup;
        self.detectors.not_evaluable(chain, reference, |need| match need {
            Need::Logs => self.seen.logs,
            Need::Outcomes => self.seen.outcomes,
            _ => true,
        })
    }

    /// Returns the chain.
    pub fn chain(&self) -> &Chain {
        &self.setup.chain
    }

    fn on_record(&mut self, settings: &Settings, record: &Record<'_>, actions: &mut Vec<Action>) {
        let n_record = self.begin_record();
        let mut is_new = false;
        let mut batch = std::mem::take(&mut self.scratch.batch);
        decode::decode(settings, record, &mut batch);
        self.ledger.record(record.topic, record.partition, record.offset);
        let mut at = Coordinates {
            topic: record.topic.to_owned(),
            partition: record.partition,
            offset: record.offset,
            part_index: 0,
        };
        for part in &batch.parts {
            at.part_index = part.index;
            self.stats.n_parts += 1;
            match &part.verdict {
                Ok(range) => {
                    let node = batch.node.as_deref();
                    let events = &mut batch.events[range.clone()];
                    match self.check_part(events, settings) {
                        Ok(()) => is_new |= self.on_part(events, node, &at, actions),
                        Err(Contradiction { reason, detail }) => {
                            let why = (reason, detail.to_owned());
                            self.refuse((settings, record), &at, why, actions);
                        }
                    }
                }
                Err(Refusal::Skip(reason)) => {
                    count(&mut self.stats.skipped, reason.as_str());
                    self.ledger.part(None, Fate::Skipped);
                }
                Err(Refusal::DeadLetter { reason, detail }) => {
                    let why = (*reason, detail.clone());
                    self.refuse((settings, record), &at, why, actions);
                }
            }
        }
        self.scratch.batch = batch;
        if is_new {
            self.end_record(n_record, actions);
        }
    }

    /// Ends a record that said something new.
    fn end_record(&mut self, n_record: u64, actions: &mut Vec<Action>) {
        self.fits.n_new = n_record;
        for job in self.detectors.request_fits(n_record) {
            self.fits.add(job.clone());
            actions.push(Action::Fit(Box::new(job)));
        }
    }

    /// Counts a record, after any fit that takes over at it; returns which of those with news it
    /// would be.
    pub(super) fn begin_record(&mut self) -> u64 {
        let n_record = self.fits.n_new + 1;
        assert!(self.fits.missing(n_record).is_none(), "a due fit was not delivered");
        self.stats.n_records += 1;
        for fitted in self.fits.take_due(n_record) {
            self.stats.n_fits += 1;
            self.stats.fitted_at = self.stats.n_records;
            self.detectors.install(fitted);
        }
        // A fit may also come into force after its time in shadow, or make way for the one before.
        let in_force = self.detectors.in_force();
        if in_force != self.in_force {
            self.in_force = in_force;
            self.triage.set_model_id(self.detectors.model_id());
        }
        n_record
    }

    /// Folds the events of a part; returns whether any of them was new.
    fn on_part(
        &mut self,
        events: &mut [Event],
        node: Option<&str>,
        at: &Coordinates,
        actions: &mut Vec<Action>,
    ) -> bool {
        self.stats.n_decoded += 1;
        let (mut n_duplicates, mut is_scored) = (0, false);
        for event in events.iter_mut() {
            let is_duplicate = self.on_event(event, node, at, actions);
            n_duplicates += usize::from(is_duplicate);
            is_scored |= !is_duplicate && summary::is_scored(event);
        }
        let is_known = n_duplicates > 0 && n_duplicates == events.len();
        if is_known {
            count(&mut self.stats.skipped, SkipReason::Duplicate.as_str());
        }
        let fate = match (is_known, is_scored) {
            (true, _) => Fate::Skipped,
            (false, true) => Fate::Scored,
            (false, false) => Fate::Applied,
        };
        let height = events.iter().find_map(|event| Some(event.inclusion()?.height));
        self.ledger.part(height, fate);
        n_duplicates < events.len()
    }

    /// Scores and learns one event; returns whether it was a duplicate instead: another node's
    /// sighting of what is known is an observation.
    pub(super) fn on_event(
        &mut self,
        event: &mut Event,
        node: Option<&str>,
        at: &Coordinates,
        actions: &mut Vec<Action>,
    ) -> bool {
        self.stats.n_events += 1;
        let is_news = self.witness(event, node);
        let admission = self.state.admit(event);
        let mut alerts = std::mem::take(&mut self.scratch.alerts);
        match admission.disposition {
            Disposition::Duplicate => {
                self.tend_again(event, at, &mut alerts);
                self.write(alerts, actions);
                // An order that is given again is no sighting of the first.
                return !is_news || matches!(&event.body, Body::Tx(tx) if tx.order().is_some());
            }
            Disposition::Late => {
                event.quality |= Quality::LATE;
                self.stats.n_late += 1;
            }
            Disposition::New => {}
        }
        self.stats.event_time_ms = self.stats.event_time_ms.max(event.time.millis());
        self.note_seen(event);
        self.count_conflicts(&admission.signals);
        for signal in &admission.signals {
            if let Signal::Reorg(reorg) = signal {
                self.stats.n_reorgs += 1;
                self.ledger.revert(reorg.from_height);
                let chain = &self.setup.chain;
                let by = reorg.new_hash.map_or("source".into(), |hash| chain.hash_text(&hash));
                self.triage.retract(&reorg.reverted, &by, at, &mut alerts);
            }
        }
        self.detect(event, &admission.signals, at, actions, &mut alerts);
        self.state.apply_labelled(event, &self.setup.reference);
        self.stats.n_gaps = self.state.n_gaps();
        self.stats.n_evicted_accounts = self.state.n_evicted_accounts();
        self.tend(event, at, &mut alerts);
        if let Some(tip) = self.state.tip_height() {
            self.stats.tip_height = tip;
            self.triage.advance(tip, at, &mut alerts);
        }
        self.write(alerts, actions);
        false
    }

    /// Hands out alerts, and keeps the buffer that they were in.
    fn write(&mut self, mut alerts: Vec<Alert>, actions: &mut Vec<Action>) {
        for alert in alerts.drain(..) {
            self.count_alert(&alert);
            actions.push(Action::Alert(Box::new(alert)));
        }
        self.scratch.alerts = alerts;
    }

    /// Collects all opinions on one event, raises what is worth it, and lets the models learn.
    fn detect(
        &mut self,
        event: &Event,
        signals: &[Signal],
        at: &Coordinates,
        actions: &mut Vec<Action>,
        alerts: &mut Vec<Alert>,
    ) {
        let Self { setup, state, detectors, triage, stats, scratch, .. } = self;
        let Scratch { findings, votes, opinions, .. } = scratch;
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
            actions.extend(all.into_iter().map(|f| Action::Finding(Box::new(report(&scene, f)))));
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

    fn note_seen(&mut self, event: &Event) {
        match &event.body {
            // Internal movements come from traces: they promise no logs.
            Body::Transfer(t) => self.seen.logs |= t.token.is_some(),
            Body::Approval(_) | Body::Log(_) => self.seen.logs = true,
            Body::Outcome(o) => self.seen.outcomes |= o.outcome.status != OutcomeStatus::Unknown,
            Body::Tx(tx) => self.seen.outcomes |= tx.is_outcome_known(),
            _ => {}
        }
    }

    fn count_alert(&mut self, alert: &Alert) {
        count(&mut self.stats.alerts_by_status, alert.status.as_str());
        if alert.revision > 1 {
            self.stats.n_revisions += 1;
            return;
        }
        self.stats.n_alerts += 1;
        count(&mut self.stats.alerts_by_severity, alert.severity.as_str());
        if let Some(lead) = alert.evidence.first() {
            count(&mut self.stats.alerts_by_detector, &lead.detector);
        }
    }
}

fn report(scene: &Scene<'_>, finding: Finding) -> FindingReport {
    FindingReport {
        tx: scene.event.tx_id().map(|id| scene.chain.hash_text(&id)),
        height: scene.event.inclusion().map(|i| i.height),
        subject: finding.subject.render(scene.chain),
        event_time_ms: scene.event.time.millis(),
        finding,
    }
}
