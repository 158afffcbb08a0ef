//! Judges settings by their JSON Schema: each key on its own, so that no mistake hides another.
//!
//! The types of settings derive their schema. Their fields say range, unit (`x-unit`) and meaning
//! once; this check, the printed schema and the page of settings in the manual are made from it.

use super::suggest::nearest;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::{DeserializeOwned, Error};
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Characters of a wrong value that are repeated to its author.
const SHOWN_CHARS_MAX: usize = 60;
/// Characters of a path that are: twice the longest there is.
const PATH_CHARS_MAX: usize = 160;
/// Known keys that are listed when none resembles an unknown one.
const KNOWN_MAX: usize = 40;

/// One mistake in settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// What cannot be used: the key itself, or the entry that lacks one.
    pub path: Vec<String>,
    /// A sentence that begins with the path of the key.
    pub text: String,
    /// Whether a text was wanted, which `${VAR}` gives whatever it looks like.
    pub is_text_wanted: bool,
}

/// Reads parameters that are alone, e.g. those of a rule.
///
/// # Errors
/// Every key that is unknown, of another type or out of its range.
pub fn read<T: DeserializeOwned + JsonSchema>(
    params: &Map<String, Value>,
) -> Result<T, serde_json::Error> {
    let value = Value::Object(params.clone());
    if !params.is_empty() {
        let flaws = judge(&shape_of::<T>(), &value);
        if !flaws.is_empty() {
            let texts: Vec<String> = flaws.into_iter().map(|flaw| flaw.text).collect();
            return Err(serde_json::Error::custom(texts.join("; ")));
        }
    }
    serde_json::from_value(value)
}

/// Returns the schema of a type, with all that it refers to written out in place.
pub fn shape_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Returns every mistake in a value, in the order of the schema's and the value's keys.
///
/// Knows the keywords that types of settings give rise to; others hold for everything.
pub fn judge(schema: &Value, value: &Value) -> Vec<Flaw> {
    let mut judge = BoundsJudge { root: schema, path: Vec::new(), flaws: Vec::new() };
    judge.value(schema, value);
    judge.flaws
}

struct BoundsJudge<'a> {
    root: &'a Value,
    path: Vec<String>,
    flaws: Vec<Flaw>,
}

impl<'a> BoundsJudge<'a> {
    fn value(&mut self, schema: &'a Value, value: &Value) {
        let schema = self.resolved(schema);
        if value.is_null() && is_null_allowed(schema) {
            return;
        }
        if let Some(words) = words(schema) {
            return self.word(&words, value);
        }
        if let Some(choices) = choices(schema) {
            return self.choice(schema, &choices, value);
        }
        match (kind(schema), value) {
            ("object", Value::Object(entries)) => self.object(schema, entries),
            // A section whose lines are all commented out.
            ("object", Value::Null) => self.object(schema, &Map::new()),
            ("array", Value::Array(items)) => self.array(schema, items),
            ("array", Value::Null) => self.array(schema, &[]),
            ("string", Value::String(text)) => self.text(schema, text),
            // A group named 7 is a text although YAML reads a number.
            ("string", Value::Number(n)) if !n.is_f64() => self.text(schema, &n.to_string()),
            ("integer" | "number", Value::Number(_)) => self.number(schema, value),
            ("boolean", Value::Bool(_)) | ("", _) => {}
            _ => self.complain(schema, &format!("{} is not {}", shown(value), noun(schema))),
        }
    }

    /// Follows a reference within the schema.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let pointer = schema["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }

    fn complain(&mut self, schema: &Value, problem: &str) {
        let text = format!("{}: {problem}; it takes {}", name(&self.path), takes(schema));
        let is_text_wanted = kind(schema) == "string";
        self.flaws.push(Flaw { path: self.path.clone(), text, is_text_wanted });
    }

    fn word(&mut self, words: &[&str], value: &Value) {
        let Value::String(text) = value else {
            let (name, shown, takes) = (name(&self.path), shown(value), words.join(", "));
            let text = format!("{name}: {shown} is not a text; it takes one of {takes}");
            return self.flaws.push(Flaw { path: self.path.clone(), text, is_text_wanted: false });
        };
        if !words.contains(&text.as_str()) {
            let hint = hint(text, words.iter().copied());
            let text = format!("{}: unknown value {}{hint}", name(&self.path), shown(value));
            self.flaws.push(Flaw { path: self.path.clone(), text, is_text_wanted: false });
        }
    }

