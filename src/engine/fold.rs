//! The fold itself: decode, admit, score, triage, learn, apply, in that order for every event.

use super::{
    Action, Control, DeadLetter, EngineError, Examination, Frozen, Input, Setup,
    checks::{self, PartChecks, PartContradiction},
    control::RulingTurn,
    counterfactual::{Examiner, Never, Stop},
    detectors::Detectors,
    fits::FitsUnderWay,
    judge::{self, Judge},
    ledger::{Fate, Ledger},
    mempool::Tending,
    report::{
        stats::{Stats, count},
        summary,
    },
    seen::Seen,
    snapshot,
};
use crate::{
    decode::{self, Reason, Refusal, Settings, SkipReason},
    detect::{FitJob, Need},
    feature::Features,
    model::{Alert, Body, Chain, Event, EventId, EventTime, Quality, Record, Signal},
    state::{Disposition, State},
    triage::{Coordinates, Triage},
};
use std::ops::ControlFlow;

/// One partition's detector: a pure fold over its records.
pub struct Engine {
    pub(super) setup: Setup,
    pub(super) state: State,
    pub(super) detectors: Detectors,
    pub(super) triage: Triage,
    pub(super) fits: FitsUnderWay,
    pub(super) stats: Stats,
    pub(super) seen: Seen,
    pub(super) ledger: Ledger,
    /// Which fits the alerts name; not written, because it follows from the models.
    in_force: u64,
    scratch: Scratch,
}

/// Buffers kept from record to record, so that the hot path does not allocate.
#[derive(Default)]
struct Scratch {
    batch: decode::Batch,
    judging: judge::Buffers,
    alerts: Vec<Alert>,
}

