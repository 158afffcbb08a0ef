//! The means of an evaluation as a few lines for people.

use serde_json::Value;
use std::fmt::Write as _;

/// Figures of the first block: what they are called and where they are.
const FIGURES: [(&str, &str); 14] = [
    ("transactions", "/n"),
    ("positive", "/positives"),
    ("prevalence", "/prevalence"),
    ("AUC", "/auc"),
    ("AP", "/ap"),
    ("AP cold", "/ap_cold"),
    ("AP without values", "/ap_no_value"),
    ("AP without values, cold", "/ap_no_value_cold"),
    ("AP new subjects", "/new_subjects/ap"),
    ("precision at .1 %", "/p_at_01"),
    ("precision at 1 %", "/p_at_1"),
    ("p < 1e-2, negatives", "/p_below/1e-2"),
    ("p < 1e-3, negatives", "/p_below/1e-3"),
    ("control: cold AP / prevalence", "/control/ratio"),
];

/// Columns of the block of budgets.
const BUDGET: [&str; 11] = [
    "precision",
    "subject_recall",
    "subject_recall_new",
    "precision_with_re_alerts",
    "precision_ceiling",
    "fixed_precision",
    "fixed_subject_recall",
    "value_saved",
    "hours_before",
    "weekly_ratio",
    "p95_day",
];

/// Writes the means of a report.
pub(super) fn summary(report: &Value) -> String {
    let mean = &report["mean"];
    let seeds = report["seeds"].as_array().map_or(&[][..], Vec::as_slice);
    let mut out = String::new();
    for (name, pointer) in FIGURES {
        let of = |v: &Value| v.pointer(pointer).and_then(Value::as_f64);
        let Some(value) = of(mean) else { continue };
        let all: Vec<f64> = seeds.iter().filter_map(of).collect();
        let (low, high) = all.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name:<30} {:>9}   {} – {}", show(value), show(low), show(high));
    }
    if let Some(budgets) = mean["budgets"].as_object() {
        for (name, budget) in budgets {
            let _ = writeln!(out, "at {name}");
            for column in BUDGET {
                if let Some(value) = budget[column].as_f64() {
                    let _ = writeln!(out, "  {:<28} {:>9}", column.replace('_', " "), show(value));
                }
            }
        }
    }
    if let Some(models) = mean["models"].as_object() {
        for (name, figures) in models {
            if let Some(ap) = figures["ap"].as_f64() {
                let of_value = figures["ap_of_value"].as_f64().unwrap_or(f64::NAN);
                let name = format!("AP of {name} alone");
                let _ = writeln!(out, "{name:<30} {:>9}   value {}", show(ap), show(of_value));
            }
        }
    }
    if let Some(baselines) = mean["baselines"].as_object() {
        for (name, figures) in baselines {
            if let Some(ap) = figures["ap"].as_f64() {
                let name = format!("AP of {}", name.replace('_', " "));
                let _ = writeln!(out, "{name:<30} {:>9}", show(ap));
            }
        }
    }
    out
}

fn show(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.4}") }
}
