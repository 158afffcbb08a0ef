//! The figures of one seed, and their means over seeds.

use super::{
    BudgetReport, Draw,
    prequential::Scored,
    ranking::{Ranked, Ranking},
    stream::NOBODY,
    truth::Labels,
};
use crate::model::EventTime;
use serde::Serialize;
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// Subjects count as new until they have been known this long.
const NEW: i64 = 7 * EventTime::DAY;
/// Resamples of a bootstrap: their 5th and 195th bound 95 %.
const N_RESAMPLES: usize = 200;

/// The range of event time that is reported on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub from: EventTime,
    /// Not included.
    pub until: EventTime,
}

impl Range {
    /// Returns whether a time is inside.
    pub fn contains(&self, time: EventTime) -> bool {
        self.from <= time && time < self.until
    }
}

/// What a ranking is worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    pub n: usize,
    pub positives: usize,
    pub prevalence: Option<f64>,
    pub auc: Option<f64>,
    pub ap: Option<f64>,
    /// Precision among the highest 0.1 % of the scores.
    pub p_at_01: Option<f64>,
    /// Precision among the highest 1 %.
    pub p_at_1: Option<f64>,
}

impl Figures {
    /// Reads the figures off a ranking.
    pub fn of(ranking: &Ranking) -> Self {
        Self {
            n: ranking.len(),
            positives: ranking.n_positives(),
            prevalence: ranking.prevalence(),
            auc: ranking.auc(),
            ap: ranking.average_precision(),
            p_at_01: ranking.precision_at(0.001),
            p_at_1: ranking.precision_at(0.01),
        }
    }
}

/// The labels moved elsewhere, averaged over relabellings.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LabelControl {
    pub n_relabellings: usize,
    pub ap_cold: Option<f64>,
    pub prevalence_cold: Option<f64>,
    /// The former over the latter: 1 where nothing leaks.
    pub ratio: Option<f64>,
}

impl LabelControl {
    /// Averages (cold average precision, cold prevalence) of relabellings.
    pub fn of(relabellings: &[(f64, f64)]) -> Self {
        let n = relabellings.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| {
            (n > 0.0).then(|| relabellings.iter().map(of).sum::<f64>() / n)
        };
        let (ap_cold, prevalence_cold) = (mean(|r| r.0), mean(|r| r.1));
        let ratio = ap_cold.zip(prevalence_cold).map(|(ap, prevalence)| ap / prevalence);
        Self { n_relabellings: relabellings.len(), ap_cold, prevalence_cold, ratio }
    }
}

/// Everything about one seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SeedReport {
    pub seed: u64,
    #[serde(flatten)]
    pub figures: Figures,
    pub ap_cold: Option<f64>,
    pub prevalence_cold: Option<f64>,
    pub cold: Figures,
    pub ap_no_value: Option<f64>,
    pub ap_no_value_cold: Option<f64>,
    /// Subjects first seen less than seven days before.
    pub new_subjects: Figures,
    /// By budget as it was written, e.g. `2/d`.
    pub budgets: BTreeMap<String, BudgetReport>,
    /// Share of the negative transactions whose p-value is below `1e-2` and `1e-3`.
    pub p_below: BTreeMap<&'static str, Option<f64>>,
    pub baselines: BTreeMap<&'static str, Figures>,
    pub control: LabelControl,
    /// Each model on its own, by its surprise and by its value; silence ranks last.
    pub models: BTreeMap<&'static str, ModelFigures>,
    /// 95 % of the bootstrap over subjects, by figure.
    pub interval: BTreeMap<&'static str, [f64; 2]>,
}

/// What one model's opinion is worth on its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ModelFigures {
    pub ap: Option<f64>,
    pub ap_of_value: Option<f64>,
}

/// Ranks the scored transactions that pass a filter.
pub fn ranking(
    scored: &[Scored],
    truth: &Labels,
    score: impl Fn(&Scored) -> f64,
    filter: impl Fn(&Scored) -> bool,
) -> Ranking {
    Ranking::new(scored.iter().filter(|s| filter(s)).map(|s| Ranked {
        score: score(s),
        is_positive: s.subject != NOBODY && truth.is_positive(s.subject),
        subject: s.subject,
    }))
}

