//! The rule table: one file and one line a rule.

mod definition;
mod large_native;
pub mod money;
pub mod parties;

use super::RuleMeta;
pub use definition::{Build, Definition, Enabled, REFS_MAX, bounded, build, finding, missing};
use definition::{build_one, defaults_of};
use serde_json::Value;

/// A line of the rule table.
pub struct Entry {
    pub meta: &'static RuleMeta,
    pub build: Build,
    /// The default parameters as JSON, with every field.
    pub defaults: fn() -> Value,
}

/// Makes the table line of a rule.
const fn entry<R: Definition>() -> Entry {
    Entry { meta: R::META, build: build_one::<R>, defaults: defaults_of::<R> }
}

/// Every rule, by id in alphabetical order.
pub const TABLE: &[Entry] = &[
    // Keep one line a rule.
    entry::<large_native::LargeNative>(),
];
