//! In which order people should look: five parts, each shown, and why.

use crate::model::{Priority, Severity};

/// What is known about the impact of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stakes {
    /// USD moved, where a price is known.
    pub usd: Option<f64>,
    /// Whether one of the operator's own or watched accounts takes part.
    pub is_watched: bool,
    /// Whether it is in a block: a pending transaction can still be countered.
    pub is_included: bool,
    /// Whether a sanctioned account or a mixer takes part.
    pub is_regulated: bool,
}

/// Weights of the parts; they sum to 1.
const WEIGHTS: [f64; 5] = [0.35, 0.2, 0.15, 0.15, 0.15];

/// Ranks an alert.
pub(super) fn rank(stakes: &Stakes, severity: Severity, score: f64) -> Priority {
    // Log scale: $1 is 0, $10 million and more is 1. Unknown value is a middling one.
    let value_at_risk =
        stakes.usd.map_or(0.4, |usd| (libm::log10(1.0 + usd) / 7.0).clamp(0.0, 1.0));
    let asset_criticality = if stakes.is_watched { 1.0 } else { 0.2 };
    let irreversibility = if stakes.is_included { 1.0 } else { 0.5 };
    let regulatory = if stakes.is_regulated { 1.0 } else { 0.0 };
    let grade = match severity {
        Severity::Info => 0.2,
        Severity::Low => 0.4,
        Severity::Medium => 0.6,
        Severity::High => 0.8,
        Severity::Critical => 1.0,
    };
    let confidence = grade * score;
    let parts = [value_at_risk, asset_criticality, irreversibility, regulatory, confidence];
    let total: f64 = parts.iter().zip(WEIGHTS).map(|(part, weight)| part * weight).sum();
    let level = match (severity, total) {
        (Severity::Critical, _) => 1,
        (_, t) if t >= 0.7 => 1,
        (_, t) if t >= 0.55 => 2,
        (_, t) if t >= 0.4 => 3,
        (_, t) if t >= 0.25 => 4,
        _ => 5,
    };
    Priority {
        level,
        total: round(total),
        value_at_risk: round(value_at_risk),
        asset_criticality,
        irreversibility,
        regulatory,
        confidence: round(confidence),
        why: why(stakes, severity),
    }
}

fn why(stakes: &Stakes, severity: Severity) -> String {
    let value = match stakes.usd {
        Some(usd) => format!("about ${usd:.0} moved"),
        None => "value in USD unknown".to_owned(),
    };
    let mut why = format!("{} severity, {value}", severity.as_str());
    for (is_so, text) in [
        (stakes.is_watched, ", a watched account takes part"),
        (stakes.is_regulated, ", a sanctioned account or mixer takes part"),
        (!stakes.is_included, ", still pending"),
    ] {
        if is_so {
            why.push_str(text);
        }
    }
    why
}

/// Keeps three decimals: what is shown is what is meant.
fn round(x: f64) -> f64 {
    libm::round(x * 1_000.0) / 1_000.0
}
