//! The fold under evaluation: rows through an engine, verdicts back into it after a delay.

use super::{
    baseline::Baselines,
    sample::Sample,
    stream::{LabelRole, NOBODY, Stream},
    truth::Labels,
};
use crate::{
    engine::{
        Action, Control, Engine, EngineError, Input, ScoreOutcome, ScoreReport, Setup, run_fit,
    },
    model::{AlertId, EventTime, Judgement, Verdict},
};
use std::collections::VecDeque;

/// Who is judged by the analyst of the evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EvalVerdicts {
    /// Nobody.
    None,
    /// The subjects of the budgeted lane's alerts, at most this many a day.
    Budget(f64),
    /// The subject of every transaction.
    All,
}

/// One evaluation of one engine.
pub struct EvalPlan<'a> {
    pub stream: &'a Stream,
    pub sample: &'a Sample,
    /// What the analyst would say.
    pub truth: &'a Labels,
    pub setup: Setup,
    pub verdicts: EvalVerdicts,
    /// From an alert to its verdict.
    ///
    /// # Units
    /// Microseconds of event time.
    pub delay: i64,
    /// Nobody is judged about earlier transactions.
    pub warm_up_until: EventTime,
    /// Events from here on are not read.
    pub until: EventTime,
    /// Whether the baselines run too, seeded as the engine.
    pub has_baselines: bool,
}

/// What the engine thought of one transaction before it learned anything from it.
#[derive(Clone, Debug)]
pub struct Scored {
    pub time: EventTime,
    pub subject: u32,
    pub sender: u32,
    /// Whole native units.
    pub value: f64,
    /// Not a number while no model has an opinion.
    pub score: f64,
    /// Not a number in warm-up.
    pub p_value: f64,
    pub outcome: ScoreOutcome,
    /// The verdict on the subject that was known by then.
    pub known: Option<bool>,
    /// When the subject was first seen, in any role.
    pub first_seen: EventTime,
    /// In the order of [`super::baseline::NAMES`]; empty when they did not run.
    pub baselines: Vec<f32>,
    /// The models' own opinions: id, surprise and value; kept where baselines ran.
    pub opinions: Vec<(&'static str, f64, f64)>,
}

impl Scored {
    /// Returns whether nothing was known about the subject.
    pub fn is_cold(&self) -> bool {
        self.known.is_none()
    }
}

/// Folds the sample's rows through a new engine.
///
/// # Errors
/// When a rule's or model's parameters are wrong.
pub fn run(plan: &EvalPlan<'_>) -> Result<Vec<Scored>, EngineError> {
    let setup = Setup { is_reporting_scores: true, ..plan.setup.clone() };
    let seed = setup.params.seed;
    let mut fold = EvalFold {
        plan,
        engine: Engine::new(setup)?,
        analyst: Analyst::new(plan),
        baselines: plan.has_baselines.then(|| Baselines::new(seed)),
        first_seen: vec![None; plan.stream.n_names()],
        out: Vec::with_capacity(plan.sample.rows.len()),
    };
    let mut actions = Vec::new();
    for &row in &plan.sample.rows {
        if plan.stream.time(row as usize) < plan.until {
            fold.row(row as usize, &mut actions);
        }
    }
    Ok(fold.out)
}

struct EvalFold<'a> {
    plan: &'a EvalPlan<'a>,
    engine: Engine,
    analyst: Analyst,
    baselines: Option<Baselines>,
    first_seen: Vec<Option<EventTime>>,
    out: Vec<Scored>,
}