/// Returns the figures of the engine's score over the range: all subjects, cold ones, new ones.
pub fn figures(scored: &[Scored], truth: &Labels, range: Range, seed: u64) -> SeedReport {
    let of = |filter: &dyn Fn(&Scored) -> bool| {
        ranking(scored, truth, |s| s.score, |s| range.contains(s.time) && filter(s))
    };
    let (all, cold) = (of(&|_| true), of(&Scored::is_cold));
    let new = of(&|s| s.time.since(s.first_seen) < NEW);
    let cold_figures = Figures::of(&cold);
    let named = [("ap", &all), ("ap_cold", &cold)];
    let interval = named.into_iter().filter_map(|(name, r)| Some((name, bootstrap(r, seed)?)));
    SeedReport {
        seed,
        figures: Figures::of(&all),
        ap_cold: cold_figures.ap,
        prevalence_cold: cold_figures.prevalence,
        cold: cold_figures,
        new_subjects: Figures::of(&new),
        p_below: p_below(scored, truth, range),
        interval: interval.collect(),
        ..SeedReport::default()
    }
}

/// Returns what each model that ever spoke would be worth alone.
pub fn models(
    scored: &[Scored],
    truth: &Labels,
    range: Range,
) -> BTreeMap<&'static str, ModelFigures> {
    let mut ids: Vec<&'static str> = Vec::new();
    for (id, ..) in scored.iter().flat_map(|s| &s.opinions) {
        if !ids.contains(id) {
            ids.push(id);
        }
    }
    let ap = |id: &str, of: fn(f64, f64) -> f64| {
        let score = |s: &Scored| {
            let own = s.opinions.iter().find(|(known, ..)| *known == id);
            own.map_or(f64::NAN, |(_, surprise, value)| of(*surprise, *value))
        };
        ranking(scored, truth, score, |s| range.contains(s.time)).average_precision()
    };
    let figures = |id: &str| ModelFigures {
        ap: ap(id, |surprise, _| surprise),
        ap_of_value: ap(id, |_, value| value),
    };
    ids.into_iter().map(|id| (id, figures(id))).collect()
}

fn p_below(scored: &[Scored], truth: &Labels, range: Range) -> BTreeMap<&'static str, Option<f64>> {
    let negatives = || {
        let is_negative = |s: &&Scored| !truth.is_positive(s.subject);
        let calibrated = scored.iter().filter(|s| range.contains(s.time) && !s.p_value.is_nan());
        calibrated.filter(is_negative)
    };
    let n = negatives().count();
    let below =
        |p: f64| (n > 0).then(|| negatives().filter(|s| s.p_value < p).count() as f64 / n as f64);
    BTreeMap::from([("1e-2", below(1e-2)), ("1e-3", below(1e-3))])
}

/// Returns the interval that 95 % of resamples of the subjects fall into.
///
/// # Source
/// Efron 1979, percentile method; subjects and not events are drawn, because the events of one
/// subject are no independent evidence.
fn bootstrap(ranking: &Ranking, seed: u64) -> Option<[f64; 2]> {
    let subjects = ranking.subjects();
    let places = subjects.last()? + 1;
    let mut draw = Draw::new(seed, "bootstrap");
    let mut found: Vec<f64> = (0..N_RESAMPLES)
        .filter_map(|_| {
            let mut weights = vec![0.0; places as usize];
            for _ in 0..subjects.len() {
                weights[subjects[draw.index(subjects.len())] as usize] += 1.0;
            }
            // Without a subject there is nothing to draw: such events stay as they are.
            let weight = |s: u32| weights.get(s as usize).copied().unwrap_or(1.0);
            ranking.weighted_average_precision(weight)
        })
        .collect();
    found.sort_by(f64::total_cmp);
    let tail = found.len() / 40;
    Some([*found.get(tail)?, *found.get(found.len() - 1 - tail)?])
}

/// Returns the mean of reports, figure by figure; what is absent everywhere stays absent.
pub fn mean(reports: &[Value]) -> Value {
    let numbers: Vec<f64> = reports.iter().filter_map(Value::as_f64).collect();
    if !numbers.is_empty() {
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        return Number::from_f64(mean).map_or(Value::Null, Value::Number);
    }
    if let Some(Value::Array(first)) = reports.first() {
        let at =
            |i: usize| -> Vec<Value> { reports.iter().filter_map(|r| r.get(i).cloned()).collect() };
        return (0..first.len()).map(|i| mean(&at(i))).collect();
    }
    let objects: Vec<&Map<String, Value>> = reports.iter().filter_map(Value::as_object).collect();
    let Some(first) = objects.first() else { return Value::Null };
    let member = |key: &String| {
        let all: Vec<Value> = objects.iter().filter_map(|o| o.get(key).cloned()).collect();
        (key.clone(), mean(&all))
    };
    first.keys().filter(|key| *key != "seed").map(member).collect()
}
