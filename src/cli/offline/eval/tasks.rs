//! The runs of an evaluation, side by side: each seed with its budgets, blind run and control.

use super::args::{Args, DailyBudget};
use crate::{
    cli::{CliError, output},
    engine::Setup,
    eval::{
        self, Allowance, BudgetReport, Curves, EvalPlan, EvalVerdicts, Figures, LabelControl,
        Labels, Range, Sample, Scored, SeedReport, Stream, at_budget, baseline, rank, relabel,
    },
    model::EventTime,
};
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

/// An evaluation that is ready to run.
pub(super) struct Evaluation<'a> {
    stream: &'a Stream,
    truth: &'a Labels,
    pub(super) setup: Setup,
    verdicts: EvalVerdicts,
    delay: i64,
    budgets: Vec<DailyBudget>,
    pub(super) warm_up_until: EventTime,
    pub(super) range: Range,
    keep_positives: f64,
    seeds: Vec<u64>,
    n_relabellings: u32,
    has_blind_run: bool,
}

/// The report of one seed, and what its curves are drawn from.
#[derive(Default)]
pub(super) struct SeedRun {
    pub(super) report: SeedReport,
    pub(super) curves: Curves,
    /// (cold average precision, cold prevalence) of moved labels.
    moved: Vec<(f64, f64)>,
}

/// One run of an engine.
#[derive(Clone, Copy, Debug)]
enum EvalTask {
    /// Scores, baselines, and the budget that it runs with.
    Main,
    /// Another budget, by position.
    Budget(usize),
    /// Without value features.
    Blind,
    /// Moved labels; only verdicts make another run of it.
    Control(u32),
}

/// What a run adds to the report of its seed.
enum RunPart {
    Main(Box<SeedReport>, Curves),
    Budget(String, Box<BudgetReport>),
    Blind { ap: Option<f64>, ap_cold: Option<f64> },
    Control(Vec<(f64, f64)>),
}

impl<'a> Evaluation<'a> {
    /// Prepares an evaluation of the engine that `setup` makes.
    pub(super) fn new(
        args: &Args,
        stream: &'a Stream,
        truth: &'a Labels,
        setup: Setup,
    ) -> Result<Self, CliError> {
        let Some(last) = stream.len().checked_sub(1) else {
            return Err(CliError::Usage("the events are empty".to_owned()));
        };
        let from = args.test_from.unwrap_or(stream.time(0));
        // The range is half open: the last event belongs to it.
        let until = args.test_until.unwrap_or(stream.time(last).plus(1));
        if until <= from || from > stream.time(last) {
            return Err(CliError::Usage("no events between --test-from and its end".to_owned()));
        }
        Ok(Self {
            stream,
            truth,
            setup,
            verdicts: args.verdicts,
            delay: args.verdict_delay,
            budgets: args.budget.clone(),
            warm_up_until: args.warm_up_until.unwrap_or(stream.time(0)),
            range: Range { from, until },
            keep_positives: args.keep_positives,
            seeds: args.seed.clone(),
            n_relabellings: args.control,
            has_blind_run: !args.skip_no_value && !args.is_value_dropped(),
        })
    }

