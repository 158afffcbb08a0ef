//! Gates: figures that a report has to reach, by path, from a YAML file.

use crate::cli::CliError;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

/// What one figure has to keep.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bound {
    min: Option<f64>,
    max: Option<f64>,
}

/// Bounds by path: `mean.ap`, `mean.budgets.2/d.precision`, `seeds.*.ap_cold` (each seed).
pub(super) struct FigureGate(BTreeMap<String, Bound>);

impl FigureGate {
    /// Reads a gate file.
    pub(super) fn load(path: &Path) -> Result<Self, CliError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| crate::cli::offline::input::read_error(path, source))?;
        Self::parse(&text).map_err(|e| CliError::Config(format!("{}: {e}", path.display())))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let bounds: BTreeMap<String, Bound> =
            serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
        match bounds.iter().find(|(_, b)| b.min.is_none() && b.max.is_none()) {
            Some((path, _)) => Err(format!("{path}: expected min or max")),
            None if bounds.is_empty() => Err("no figure is named".to_owned()),
            None => Ok(Self(bounds)),
        }
    }

    /// Lists what a report does not keep, a sentence each.
    pub(super) fn misses(&self, report: &Value) -> Vec<String> {
        let check = |(path, bound): (&String, &Bound)| -> Vec<String> {
            let found = walk(report, path);
            if found.is_empty() {
                return vec![format!("{path} is not in the report")];
            }
            let miss = |value: Option<f64>| match (value, bound.min, bound.max) {
                (None, ..) => Some(format!("{path} has no value")),
                (Some(v), Some(min), _) if v < min => Some(format!("{path} is {v}, below {min}")),
                (Some(v), _, Some(max)) if v > max => Some(format!("{path} is {v}, above {max}")),
                _ => None,
            };
            found.into_iter().filter_map(|v| miss(v.as_f64())).collect()
        };
        self.0.iter().flat_map(check).collect()
    }
}

/// Returns the values at a path; `*` stands for every element.
fn walk<'a>(report: &'a Value, path: &str) -> Vec<&'a Value> {
    path.split('.').fold(vec![report], |at, part| {
        at.into_iter()
            .flat_map(|value| match (part, value) {
                ("*", Value::Array(all)) => all.iter().collect(),
                ("*", Value::Object(all)) => all.values().collect(),
                (key, value) => value.get(key).into_iter().collect::<Vec<_>>(),
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_gate_names_each_figure_that_is_missed() {
        let report = json!({
            "mean": {"ap": 0.5, "budgets": {"2/d": {"precision": 0.3, "recall": null}}},
            "seeds": [{"ap_cold": 0.4}, {"ap_cold": 0.6}],
        });
        let misses = |text: &str| FigureGate::parse(text).map(|gate| gate.misses(&report));
        assert_eq!(misses("mean.ap: {min: 0.5, max: 0.5}"), Ok(Vec::new()));
        let missed = misses(
            "mean.ap: {max: 0.4}\nmean.budgets.2/d.precision: {min: 0.31}\n\
             mean.budgets.2/d.recall: {min: 0}\nmean.auc: {min: 0}\nseeds.*.ap_cold: {min: 0.5}\n",
        );
        let expected = [
            "mean.ap is 0.5, above 0.4",
            "mean.auc is not in the report",
            "mean.budgets.2/d.precision is 0.3, below 0.31",
            "mean.budgets.2/d.recall has no value",
            "seeds.*.ap_cold is 0.4, below 0.5",
        ];
        assert_eq!(missed, Ok(expected.map(str::to_owned).to_vec()));
        for wrong in ["", "mean.ap: {}", "mean.ap: {least: 1}", "mean.ap: 1"] {
            assert!(FigureGate::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
