//! Names of detectors: cheap to copy, whether they are the program's own or a user's.

use schemars::JsonSchema;
use serde::Serialize;
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, PoisonError},
};

/// The id of a rule, of a model or of a list, e.g. `fan_out`. Compared and ordered by its text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct DetectorId(&'static str);

impl DetectorId {
    /// Makes the id of a detector that is part of the program.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Makes the id of a detector whose name is only known at run time.
    ///
    /// # Cost
    /// Each distinct name is kept until the process ends, and once: a configuration that is loaded
    /// again takes no more.
    pub fn intern(name: &str) -> Self {
        static NAMES: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Self(known);
        }
        let name: &'static str = Box::leak(name.into());
        names.insert(name);
        Self(name)
    }

    /// Returns the name as it stands in alerts.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for DetectorId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.0)
    }
}

impl fmt::Debug for DetectorId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, out)
    }
}

impl PartialEq<str> for DetectorId {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for DetectorId {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_equals_the_programs_own() {
        let (first, second) = (DetectorId::intern("my_rule"), DetectorId::intern("my_rule"));
        assert!(std::ptr::eq(first.as_str(), second.as_str()));
        assert_eq!(first, DetectorId::new("my_rule"));
        assert_ne!(first, DetectorId::intern("my_other_rule"));
    }
}