impl Engine {
    /// Makes an engine with an empty history.
    ///
    /// # Errors
    /// When a rule's or model's parameters are wrong: all mistakes at once.
    pub fn new(setup: Setup) -> Result<Self, EngineError> {
        let seed = setup.params.seed;
        let detectors = Detectors::of(&setup)?;
        let identity = detectors.identity(&setup);
        Ok(Self {
            state: State::new(setup.chain.clone(), &setup.params.state, seed),
            triage: Triage::new(setup.params.triage.clone(), identity, setup.chain.family),
            setup,
            detectors,
            fits: FitsUnderWay::default(),
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
            Input::Record(settings, record) => {
                // Nothing stops it.
                let _ = self.on_record(settings, &record, actions, &mut Never);
            }
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

    /// Says, in a sentence for operators, that blocks go unverified; `None` while none did.
    pub fn unverified(&self) -> Option<String> {
        checks::unverified(&self.stats, &self.setup.chain)
    }

    /// Examines an event of a record, a transaction or a payment in a token, where the fold judges
    /// it; `None` when the record does not hold it, or the fold does not judge it: it is refused or
    /// a duplicate. What stands before it is folded: the engine is good for nothing else
    /// afterwards.
    ///
    /// `typical` are the features of recent events of the kind: single features are moved along
    /// their ranks among those, a hundredth at a time, and each step is scored by every model.
    ///
    /// # Cost
    /// Up to 200 scores a feature: a tenth of a second.
    pub fn examine(
        &mut self,
        settings: &Settings,
        record: &Record<'_>,
        wanted: &EventId,
        typical: &[Features],
    ) -> Option<Examination> {
        let mut examiner = Examiner { wanted, typical, found: None };
        let _ = self.on_record(settings, record, &mut Vec::new(), &mut examiner);
        examiner.found
    }

    /// Returns whether the engine can go on with a setup.
    ///
    /// # Errors
    /// When it is another chain's, or parameters of its detectors are wrong.
    pub fn check_setup(&self, setup: &Setup) -> Result<(), EngineError> {
        self.detectors_for(setup).map(drop)
    }

    /// Goes on with another setup from the next record on.
    ///
    /// - Account state and the sequence of alerts are kept. Bounds of `state` keep their old
    ///   values, and account keys the old seed: tables are sized when a history begins.
    ///   [`Engine::unapplied`] lists what therefore has to wait for a new history.
    /// - A model whose seed and parameters are unchanged keeps what it has learned and its pending
    ///   fit; any other starts anew, and fits that nobody waits for are dropped.
    /// - Triage keeps open alerts, cool-downs, verdicts and budget, and its calibration when
    ///   neither models nor weights changed.
    ///
    /// It depends on the engine and the setup alone, so every replay takes the same turn.
    ///
    /// # Errors
    /// As [`Engine::check_setup`]; the engine is then unchanged.
    pub fn reconfigure(&mut self, mut setup: Setup) -> Result<(), EngineError> {
        let fresh = self.detectors_for(&setup)?;
        let params = (&self.setup.params, &setup.params);
        let is_same_score = self.detectors.replace(fresh, params, &mut self.fits);
        let (family, identity) = (setup.chain.family, self.detectors.identity(&setup));
        self.triage.reconfigure(setup.params.triage.clone(), identity, family, is_same_score);
        self.state.set_learns_unincluded(setup.params.state.learns_unincluded);
        // How to report is the caller's affair and no part of an answer.
        setup.is_reporting_findings = self.setup.is_reporting_findings;
        setup.is_reporting_scores = self.setup.is_reporting_scores;
        self.setup = setup;
        Ok(())
    }

    fn detectors_for(&self, setup: &Setup) -> Result<Detectors, EngineError> {
        if setup.chain != self.setup.chain {
            return Err(EngineError::OtherSetup { what: "chain" });
        }
        Detectors::of(setup)
    }

    /// Returns the short hash of the configuration, as in alerts.
    pub fn config_hash(&self) -> &str {
        &self.setup.config_hash
    }

    /// Lists the settings of the present setup that wait for a new history: the tables of account
    /// state keep the size they were made with.
    pub fn unapplied(&self) -> Vec<&'static str> {
        self.state.unapplied(&self.setup.params.state)
    }

    /// Freezes everything that the engine has learned, to be written on another thread.
    ///
    /// It takes the engine mutably because it marks the pages that are shared from now on; answers
    /// do not change.
    ///
    /// # Cost
    /// A few milliseconds at a million accounts; each page of 16 KiB is copied at the first write
    /// to it afterwards.
    pub fn freeze(&mut self) -> Frozen {
        Frozen::of(self)
    }

    /// Makes an engine from an image. Run [`Engine::unfinished_fits`] before the next record.
    ///
    /// # Errors
    /// When the bytes are no image of a known layout, or were made with another setup.
    pub fn restore(setup: Setup, bytes: &[u8]) -> Result<Self, EngineError> {
        snapshot::restore(setup, bytes)
    }

    /// # Panics
    /// When a setup is passed that [`Engine::check_setup`] refuses: the driver checks it first.
    fn on_control(&mut self, control: Control) {
        match control {
            Control::Setup(setup) => {
                let done = self.reconfigure(*setup);
                assert!(done.is_ok(), "an unchecked setup: {:?}", done.err());
            }
            Control::Verdict(verdict) => {
                count(&mut self.stats.verdicts, verdict.verdict.as_str());
                let mut rulings = RulingTurn {
                    chain: &self.setup.chain,
                    state: &self.state,
                    detectors: &mut self.detectors,
                    triage: &mut self.triage,
                    now: EventTime::from_millis(self.stats.event_time_ms),
                };
                self.stats.n_verdicts_unmatched += u64::from(!rulings.hear(&verdict));
            }
        }
    }

    /// Sets a record aside unread, because reading it brought the process down.
    fn on_poison(&mut self, settings: &Settings, record: &Record<'_>, actions: &mut Vec<Action>) {
        self.begin_record();
        self.stats.n_parts += 1;
        self.ledger.record(record.topic, record.partition, record.offset);
        let why = (Reason::CrashLoop, "reading it ended the process three times".to_owned());
        self.refuse((settings, record), &coordinates(record), why, actions);
    }

    /// Makes a dead letter of a part.
    fn refuse(
        &mut self,
        (settings, record): (&Settings, &Record<'_>),
        at: &Coordinates,
        (reason, detail): (Reason, String),
        actions: &mut Vec<Action>,
    ) {
        self.ledger.part(None, Fate::DeadLetter);
        count(&mut self.stats.dead_letters, reason.as_str());
        let letter = DeadLetter::of(settings, record, at, reason, detail);
        actions.push(Action::DeadLetter(Box::new(letter)));
    }

    /// Folds a record, as far as nothing stops it.
    fn on_record(
        &mut self,
        settings: &Settings,
        record: &Record<'_>,
        actions: &mut Vec<Action>,
        stop: &mut impl Stop,
    ) -> ControlFlow<()> {
        let n_record = self.begin_record();
        let mut is_new = false;
        let mut batch = std::mem::take(&mut self.scratch.batch);
        decode::decode(settings, record, &mut batch);
        self.ledger.record(record.topic, record.partition, record.offset);
        let mut at = coordinates(record);
        for part in &batch.parts {
            at.part_index = part.index;
            self.stats.n_parts += 1;
            match &part.verdict {
                Ok(range) => {
                    let node = batch.node.as_deref();
                    let events = &mut batch.events[range.clone()];
                    let Self { state, stats, .. } = self;
                    match (PartChecks { state, stats }).check_part(events, settings) {
                        Ok(()) => is_new |= self.on_part(events, node, &at, actions, stop)?,
                        Err(PartContradiction { reason, detail }) => {
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
        ControlFlow::Continue(())
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
    fn begin_record(&mut self) -> u64 {
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
        stop: &mut impl Stop,
    ) -> ControlFlow<(), bool> {
        self.stats.n_decoded += 1;
        let (mut n_duplicates, mut is_scored) = (0, false);
        for event in events.iter_mut() {
            let is_duplicate = self.on_event(event, node, at, actions, stop)?;
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
        ControlFlow::Continue(n_duplicates < events.len())
    }

    /// Scores and learns one event; returns whether it was a duplicate instead: another node's
    /// sighting of what is known is an observation.
    fn on_event(
        &mut self,
        event: &mut Event,
        node: Option<&str>,
        at: &Coordinates,
        actions: &mut Vec<Action>,
        stop: &mut impl Stop,
    ) -> ControlFlow<(), bool> {
        self.stats.n_events += 1;
        let is_news = self.state.witness(event, node);
        self.stats.n_observations += u64::from(is_news);
        let admission = self.state.admit(event);
        let mut alerts = std::mem::take(&mut self.scratch.alerts);
        match admission.disposition {
            Disposition::Duplicate => {
                self.tending(at, &mut alerts).tend_again(event);
                self.write(alerts, actions);
                // An order that is given again is no sighting of the first.
                let is_order = matches!(&event.body, Body::Tx(tx) if tx.order().is_some());
                return ControlFlow::Continue(!is_news || is_order);
            }
            Disposition::Late => {
                event.quality |= Quality::LATE;
                self.stats.n_late += 1;
            }
            Disposition::New => {}
        }
        self.stats.event_time_ms = self.stats.event_time_ms.max(event.time.millis());
        self.seen.note(event);
        self.stats.count_conflicts(&admission.signals);
        for signal in &admission.signals {
            if let Signal::Reorg(reorg) = signal {
                self.stats.n_reorgs += 1;
                self.ledger.revert(reorg.from_height);
                let chain = &self.setup.chain;
                let by = reorg.new_hash.map_or("source".into(), |hash| chain.hash_text(&hash));
                self.triage.retract(&reorg.reverted, &by, at, &mut alerts);
            }
        }
        if stop.is_here(self, event, &admission.signals) {
            return ControlFlow::Break(());
        }
        self.judge(event, &admission.signals, at, actions, &mut alerts);
        self.state.apply_labelled(event, &self.setup.reference);
        self.stats.n_gaps = self.state.n_gaps();
        self.stats.n_evicted_accounts = self.state.n_evicted_accounts();
        self.tending(at, &mut alerts).tend(event);
        if let Some(tip) = self.state.tip_height() {
            self.stats.tip_height = tip;
            self.triage.advance(tip, at, &mut alerts);
        }
        self.write(alerts, actions);
        ControlFlow::Continue(false)
    }

    fn tending<'a>(&'a mut self, at: &'a Coordinates, alerts: &'a mut Vec<Alert>) -> Tending<'a> {
        Tending {
            chain: &self.setup.chain,
            state: &self.state,
            triage: &mut self.triage,
            now: EventTime::from_millis(self.stats.event_time_ms),
            corroborate_ms: self.setup.params.triage.corroborate_ms,
            at,
            alerts,
        }
    }

    /// Hands out alerts, and keeps the buffer that they were in.
    fn write(&mut self, mut alerts: Vec<Alert>, actions: &mut Vec<Action>) {
        for alert in alerts.drain(..) {
            self.stats.count_alert(&alert);
            actions.push(Action::Alert(Box::new(alert)));
        }
        self.scratch.alerts = alerts;
    }

    /// Collects all opinions on one event, raises what is worth it, and lets the models learn.
    fn judge(
        &mut self,
        event: &Event,
        signals: &[Signal],
        at: &Coordinates,
        actions: &mut Vec<Action>,
        alerts: &mut Vec<Alert>,
    ) {
        let Self { setup, state, detectors, triage, stats, scratch, .. } = self;
        let mut judge = Judge { setup, state, detectors, triage, stats, at };
        judge.judge(event, signals, &mut scratch.judging, actions, alerts);
    }
}

fn coordinates(record: &Record<'_>) -> Coordinates {
    Coordinates {
        topic: record.topic.to_owned(),
        partition: record.partition,
        offset: record.offset,
        part_index: 0,
    }
}