    /// A value of one of several shapes: its mistakes are those in the shape of its own type.
    fn choice(&mut self, schema: &'a Value, choices: &[&'a Value], value: &Value) {
        let n_before = self.flaws.len();
        let mut nearest: Option<Vec<Flaw>> = None;
        for choice in choices {
            self.value(choice, value);
            let flaws = self.flaws.split_off(n_before);
            if flaws.is_empty() {
                return;
            }
            let kind = if words(choice).is_some() { "string" } else { kind(choice) };
            if is_of(kind, value) || choices.len() == 1 {
                nearest.get_or_insert(flaws);
            }
        }
        match nearest {
            Some(flaws) if flaws.iter().all(|f| f.path.len() > self.path.len()) => {
                self.flaws.extend(flaws);
            }
            Some(flaws) if choices.len() == 1 => self.flaws.extend(flaws),
            _ => self.complain(schema, &format!("{} is none of these", shown(value))),
        }
    }

    fn object(&mut self, schema: &'a Value, entries: &Map<String, Value>) {
        let nothing = Map::new();
        let known = schema["properties"].as_object().unwrap_or(&nothing);
        if too_many(schema, "maxProperties", entries.len()) {
            return self.complain(schema, &format!("{} entries are too many", entries.len()));
        }
        for (key, value) in entries {
            self.path.push(key.clone());
            match (schema["properties"].get(key), &schema["additionalProperties"]) {
                (Some(inner), _) => self.value(inner, value),
                (None, Value::Bool(false)) => {
                    let noun = schema["x-entry"].as_str().unwrap_or("key");
                    let hint = hint(key, known.keys().map(String::as_str));
                    let text = format!("{}: unknown {noun}{hint}", name(&self.path));
                    let path = self.path.clone();
                    self.flaws.push(Flaw { path, text, is_text_wanted: false });
                }
                (None, inner @ Value::Object(_)) => self.value(inner, value),
                (None, _) => {}
            }
            self.path.pop();
        }
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !entries.contains_key(key) {
                let path = self.path.clone();
                self.path.push(key.to_owned());
                let takes = takes(self.resolved(&schema["properties"][key]));
                let text = format!("{}: is missing; it takes {takes}", name(&self.path));
                self.path.pop();
                self.flaws.push(Flaw { path, text, is_text_wanted: false });
            }
        }
    }

    fn array(&mut self, schema: &'a Value, items: &[Value]) {
        if too_many(schema, "maxItems", items.len()) {
            return self.complain(schema, &format!("{} entries are too many", items.len()));
        }
        if schema["minItems"].as_u64().is_some_and(|min| (items.len() as u64) < min) {
            return self.complain(schema, &format!("{} entries are too few", items.len()));
        }
        for (i, item) in items.iter().enumerate() {
            self.path.push(i.to_string());
            self.value(&schema["items"], item);
            self.path.pop();
        }
    }

    fn text(&mut self, schema: &Value, text: &str) {
        let n_chars = text.chars().count();
        let shown = shown(&Value::String(text.to_owned()));
        if schema["minLength"].as_u64().is_some_and(|min| (n_chars as u64) < min) {
            self.complain(schema, &format!("{shown} is too short"));
        } else if too_many(schema, "maxLength", n_chars) {
            self.complain(schema, &format!("{shown} is too long"));
        }
    }

    fn number(&mut self, schema: &Value, value: &Value) {
        let (low, high) = (bound(schema, "min", "Minimum"), bound(schema, "max", "Maximum"));
        let is_below = low.is_some_and(|(bound, is_open)| match compare(value, bound) {
            Ordering::Less => true,
            Ordering::Equal => is_open,
            Ordering::Greater => false,
        });
        let is_above = high.is_some_and(|(bound, is_open)| match compare(value, bound) {
            Ordering::Greater => true,
            Ordering::Equal => is_open,
            Ordering::Less => false,
        });
        let problem = match (is_below, is_above) {
            (true, _) => "is too small",
            (_, true) => "is too large",
            _ if kind(schema) == "integer" && value.is_f64() => "is not a whole number",
            _ => return,
        };
        self.complain(schema, &format!("{} {problem}", shown(value)));
    }
}

/// Writes a path for a sentence.
fn name(path: &[String]) -> String {
    if path.is_empty() { "the file".to_owned() } else { cut(&path.join("."), PATH_CHARS_MAX) }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a section".to_owned(),
        Value::String(text) => format!("{:?}", cut(text, SHOWN_CHARS_MAX)),
        other => cut(&other.to_string(), SHOWN_CHARS_MAX),
    }
}

fn cut(text: &str, n_chars_max: usize) -> String {
    match text.char_indices().nth(n_chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(meant) => format!(" (did you mean {meant:?}?)"),
        None => {
            let known: Vec<&str> = known.take(KNOWN_MAX).collect();
            format!(" (known: {})", known.join(", "))
        }
    }
}

