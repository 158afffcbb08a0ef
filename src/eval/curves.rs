//! What a report's curves are drawn from: precision over recall, alerts by week, calibration.

use super::{
    baseline,
    prequential::Scored,
    ranking::Ranking,
    report::{Range, ranking},
    truth::Labels,
};

/// Points that a curve keeps: more than its picture has pixels.
const POINTS_MAX: usize = 400;
/// The nominal p-values at which calibration is shown.
const NOMINAL: [f64; 8] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1];

/// A named line through points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// The curves of one seed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// Precision over recall: the engine, cold subjects only, and each baseline.
    pub precision: Vec<Curve>,
    /// Share of negatives at or below each nominal p-value, both as −log10.
    pub calibration: Vec<Curve>,
}

impl Curves {
    /// Draws the curves of a run over a range.
    pub fn of(scored: &[Scored], truth: &Labels, range: Range) -> Self {
        let is_in = |s: &Scored| range.contains(s.time);
        let all = ranking(scored, truth, |s| s.score, is_in);
        let cold = ranking(scored, truth, |s| s.score, |s| is_in(s) && s.is_cold());
        let mut precision = vec![curve("score", &all), curve("score, cold subjects", &cold)];
        for (idx, name) in baseline::NAMES.into_iter().enumerate() {
            let score = |s: &Scored| s.baselines.get(idx).map_or(f64::NAN, |v| f64::from(*v));
            precision.push(curve(name, &ranking(scored, truth, score, is_in)));
        }
        let negatives: Vec<f64> = scored
            .iter()
            .filter(|s| is_in(s) && !s.p_value.is_nan() && !truth.is_positive(s.subject))
            .map(|s| s.p_value)
            .collect();
        let point = |p: &f64| {
            let n = negatives.iter().filter(|found| *found <= p).count();
            let share = n as f64 / negatives.len() as f64;
            (n > 0).then(|| (-libm::log10(*p), -libm::log10(share)))
        };
        let points = NOMINAL.iter().filter_map(point).collect();
        let calibration = vec![Curve { name: "negatives".to_owned(), points }];
        Self { precision, calibration }
    }
}

fn curve(name: &str, ranking: &Ranking) -> Curve {
    let all = ranking.curve();
    let step = all.len().div_ceil(POINTS_MAX).max(1);
    // Few points lie where precision falls fast: the first ones are all kept.
    let is_kept = |(i, _): &(usize, (f64, f64))| *i < POINTS_MAX / 2 || i % step == 0;
    let points = all.into_iter().enumerate().filter(is_kept).map(|(_, point)| point).collect();
    Curve { name: name.to_owned(), points }
}
