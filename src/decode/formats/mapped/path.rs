//! Where a value stands: dotted paths into JSON, column names of CSV.

use crate::decode::{
    Limits,
    json::{JsonScanner, Value, text::Text},
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Steps of one path.
const STEPS_MAX: usize = 16;
/// What a path begins with that starts at the record although a rule reads elements of an array.
const ROOT: &str = "$";

/// A path such as `data.transfers.0.amount`: keys, and positions in arrays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldPath {
    steps: Vec<String>,
    is_from_root: bool,
}

impl TryFrom<String> for FieldPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut steps: Vec<String> = text.split('.').map(str::to_owned).collect();
        let is_from_root = steps.first().is_some_and(|step| step == ROOT);
        if is_from_root {
            steps.remove(0);
        }
        if steps.is_empty() || steps.len() > STEPS_MAX || steps.iter().any(String::is_empty) {
            return Err(format!(
                "path {text:?} is not between 1 and {STEPS_MAX} names with dots between them"
            ));
        }
        Ok(Self { steps, is_from_root })
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> Self {
        let root = path.is_from_root.then(|| ROOT.to_owned());
        root.into_iter().chain(path.steps).collect::<Vec<_>>().join(".")
    }
}

/// A record, or one element of an array in it.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Json { root: Value<'a>, here: Value<'a> },
    Csv { columns: &'a [String], cells: &'a [Cow<'a, str>] },
}

impl<'a> Source<'a> {
    /// Wraps a JSON value that the scanner has validated.
    pub fn json(root: Value<'a>) -> Self {
        Self::Json { root, here: root }
    }

    /// Wraps a line of as many cells as columns.
    pub fn csv(columns: &'a [String], cells: &'a [Cow<'a, str>]) -> Self {
        Self::Csv { columns, cells }
    }

    /// Returns the source whose paths start at an element.
    pub fn within(&self, element: Value<'a>) -> Self {
        match *self {
            Self::Json { root, .. } => Self::Json { root, here: element },
            csv @ Self::Csv { .. } => csv,
        }
    }

    /// Returns the value at a path; null when there is none.
    pub fn get(&self, path: &FieldPath, limits: &Limits) -> Value<'a> {
        match *self {
            Self::Json { root, here } => {
                let start = if path.is_from_root { root } else { here };
                path.steps.iter().fold(start, |value, step| child(value, step, limits))
            }
            Self::Csv { columns, cells } => {
                // Without dots in between: the name as it was written.
                let is_named = |column: &String| path.steps.join(".") == *column;
                let cell = columns.iter().position(is_named).and_then(|i| cells.get(i));
                match cell {
                    Some(cell) if !cell.is_empty() => {
                        Value::Text(Text { raw: cell.as_bytes(), is_escaped: false })
                    }
                    _ => Value::Null,
                }
            }
        }
    }

    /// Returns the elements of the array at a path; none when there is no array.
    pub fn elements(&self, path: &FieldPath, limits: &Limits) -> Vec<Value<'a>> {
        elements(self.get(path, limits), limits)
    }
}

/// Returns the value of a key or at a position; null when there is none.
fn child<'a>(value: Value<'a>, step: &str, limits: &Limits) -> Value<'a> {
    match value {
        Value::Object(raw) => {
            let (mut scratch, mut found) = (Vec::new(), Value::Null);
            let on_field = |_, key: &[u8], value| {
                if key == step.as_bytes() {
                    found = value;
                }
            };
            // It has been validated with the record.
            let _ = JsonScanner::new(raw, limits, &mut scratch).object(0, on_field);
            found
        }
        Value::Array(_) => match step.parse::<usize>() {
            Ok(i) => elements(value, limits).get(i).copied().unwrap_or_default(),
            Err(_) => Value::Null,
        },
        _ => Value::Null,
    }
}

pub(super) fn elements<'a>(value: Value<'a>, limits: &Limits) -> Vec<Value<'a>> {
    let Value::Array(raw) = value else { return Vec::new() };
    let (mut scratch, mut found, mut n) = (Vec::new(), Vec::new(), 0);
    let mut scanner = JsonScanner::new(raw, limits, &mut scratch);
    let mut is_more = scanner.open_array(0).unwrap_or(false);
    while is_more {
        let Ok(element) = scanner.value(1) else { break };
        found.push(element);
        is_more = scanner.next_element(&mut n).unwrap_or(false);
    }
    found
}