    /// Runs everything and returns the seeds in their order.
    pub(super) fn run(&self, n_threads: usize) -> Result<Vec<SeedRun>, CliError> {
        let tasks: Vec<(usize, EvalTask)> = (0..self.seeds.len())
            .flat_map(|s| self.tasks().into_iter().map(move |t| (s, t)))
            .collect();
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::new());
        let work = || {
            while let Some(&(seed, task)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                let part = self.part(self.seeds[seed], task);
                if let Ok(mut done) = done.lock() {
                    done.push((seed, part));
                    output::say(&format!("eval: run {} of {}", done.len(), tasks.len()));
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..n_threads.min(tasks.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut seeds: Vec<SeedRun> = self.seeds.iter().map(|_| SeedRun::default()).collect();
        for (seed, part) in done.into_inner().unwrap_or_default() {
            seeds[seed].add(part?);
        }
        Ok(seeds.into_iter().map(SeedRun::finish).collect())
    }

    fn tasks(&self) -> Vec<EvalTask> {
        let main = self.main_budget();
        let others = (0..self.budgets.len()).filter(|i| self.budgets[*i].per_day != main);
        let mut tasks = vec![EvalTask::Main];
        tasks.extend(others.map(EvalTask::Budget));
        tasks.extend(self.has_blind_run.then_some(EvalTask::Blind));
        if self.verdicts != EvalVerdicts::None {
            tasks.extend((0..self.n_relabellings).map(EvalTask::Control));
        }
        tasks
    }

    /// Returns the budget of the run whose scores are reported.
    fn main_budget(&self) -> f64 {
        match (self.verdicts, self.budgets.first()) {
            (EvalVerdicts::Budget(per_day), _) => per_day,
            (_, Some(budget)) => budget.per_day,
            _ => self.setup.params.triage.budget_per_day,
        }
    }

    fn part(&self, seed: u64, task: EvalTask) -> Result<RunPart, CliError> {
        let sample = eval::sample(self.stream, self.truth, self.keep_positives, seed);
        let truth = match task {
            EvalTask::Control(n) => self.relabelled(&sample, seed, n),
            _ => sample.truth.clone(),
        };
        let mut setup = self.setup.clone();
        setup.params.seed = seed;
        setup.params.triage.budget_per_day = match task {
            EvalTask::Budget(idx) => self.budgets[idx].per_day,
            _ => self.main_budget(),
        };
        setup.params.detect.is_value_blind |= matches!(task, EvalTask::Blind);
        let plan = EvalPlan {
            stream: self.stream,
            sample: &sample,
            truth: &truth,
            setup,
            verdicts: self.verdicts,
            delay: self.delay,
            warm_up_until: self.warm_up_until,
            until: self.range.until,
            has_baselines: matches!(task, EvalTask::Main),
        };
        let scored =
            eval::run(&plan).map_err(|e| CliError::failure("cannot make the engine", e))?;
        Ok(match task {
            EvalTask::Main => {
                let curves = Curves::of(&scored, &sample.truth, self.range);
                RunPart::Main(Box::new(self.main(&scored, &sample, seed)), curves)
            }
            EvalTask::Budget(idx) => {
                let DailyBudget { name, per_day } = self.budgets[idx].clone();
                let report = at_budget(&scored, &truth, self.allowance(per_day), self.range);
                RunPart::Budget(name, Box::new(report))
            }
            EvalTask::Blind => {
                let all = self.figures(&scored, &truth, |s| s.score, |_| true);
                let cold = self.figures(&scored, &truth, |s| s.score, Scored::is_cold);
                RunPart::Blind { ap: all.ap, ap_cold: cold.ap }
            }
            EvalTask::Control(_) => {
                RunPart::Control(self.cold(&scored, &truth).into_iter().collect())
            }
        })
    }

    /// Reports on the run whose scores count.
    fn main(&self, scored: &[Scored], sample: &Sample, seed: u64) -> SeedReport {
        let truth = &sample.truth;
        let mut report = eval::figures(scored, truth, self.range, seed);
        for budget in self.budgets.iter().filter(|b| b.per_day == self.main_budget()) {
            let at = at_budget(scored, truth, self.allowance(budget.per_day), self.range);
            report.budgets.insert(budget.name.clone(), at);
        }
        for (idx, name) in baseline::NAMES.into_iter().enumerate() {
            let score = |s: &Scored| s.baselines.get(idx).map_or(f64::NAN, |v| f64::from(*v));
            report.baselines.insert(name, self.figures(scored, truth, score, |_| true));
        }
        report.models = eval::models(scored, truth, self.range);
        if self.verdicts == EvalVerdicts::None {
            // Without verdicts labels change no score: the same scores, ranked by other labels.
            let truths = (0..self.n_relabellings).map(|n| self.relabelled(sample, seed, n));
            let moved: Vec<_> = truths.filter_map(|truth| self.cold(scored, &truth)).collect();
            report.control = LabelControl::of(&moved);
        }
        if self.setup.params.detect.is_value_blind {
            (report.ap_no_value, report.ap_no_value_cold) = (report.figures.ap, report.ap_cold);
        }
        report
    }

    fn allowance(&self, per_day: f64) -> Allowance {
        let cool_down = self.setup.params.triage.cool_down_ms.saturating_mul(1_000);
        Allowance { per_day, cool_down }
    }

    fn relabelled(&self, sample: &Sample, seed: u64, n: u32) -> Labels {
        relabel(self.stream, sample, seed.wrapping_mul(1_000_003).wrapping_add(u64::from(n)))
    }

    fn cold(&self, scored: &[Scored], truth: &Labels) -> Option<(f64, f64)> {
        let cold = self.figures(scored, truth, |s| s.score, Scored::is_cold);
        cold.ap.zip(cold.prevalence)
    }

    fn figures(
        &self,
        scored: &[Scored],
        truth: &Labels,
        score: impl Fn(&Scored) -> f64,
        filter: impl Fn(&Scored) -> bool,
    ) -> Figures {
        let is_in = |s: &Scored| self.range.contains(s.time) && filter(s);
        Figures::of(&rank(scored, truth, score, is_in))
    }
}

impl SeedRun {
    /// Adds what a run found; runs end in any order.
    fn add(&mut self, part: RunPart) {
        let report = &mut self.report;
        match part {
            RunPart::Main(main, curves) => {
                self.curves = curves;
                let before = std::mem::replace(report, *main);
                report.budgets.extend(before.budgets);
                report.ap_no_value = report.ap_no_value.or(before.ap_no_value);
                report.ap_no_value_cold = report.ap_no_value_cold.or(before.ap_no_value_cold);
            }
            RunPart::Budget(name, at) => {
                report.budgets.insert(name, *at);
            }
            RunPart::Blind { ap, ap_cold } => {
                (report.ap_no_value, report.ap_no_value_cold) = (ap, ap_cold);
            }
            RunPart::Control(moved) => self.moved.extend(moved),
        }
    }

    fn finish(mut self) -> Self {
        if !self.moved.is_empty() {
            // Floating-point sums depend on their order.
            self.moved.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            self.report.control = LabelControl::of(&self.moved);
        }
        self
    }
}
