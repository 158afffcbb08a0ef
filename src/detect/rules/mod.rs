//! The rule table: one file and one line a rule.

use super::{ParamsError, Rule, RuleMeta};
use serde_json::{Map, Value};

/// Builds a rule from its parameters, an empty map being the defaults.
pub type Build = fn(&Map<String, Value>) -> Result<Box<dyn Rule>, ParamsError>;

/// A line of the rule table.
pub struct Entry {
    pub meta: &'static RuleMeta,
    pub build: Build,
    /// The default parameters as JSON, with every field.
    pub defaults: fn() -> Value,
}

/// Every rule, by id.
pub const TABLE: &[Entry] = &[];
