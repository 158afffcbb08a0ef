//! The rules that a process knows: those of the table, and what users register at run time.

use super::{Built, Evaluate, RuleEntry, RuleMeta, TABLE};
use crate::{
    detect::{Need, Params, ParamsError, nearest},
    model::{DetectorId, Family, Severity},
};
use serde_json::{Map, Value};
use std::{fmt, sync::Arc};

/// Makes a rule from its parameters, an empty map being the defaults.
type Build = dyn Fn(&Map<String, Value>) -> Built + Send + Sync;

/// A rule that can be enabled by its id.
#[derive(Clone)]
pub struct Registered {
    pub meta: Arc<RuleMeta>,
    /// Data without which it runs and says less.
    pub helped_by: Vec<Need>,
    /// The default parameters, with every field: a JSON object.
    pub defaults: Value,
    build: Arc<Build>,
}

impl Registered {
    /// Describes a rule that is not part of the program.
    pub fn new(
        meta: RuleMeta,
        defaults: Value,
        build: impl Fn(&Map<String, Value>) -> Built + Send + Sync + 'static,
    ) -> Self {
        Self { meta: Arc::new(meta), helped_by: Vec::new(), defaults, build: Arc::new(build) }
    }

    /// Makes the rule from its parameters, an empty map being the defaults.
    ///
    /// # Errors
    /// When the rule refuses them.
    pub fn build(&self, params: &Map<String, Value>) -> Built {
        (self.build)(params)
    }

    /// Returns its id.
    pub fn id(&self) -> DetectorId {
        self.meta.id
    }
}

impl From<&'static RuleEntry> for Registered {
    fn from(entry: &'static RuleEntry) -> Self {
        let helped_by = entry.helped_by.to_vec();
        Self { helped_by, ..Self::new(entry.meta.into(), (entry.defaults)(), entry.build) }
    }
}

/// Every rule there is, in the order in which they are evaluated: the table's, then the others as
/// they were registered.
#[derive(Clone)]
pub struct Registry {
    rules: Arc<Vec<Registered>>,
}

/// A second rule of the same id.
#[derive(Debug, thiserror::Error)]
#[error("there is a rule {id} already")]
pub struct Duplicate {
    pub id: DetectorId,
}

/// A rule that runs, and the severity the configuration gives it in place of its own.
pub struct Enabled {
    pub meta: Arc<RuleMeta>,
    pub rule: Box<dyn Evaluate>,
    pub severity: Option<Severity>,
}

impl Registry {
    /// Adds a rule.
    ///
    /// # Errors
    /// When its id is taken: an alert must say which rule it is of.
    pub fn register(&mut self, rule: Registered) -> Result<(), Duplicate> {
        if self.get(rule.id().as_str()).is_some() {
            return Err(Duplicate { id: rule.id() });
        }
        Arc::make_mut(&mut self.rules).push(rule);
        Ok(())
    }

    /// Returns a rule by its id.
    pub fn get(&self, id: &str) -> Option<&Registered> {
        self.iter().find(|rule| rule.id() == *id)
    }

    /// Walks all rules.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Registered> + Clone {
        self.rules.iter()
    }

    /// Walks the ids of all rules.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &'static str> + Clone {
        self.iter().map(|rule| rule.id().as_str())
    }
}

impl Default for Registry {
    /// Returns the rules of the table.
    fn default() -> Self {
        Self { rules: Arc::new(TABLE.iter().map(Registered::from).collect()) }
    }
}

/// Two registries are equal when they know the same rules.
impl PartialEq for Registry {
    fn eq(&self, other: &Self) -> bool {
        let is_same = |(a, b): (&Registered, &Registered)| {
            Arc::ptr_eq(&a.build, &b.build) || (a.meta == b.meta && a.defaults == b.defaults)
        };
        self.rules.len() == other.rules.len() && self.iter().zip(other.iter()).all(is_same)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.ids()).finish()
    }
}

/// Makes every enabled rule of an account model, in the order of the registry.
///
/// # Errors
/// All mistakes at once: ids that no rule has, parameters that a rule refuses (also those of
/// disabled rules and of rules for other account models).
pub fn build(params: &Params, family: Family) -> Result<Vec<Enabled>, Vec<ParamsError>> {
    let ids = params.registry.ids();
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
    for registered in params.registry.iter() {
        let meta = &registered.meta;
        let member = params.rules.get(meta.id.as_str());
        let is_wanted = member.is_none_or(|m| m.enabled) && meta.families.contains(&family);
        match registered.build(member.map_or(&nothing, |m| &m.params)) {
            Ok(rule) if is_wanted => {
                let severity = member.and_then(|m| m.severity);
                rules.push(Enabled { meta: meta.clone(), rule, severity });
            }
            Ok(_) => {}
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(rules) } else { Err(mistakes) }
}
