//! What the file of a rule defines, and how rules are made from parameters.

use super::{super::suggest::nearest, TABLE};
use crate::{
    detect::{Need, Params, ParamsError, Rule, RuleMeta, bounds},
    model::{Address, Band, Chain, DetectorKind, Family, Finding, Reference, Severity, Subject},
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Everything a rule's file defines: with it, the line in the table is one line.
pub trait Definition: Rule + Sized + 'static {
    /// Its parameters: serde, `default`, `deny_unknown_fields`; `Default` holds the defaults.
    ///
    /// Its schema has the range and unit of each.
    type Params: Default + Serialize + DeserializeOwned + JsonSchema;

    const META: &'static RuleMeta;

    /// Data without which it runs and says less, e.g. grades without knowing whom it concerns.
    const HELPED_BY: &'static [Need] = &[];

    /// Makes the rule from checked parameters.
    fn new(params: Self::Params) -> Self;

    /// Returns what is wrong between parameters each of which is right.
    ///
    /// # Errors
    /// A lower-case sentence that names the field.
    fn check(_params: &Self::Params) -> Result<(), String> {
        Ok(())
    }
}

/// Builds a rule from its parameters, an empty map being the defaults.
pub type Build = fn(&Map<String, Value>) -> Result<Box<dyn Rule>, ParamsError>;

/// A rule that runs, and the severity the configuration gives it in place of its own.
pub type Enabled = (Box<dyn Rule>, Option<Severity>);

/// The most refs a finding carries: an alert is read by people.
pub const REFS_MAX: usize = 16;

/// Makes every enabled rule of an account model, in the order of the table.
///
/// # Errors
/// All mistakes at once: ids that are not in the table, parameters that a rule refuses (also
/// those of disabled rules and of rules for other account models).
pub fn build(params: &Params, family: Family) -> Result<Vec<Enabled>, Vec<ParamsError>> {
    let ids = TABLE.iter().map(|e| e.meta.id);
    let mut mistakes: Vec<ParamsError> = params
        .rules
        .keys()
        .filter(|id| !ids.clone().any(|known| known == id.as_str()))
        .map(|id| ParamsError::Unknown {
            family: "rule",
            id: id.clone(),
            suggestion: nearest(id, ids.clone()),
        })
        .collect();
    let mut rules = Vec::new();
    let nothing = Map::new();
    for entry in TABLE {
        let member = params.rules.get(entry.meta.id);
        let is_wanted = member.is_none_or(|m| m.enabled) && entry.meta.families.contains(&family);
        match (entry.build)(member.map_or(&nothing, |m| &m.params)) {
            Ok(rule) if is_wanted => rules.push((rule, member.and_then(|m| m.severity))),
            Ok(_) => {}
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(rules) } else { Err(mistakes) }
}

/// Returns the first need of a rule that the reference data of a chain does not meet.
///
/// Only needs that reference data decides: whether logs and outcomes arrive, the input tells.
pub fn missing(meta: &RuleMeta, chain: &Chain, reference: &Reference) -> Option<Need> {
    first_missing(meta.needs, chain, reference)
}

/// Returns the first of these needs that the reference data of a chain does not meet.
pub fn first_missing(needs: &[Need], chain: &Chain, reference: &Reference) -> Option<Need> {
    needs.iter().copied().find(|need| match need {
        Need::NativePrice => !has_price(chain, reference),
        Need::WatchList => !reference.watch.keys().any(|address| may_be_on(chain, address)),
        Need::Labels(kind) => {
            let mut here = reference.labels.iter().filter(|(address, _)| may_be_on(chain, address));
            !here.any(|(_, labels)| labels.iter().any(|label| label.kind == *kind))
        }
        // The input tells of the first two, a rule with its parameters of the others.
        _ => false,
    })
}

/// Returns whether an address can be one of a chain's: a list of another chain's labels nobody.
fn may_be_on(chain: &Chain, address: &Address) -> bool {
    match chain.id.split(':').next() {
        Some("eip155") => matches!(address, Address::Evm(_)),
        Some("bip122" | "solana" | "xrpl") => matches!(address, Address::Text(_)),
        _ => true,
    }
}

/// Returns whether the native asset of a chain has a price at any time.
pub fn has_price(chain: &Chain, reference: &Reference) -> bool {
    reference.prices.get(&*chain.native.symbol).is_some_and(|prices| !prices.is_empty())
}

/// Returns a finding of a rule, to be completed with what was measured.
pub fn finding(meta: &RuleMeta, subject: Subject) -> Finding {
    Finding {
        detector: meta.id,
        kind: DetectorKind::Rule,
        severity: meta.severity,
        subject,
        value: 0.0,
        expected: Band::default(),
        unit: Cow::Borrowed(""),
        explanation: String::new(),
        quiet_if: String::new(),
        refs: Vec::new(),
        surprise: 0.0,
    }
}

/// Returns the first [`REFS_MAX`] refs.
pub fn bounded(refs: impl IntoIterator<Item = String>) -> Vec<String> {
    refs.into_iter().take(REFS_MAX).collect()
}

pub(super) fn build_one<R: Definition>(
    params: &Map<String, Value>,
) -> Result<Box<dyn Rule>, ParamsError> {
    let refuse = |source| ParamsError::Bad { id: R::META.id, source };
    let params: R::Params = bounds::read(params).map_err(refuse)?;
    R::check(&params).map_err(|text| refuse(serde::de::Error::custom(text)))?;
    Ok(Box::new(R::new(params)))
}

pub(super) fn defaults_of<R: Definition>() -> Value {
    // A Params type that JSON cannot hold would be a bug; the table's test asserts an object.
    serde_json::to_value(R::Params::default()).unwrap_or_default()
}