impl EvalFold<'_> {
    fn row(&mut self, row: usize, actions: &mut Vec<Action>) {
        let EvalPlan { stream, truth, .. } = *self.plan;
        let time = stream.time(row);
        while let Some((subject, alert)) = self.analyst.due(time) {
            let verdict = self.verdict(subject, alert, truth.is_positive(subject), time);
            let control = Control::Verdict(Box::new(verdict));
            self.engine.step(Input::Control(control), actions);
        }
        for &party in stream.parties(row).iter().chain([&stream.subject(row)]) {
            if let Some(first) = self.first_seen.get_mut(party as usize) {
                first.get_or_insert(time);
            }
        }
        let mut headers = Vec::new();
        let record = stream.record(row, &mut headers);
        self.engine.step(Input::Record(stream.settings(), record), actions);
        for action in actions.drain(..) {
            match action {
                Action::Scored(report) => self.scored(&report),
                // At once: it takes over at the same record as if it had run in the background.
                Action::Fit(job) => self.engine.step(Input::Fitted(run_fit(&job)), &mut Vec::new()),
                _ => {}
            }
        }
    }

    fn scored(&mut self, report: &ScoreReport) {
        let stream = self.plan.stream;
        let subject = match stream.role() {
            LabelRole::To => stream.id_of(report.receiver.as_ref()),
            LabelRole::From => stream.id_of(report.sender.as_ref()),
            LabelRole::Tx => report.tx.and_then(|tx| stream.id(&tx.hex())).unwrap_or(NOBODY),
        };
        let first_seen = self.first_seen.get(subject as usize).copied().flatten();
        self.out.push(Scored {
            time: report.time,
            subject,
            sender: stream.id_of(report.sender.as_ref()),
            value: report.value,
            score: report.score.unwrap_or(f64::NAN),
            p_value: report.p_value.unwrap_or(f64::NAN),
            outcome: report.outcome,
            known: self.analyst.known(subject),
            first_seen: first_seen.unwrap_or(report.time),
            baselines: self.baselines.as_mut().map_or(Vec::new(), |all| all.score(report)),
            opinions: if self.plan.has_baselines { opinions(report) } else { Vec::new() },
        });
        let chain = self.engine.chain();
        let alert = || AlertId::of(&chain.id, &report.subject.render(chain), report.event, "score");
        let is_alert = matches!(report.outcome, ScoreOutcome::Alert | ScoreOutcome::Explored);
        self.analyst.see(subject, report.time, is_alert.then(alert));
    }

    fn verdict(
        &self,
        subject: u32,
        alert: Option<AlertId>,
        is_positive: bool,
        time: EventTime,
    ) -> Verdict {
        let name = self.plan.stream.name(subject);
        let chain = self.engine.chain();
        let judgement =
            if is_positive { Judgement::TruePositive } else { Judgement::FalsePositive };
        Verdict {
            schema: Verdict::SCHEMA.to_owned(),
            alert_id: alert.map(|id| id.hex()),
            subject: match self.plan.stream.role() {
                LabelRole::Tx => format!("{chain}/tx/{name}"),
                LabelRole::To | LabelRole::From => format!("{chain}:{name}"),
            },
            verdict: judgement,
            analyst: "eval".to_owned(),
            weight: 1.0,
            time_ms: time.millis(),
            until_ms: None,
            note: None,
        }
    }
}

fn opinions(report: &ScoreReport) -> Vec<(&'static str, f64, f64)> {
    report.opinions.iter().map(|(id, opinion)| (*id, opinion.surprise, opinion.value)).collect()
}

/// Judges subjects after a delay; once each.
struct Analyst {
    verdicts: EvalVerdicts,
    delay: i64,
    warm_up_until: EventTime,
    is_positive: Labels,
    known: Vec<Option<bool>>,
    is_asked: Vec<bool>,
    /// Oldest first.
    pending: VecDeque<(EventTime, u32, Option<AlertId>)>,
    /// Verdicts that may still be given, where the engine raises more than are judged.
    capacity: Option<Capacity>,
}

struct Capacity {
    per_day: f64,
    left: f64,
    last: EventTime,
}

impl Analyst {
    fn new(plan: &EvalPlan<'_>) -> Self {
        let n = plan.stream.n_names();
        let raised = plan.setup.params.triage.budget_per_day;
        let capacity = match plan.verdicts {
            EvalVerdicts::Budget(per_day) if per_day < raised => {
                Some(Capacity { per_day, left: 0.0, last: plan.warm_up_until })
            }
            _ => None,
        };
        Self {
            verdicts: plan.verdicts,
            delay: plan.delay,
            warm_up_until: plan.warm_up_until,
            is_positive: plan.truth.clone(),
            known: vec![None; n],
            is_asked: vec![false; n],
            pending: VecDeque::new(),
            capacity,
        }
    }

    fn known(&self, subject: u32) -> Option<bool> {
        self.known.get(subject as usize).copied().flatten()
    }

    /// Notes a scored transaction, and its alert if there is one.
    fn see(&mut self, subject: u32, time: EventTime, alert: Option<AlertId>) {
        if time < self.warm_up_until {
            return;
        }
        let is_wanted = match self.verdicts {
            EvalVerdicts::None => false,
            EvalVerdicts::All => true,
            EvalVerdicts::Budget(_) => alert.is_some() && self.has_capacity(time),
        };
        if is_wanted
            && let Some(is_asked) = self.is_asked.get_mut(subject as usize)
            && !std::mem::replace(is_asked, true)
        {
            self.pending.push_back((time.plus(self.delay), subject, alert));
        }
    }

    fn has_capacity(&mut self, time: EventTime) -> bool {
        let Some(capacity) = &mut self.capacity else { return true };
        let days = time.since(capacity.last).max(0) as f64 / EventTime::DAY as f64;
        // What is not judged within a day is not judged at all.
        let most = capacity.per_day.max(1.0);
        capacity.left = (capacity.left + days * capacity.per_day).min(most);
        capacity.last = time;
        let has = capacity.left >= 1.0;
        capacity.left -= f64::from(u8::from(has));
        has
    }

    /// Returns the next subject whose verdict is known at `time`.
    fn due(&mut self, time: EventTime) -> Option<(u32, Option<AlertId>)> {
        let &(at, subject, alert) = self.pending.front()?;
        if at > time {
            return None;
        }
        self.pending.pop_front();
        self.known[subject as usize] = Some(self.is_positive.is_positive(subject));
        Some((subject, alert))
    }
}
