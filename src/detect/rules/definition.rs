//! What the file of a rule defines: its parameters, what it says about itself, and when it fires.

use crate::{
    detect::{Need, ParamsError, Scene, bounds},
    model::{Chain, DetectorId, Family, Finding, Reference, Severity},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// What a rule that is part of the program says about itself, see [`RuleMeta`].
#[derive(Debug)]
pub struct BuiltinMeta {
    pub id: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub severity: Severity,
    pub families: &'static [Family],
    pub subject: &'static str,
    pub needs: &'static [Need],
    pub false_positives: &'static [&'static str],
    pub references: &'static [&'static str],
}

/// What a rule says about itself: shown by `rules show`, in the manual and in alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleMeta {
    pub id: DetectorId,
    pub title: String,
    /// What it looks at and when it fires, for people.
    pub description: String,
    pub severity: Severity,
    pub families: Vec<Family>,
    /// What its alerts are about, e.g. `receiver`, `sender`, `transaction`, `block`.
    pub subject: String,
    /// Data without which it is not evaluable.
    pub needs: Vec<Need>,
    pub false_positives: Vec<String>,
    /// Papers, projects and incidents the numbers come from.
    pub references: Vec<String>,
}

impl From<&BuiltinMeta> for RuleMeta {
    fn from(meta: &BuiltinMeta) -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            id: DetectorId::new(meta.id),
            title: meta.title.to_owned(),
            description: meta.description.to_owned(),
            severity: meta.severity,
            families: meta.families.to_vec(),
            subject: meta.subject.to_owned(),
            needs: meta.needs.to_vec(),
            false_positives: texts(meta.false_positives),
            references: texts(meta.references),
        }
    }
}

/// A deterministic rule as its file defines it: with this, the line in the table is one line. It
/// has no memory of its own: it reads the scene.
pub trait Rule: Send + Sized + 'static {
    /// Its parameters: serde, `default`, `deny_unknown_fields`; `Default` holds the defaults.
    ///
    /// Its schema has the range and unit of each.
    type Params: Default + Serialize + DeserializeOwned + JsonSchema;

    const META: &'static BuiltinMeta;

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

    /// Returns what it misses on a chain with these parameters, beside what its metadata needs:
    /// without that it can never fire there.
    fn misses(&self, _chain: &Chain, _reference: &Reference) -> Option<Need> {
        None
    }

    /// Pushes a finding for each way in which the rule fires; usually none.
    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>);
}

/// A rule that has its parameters and can run. Rules of the program have it by their [`Rule`].
pub trait Evaluate: Send {
    /// As [`Rule::misses`].
    fn misses(&self, _chain: &Chain, _reference: &Reference) -> Option<Need> {
        None
    }

    /// As [`Rule::evaluate`].
    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>);
}

impl<R: Rule> Evaluate for R {
    fn misses(&self, chain: &Chain, reference: &Reference) -> Option<Need> {
        Rule::misses(self, chain, reference)
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        Rule::evaluate(self, scene, out);
    }
}

/// A rule that was made, or why its parameters were refused.
pub type Built = Result<Box<dyn Evaluate>, ParamsError>;

/// A line of the rule table.
pub struct RuleEntry {
    pub meta: &'static BuiltinMeta,
    /// Data without which it runs and says less.
    pub helped_by: &'static [Need],
    /// Makes the rule from its parameters, an empty map being the defaults.
    pub build: fn(&Map<String, Value>) -> Built,
    /// The default parameters as JSON, with every field.
    pub defaults: fn() -> Value,
    /// The JSON Schema of its parameters: what each is, its range and its unit.
    pub shape: fn(&mut SchemaGenerator) -> Schema,
}

/// Makes the table line of a rule.
pub(super) const fn entry<R: Rule>() -> RuleEntry {
    RuleEntry {
        meta: R::META,
        helped_by: R::HELPED_BY,
        build: build_one::<R>,
        defaults: defaults_of::<R>,
        shape: <R::Params as JsonSchema>::json_schema,
    }
}

fn build_one<R: Rule>(params: &Map<String, Value>) -> Built {
    let refuse = |source| ParamsError::Bad { id: R::META.id, source };
    let params: R::Params = bounds::read(params).map_err(refuse)?;
    R::check(&params).map_err(|text| refuse(serde::de::Error::custom(text)))?;
    Ok(Box::new(R::new(params)))
}

fn defaults_of<R: Rule>() -> Value {
    // A Params type that JSON cannot hold would be a bug; the table's test asserts an object.
    serde_json::to_value(R::Params::default()).unwrap_or_default()
}