/// Returns the type of a schema's values, `null` apart; nothing when it has several or none.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) => {
            let mut names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.next().unwrap_or_default()
        }
        _ => "",
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) => kind == "boolean",
        Value::Number(_) => matches!(kind, "integer" | "number"),
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}

fn is_null_allowed(schema: &Value) -> bool {
    let is_null = |name: &Value| name == "null";
    is_null(&schema["type"])
        || schema["type"].as_array().is_some_and(|names| names.iter().any(is_null))
        || schema["anyOf"].as_array().is_some_and(|all| all.iter().any(is_null_allowed))
}

/// Returns the words of a schema that allows nothing else, and perhaps `null`.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(word) = schema["const"].as_str() {
        return Some(vec![word]);
    }
    if let Some(words) = schema["enum"].as_array() {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    let all: Option<Vec<Vec<&str>>> = choices(schema)?.into_iter().map(words).collect();
    Some(all?.concat())
}

/// Returns the shapes that a value can have, `null` apart.
fn choices(schema: &Value) -> Option<Vec<&Value>> {
    let all = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array())?;
    Some(all.iter().filter(|choice| choice["type"] != "null").collect())
}

fn too_many(schema: &Value, keyword: &str, n: usize) -> bool {
    schema[keyword].as_u64().is_some_and(|max| n as u64 > max)
}

/// Returns a bound of numbers, and whether the bound itself is outside.
fn bound<'a>(schema: &'a Value, plain: &str, open: &str) -> Option<(&'a Value, bool)> {
    if let Some(bound) = schema.get(format!("exclusive{open}")) {
        return Some((bound, true));
    }
    schema.get(format!("{plain}imum")).map(|bound| (bound, false))
}

/// Compares two JSON numbers, whole ones without rounding.
fn compare(a: &Value, b: &Value) -> Ordering {
    let whole = |n: &Value| n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().unwrap_or(f64::NAN).total_cmp(&b.as_f64().unwrap_or(f64::NAN)),
    }
}

fn noun(schema: &Value) -> &'static str {
    match kind(schema) {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "string" => "a text",
        "array" => "a list",
        _ => "a section of keys",
    }
}

/// Says what a schema allows: type, range and unit.
pub fn takes(schema: &Value) -> String {
    if let Some(words) = words(schema) {
        return format!("one of {}", words.join(", "));
    }
    if let Some(choices) = choices(schema) {
        let all: Vec<String> = choices.into_iter().map(takes).collect();
        return all.join(", or ");
    }
    let unit = schema["x-unit"].as_str().map(|unit| format!(" ({unit})")).unwrap_or_default();
    match kind(schema) {
        "integer" | "number" => format!("{}{}{unit}", noun(schema), range(schema)),
        "string" => match (schema["minLength"].as_u64(), schema["maxLength"].as_u64()) {
            (Some(min), Some(max)) if min == max => format!("a text of {max} characters"),
            (Some(min), Some(max)) => format!("a text of {min} to {max} characters"),
            (_, Some(max)) => format!("a text of at most {max} characters"),
            _ => "a text".to_owned(),
        },
        "array" => {
            let (min, max) = (schema["minItems"].as_u64(), schema["maxItems"].as_u64());
            let n = match (min, max) {
                (Some(min), Some(max)) => format!("{min} to {max} entries"),
                (_, Some(max)) => format!("at most {max} entries"),
                _ => "entries".to_owned(),
            };
            format!("a list of {n}, each {}{unit}", takes(&schema["items"]))
        }
        "object" if schema["additionalProperties"].is_object() => {
            let max = schema["maxProperties"].as_u64();
            let n = max.map_or("entries".to_owned(), |max| format!("at most {max} entries"));
            format!("{n} by name, each {}", takes(&schema["additionalProperties"]))
        }
        _ => noun(schema).to_owned(),
    }
}

fn range(schema: &Value) -> String {
    let low = bound(schema, "min", "Minimum");
    let high = bound(schema, "max", "Maximum");
    let written = |n: &Value| match n.as_f64() {
        Some(float) if n.is_f64() => float.to_string(),
        _ => n.to_string(),
    };
    let from = |is_open| if is_open { "above" } else { "from" };
    let to = |is_open| if is_open { "to below" } else { "to" };
    let low = low.map(|(n, is_open)| format!(" {} {}", from(is_open), written(n)));
    let high = high.map(|(n, is_open)| format!(" {} {}", to(is_open), written(n)));
    low.unwrap_or_default() + &high.unwrap_or_default()
}
