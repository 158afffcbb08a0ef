//! Settings: every key has a range, a unit and a meaning, a wrong one is said and hides no other,
//! and the schema and the manual show what is checked.

use crate::cli::schema::mistakes;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{collections::BTreeMap, env, fmt::Write, fs, path::Path, process::Command};
use txwarden::config::{Config, schema};

/// A key of the configuration: where it stands, and what it takes.
#[derive(Clone, Debug)]
struct Key {
    path: Vec<String>,
    shape: Value,
    is_required: bool,
}

impl Key {
    fn name(&self) -> String {
        self.path.join(".")
    }
}

/// Returns every key, sections and lists included; entries of lists are named 0, of maps `x`.
fn keys() -> Vec<Key> {
    let root = schema();
    let mut keys = Vec::new();
    walk(&root, &root, &mut Vec::new(), &mut keys);
    keys
}

fn walk(root: &Value, shape: &Value, path: &mut Vec<String>, keys: &mut Vec<Key>) {
    let reference = shape["$ref"].as_str().map(|name| name.trim_start_matches('#'));
    let shape = reference.map_or(shape, |pointer| root.pointer(pointer).unwrap());
    let mut children: Vec<(String, &Value, bool)> = Vec::new();
    for (key, inner) in shape["properties"].as_object().into_iter().flatten() {
        let is_required =
            shape["required"].as_array().is_some_and(|all| all.iter().any(|name| name == key));
        children.push((key.clone(), inner, is_required));
    }
    if shape["additionalProperties"].is_object() {
        let name = if path.last().is_some_and(|key| key == "chains") { "eip155:1" } else { "x" };
        children.push((name.to_owned(), &shape["additionalProperties"], false));
    }
    if shape["items"].is_object() {
        children.push(("0".to_owned(), &shape["items"], false));
    }
    for (key, inner, is_required) in children {
        path.push(key);
        let found = match inner["$ref"].as_str() {
            Some(name) => root.pointer(name.trim_start_matches('#')).unwrap(),
            None => inner,
        };
        keys.push(Key { path: path.clone(), shape: found.clone(), is_required });
        walk(root, inner, path, keys);
        path.pop();
    }
}

fn kinds(shape: &Value) -> Vec<&str> {
    match &shape["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

fn is(shape: &Value, kind: &str) -> bool {
    kinds(shape).contains(&kind)
}

/// Returns the words of a shape that takes nothing else.
fn words(shape: &Value) -> Vec<String> {
    let own = shape["enum"].as_array().into_iter().flatten();
    let own = own.chain(shape.get("const")).filter_map(Value::as_str).map(str::to_owned);
    let inner = ["oneOf", "anyOf"].map(|key| shape[key].as_array().cloned().unwrap_or_default());
    own.chain(inner.concat().iter().flat_map(words)).collect()
}

/// A value that a key takes.
fn sample(shape: &Value) -> Value {
    match words(shape).first() {
        Some(word) => word.as_str().into(),
        None if is(shape, "string") => {
            "a".repeat(shape["minLength"].as_u64().unwrap_or(1) as usize).into()
        }
        None if is(shape, "array") => json!([sample(&shape["items"])]),
        None if is(shape, "object") => json!({}),
        None if is(shape, "boolean") => true.into(),
        None => shape["minimum"].clone(),
    }
}

/// Writes a configuration in which one key has this value; what stands beside it is complete.
fn file_with(key: &Key, value: Value) -> Value {
    let mut file = json!({"version": 1, "inputs": [
        {"topic": "a", "format": "evm_rpc", "chain": "eip155:1"},
    ]});
    let root = schema();
    let (mut place, mut shape) = (&mut file, &root);
    for step in &key.path {
        if let Some(name) = shape["$ref"].as_str() {
            shape = root.pointer(name.trim_start_matches('#')).unwrap();
        }
        for name in shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if place.get(name).is_none() {
                place[name] = sample(&shape["properties"][name]);
            }
        }
        if shape["items"].is_object() {
            if place.as_array().is_none_or(Vec::is_empty) {
                *place = json!([{}]);
            }
            (place, shape) = (&mut place[0], &shape["items"]);
        } else {
            if place.is_null() {
                *place = json!({});
            }
            let of_all = &shape["additionalProperties"];
            shape = shape["properties"].get(step).unwrap_or(of_all);
            place = &mut place[step.as_str()];
        }
    }
    *place = value;
    file
}

/// Returns what is said of a configuration, without the file's name.
fn said(file: &Value) -> Vec<String> {
    match Config::parse("f", Path::new("."), &file.to_string(), &|_| None) {
        Ok(_) => Vec::new(),
        Err(error) => error.mistakes.into_iter().map(|m| m.text).collect(),
    }
}

/// Values that a key does not take, each with the word for what is wrong.
fn bad_values(shape: &Value) -> Vec<(Value, &'static str)> {
    let long = "x".repeat(100_000);
    let nested = (0..12).fold(json!([]), |inner, _| json!([inner]));
    let mut bad: Vec<(Value, &str)> = Vec::new();
    let is_free_text = is(shape, "string") && words(shape).is_empty();
    if is(shape, "integer") || is(shape, "number") {
        bad.extend([(json!("abc"), "is not"), (json!(true), "is not"), (json!([1]), "is not")]);
        bad.extend([(json!({"a": 1}), "is not"), (json!(long), "is not"), (nested, "is not")]);
        bad.extend([(json!(1e308), "is too large"), (json!(-1e308), "is too small")]);
        let max = shape.get("maximum").or(shape.get("exclusiveMaximum")).unwrap();
        let min = shape.get("minimum").or(shape.get("exclusiveMinimum")).unwrap();
        match (min.as_i64(), max.as_u64()) {
            (Some(min), Some(max)) => {
                bad.push((json!(min - 1), "is too small"));
                bad.extend(max.checked_add(1).map(|n| (json!(n), "is too large")));
                if max < 1 << 63 {
                    bad.push((json!(1_u64 << 63), "is too large"));
                }
            }
            _ => {
                bad.push((json!(min.as_f64().unwrap() - 1e-7), "is too small"));
                bad.push((json!(max.as_f64().unwrap() * 1.001), "is too large"));
            }
        }
        bad.extend(shape.get("exclusiveMinimum").map(|n| (n.clone(), "is too small")));
        bad.extend(shape.get("exclusiveMaximum").map(|n| (n.clone(), "is too large")));
        if is(shape, "integer") && min != max {
            bad.push((json!(sample(shape).as_f64().unwrap() + 0.5), "is not a whole number"));
        }
    } else if !words(shape).is_empty() && shape["type"] != "object" {
        bad.extend([(json!("no_such_word"), "it takes"), (json!(long), "it takes")]);
        bad.extend([(json!(-1), "it takes"), (nested, "it takes"), (json!({}), "it takes")]);
    } else if is(shape, "boolean") {
        bad.extend([(json!("abc"), "is not"), (json!(1), "is not"), (nested, "is not")]);
        bad.extend([(json!(1e308), "is not"), (json!(long), "is not")]);
    } else if is_free_text {
        bad.extend([(json!(long), "is too long"), (json!(true), "is not a text")]);
        bad.extend([
            (json!(1.5), "is not a text"),
            (nested, "is not"),
            (json!({"a": 1}), "is not"),
        ]);
        bad.extend(shape.get("minLength").map(|_| (json!(""), "is too short")));
    } else if is(shape, "array") {
        let max = shape["maxItems"].as_u64().unwrap() as usize;
        bad.extend([(json!("abc"), "is not a list"), (json!(7), "is not a list")]);
        bad.extend([(json!({"a": 1}), "is not a list"), (json!(vec![1; max + 1]), "too many")]);
    } else if is(shape, "object") {
        bad.extend([(json!("abc"), "is not a section"), (json!(7), "is not a section")]);
        bad.extend([(nested, "is not a section"), (json!(1e308), "is not a section")]);
    }
    bad
}

#[test]
fn every_key_says_what_is_wrong_with_its_value() {
    let (keys, mut n_values) = (keys(), 0);
    for key in &keys {
        let name = key.name();
        let bad = bad_values(&key.shape);
        // Envelopes and starts are of several kinds.
        assert!(!bad.is_empty() || key.shape.get("anyOf").is_some(), "{name}: {}", key.shape);
        for (value, problem) in bad {
            n_values += 1;
            let said = said(&file_with(key, value.clone()));
            let own = said.iter().find(|text| text.starts_with(&format!("{name}: ")));
            let shown: String = value.to_string().chars().take(40).collect();
            let Some(own) = own else { panic!("{name}: {shown}: {said:?}") };
            assert!(own.contains(problem) || own.contains("unknown value"), "{shown}: {own}");
            assert!(own.len() < 600 && own.is_ascii() || own.contains('…'), "{own}");
            if let Some(unit) = key.shape["x-unit"].as_str() {
                assert!(own.contains("it takes") && own.contains(unit), "{own}");
                assert!(own.contains(" to ") || problem == "unknown", "{own}");
            }
        }
        if key.is_required {
            let mut file = file_with(key, Value::Null);
            let path = format!("/{}", key.path[..key.path.len() - 1].join("/"));
            file.pointer_mut(&path)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(&key.path[key.path.len() - 1]);
            assert!(
                said(&file).iter().any(|text| text.starts_with(&format!("{name}: is missing"))),
                "{name}"
            );
        }
    }
    assert!(keys.len() > 300 && n_values > 2_500, "{} keys, {n_values} values", keys.len());
}

#[test]
fn a_bottomless_value_is_refused_with_its_place() {
    for depth in [30, 300, 30_000] {
        let text = format!("version: 1\nseed: {}{}\n", "[".repeat(depth), "]".repeat(depth));
        let error = Config::parse("f", Path::new("."), &text, &|_| None).unwrap_err();
        assert!(error.to_string().starts_with("f:2:"), "{error}");
    }
}

#[test]
fn the_ends_of_every_range_are_taken() {
    let mut n = 0;
    for key in keys() {
        for bound in ["minimum", "maximum"].iter().filter_map(|bound| key.shape.get(bound)) {
            let (name, file) = (key.name(), file_with(&key, bound.clone()));
            let said = said(&file);
            assert!(!said.iter().any(|text| text.starts_with(&format!("{name}: "))), "{said:?}");
            n += 1;
        }
        for word in words(&key.shape) {
            let said = said(&file_with(&key, word.as_str().into()));
            let own = format!("{}: unknown", key.name());
            assert!(!said.iter().any(|text| text.starts_with(&own)), "{said:?}");
        }
    }
    assert!(n > 300);
}

#[test]
fn every_key_has_a_meaning_a_range_and_a_unit() {
    let mut lacking = Vec::new();
    for key in keys() {
        let (name, shape) = (key.name(), &key.shape);
        let mut require = |is_there: bool, what| {
            if !is_there {
                lacking.push(format!("{name}: {what}"));
            }
        };
        let is_entry = matches!(key.path.last().map(String::as_str), Some("0" | "x" | "eip155:1"));
        let about = shape["description"].as_str().unwrap_or_default();
        require(is_entry || about.len() > 10, "has no description");
        if is(shape, "integer") || is(shape, "number") {
            let has = |keyword| shape.get(keyword).is_some_and(Value::is_number);
            require(has("minimum") || has("exclusiveMinimum"), "has no least value");
            require(has("maximum") || has("exclusiveMaximum"), "has no greatest value");
            // A list says the unit of its entries.
            require(is_entry || shape["x-unit"].is_string(), "has no unit");
        }
        let is_free_text = is(shape, "string") && words(shape).is_empty();
        require(!is_free_text || shape["maxLength"].is_u64(), "has no greatest length");
        require(!is(shape, "array") || shape["maxItems"].is_u64(), "has no greatest length");
        let is_map = shape["additionalProperties"].is_object();
        require(!is_map || shape["maxProperties"].is_u64(), "has no greatest length");
    }
    assert!(lacking.is_empty(), "{lacking:#?}");
}

/// Draws some of the keys.
fn picks() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 2..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Wrong values of several keys at once are all said.
    #[test]
    fn mistakes_do_not_hide_each_other(picks in picks()) {
        let numbers: Vec<Key> = keys()
            .into_iter()
            .filter(|key| is(&key.shape, "integer") || is(&key.shape, "number"))
            .filter(|key| !key.path.iter().any(|step| step == "0" || step == "x"))
            .collect();
        let mut file = json!({"version": 1, "inputs": [
            {"topic": "a", "format": "no_such_format", "chain": "eip155:1"},
        ]});
        let picked: BTreeMap<String, &Key> =
            picks.iter().map(|pick| pick.get(&numbers)).map(|key| (key.name(), key)).collect();
        for key in picked.values() {
            merge(&mut file, file_with(key, json!(1e300)));
        }
        file["inputs"][0]["format"] = "no_such_format".into();
        let said = said(&file);
        for name in picked.keys().map(String::as_str).chain(["inputs.0.format"]) {
            let own = format!("{name}: ");
            prop_assert!(said.iter().any(|text| text.starts_with(&own)), "{}: {:?}", name, said);
        }
        prop_assert!(!said.iter().any(|text| text.contains("no input topic")), "{:?}", said);
    }
}

fn merge(file: &mut Value, more: Value) {
    match (file, more) {
        (Value::Object(file), Value::Object(more)) => {
            for (key, value) in more {
                merge(file.entry(key).or_insert(Value::Null), value);
            }
        }
        (file, more) => *file = more,
    }
}

#[test]
fn one_mistake_hides_no_other() {
    let text = "version: 1\ninputs:\n  - { topic: a, format: etherum_etl, chain: \"eip155:1\" }\n\
                triage: { cool_down_ms: abc, budget_per_day: -3, p_max: 7 }\n\
                state: { accounts_max: 0, edges_max: .nan }\n\
                detect:\n  rules:\n    round_trip: { params: { n_hops_min: 7 } }\n";
    let error = Config::parse("f", Path::new("."), text, &|_| None).unwrap_err();
    let starts: Vec<&str> =
        error.mistakes.iter().filter_map(|m| m.text.split(": ").next()).collect();
    assert_eq!(
        starts,
        [
            "inputs.0.format",
            "triage.cool_down_ms",
            "triage.budget_per_day",
            "triage.p_max",
            "state.accounts_max",
            "state.edges_max",
            "detect.rules.round_trip.params",
        ],
        "{error}"
    );
}

#[test]
fn variables_are_what_their_keys_want() {
    let text = "version: 1\nkafka: { group: \"${TEXT}\", session_timeout_ms: \"${NUMBER}\" }\n\
                triage: { p_max: \"${SHARE}\" }\n";
    let env = |session: &'static str| {
        move |name: &str| {
            let values = BTreeMap::from([("TEXT", "true"), ("NUMBER", session), ("SHARE", "1e-3")]);
            values.get(name).map(|value| (*value).to_owned())
        }
    };
    let config = Config::parse("f", Path::new("."), text, &env("5000")).unwrap();
    assert_eq!(
        (config.run.kafka.group.as_str(), config.run.kafka.session_timeout_ms),
        ("true", 5_000)
    );
    let error = Config::parse("f", Path::new("."), text, &env("5")).unwrap_err().to_string();
    assert!(error.contains("kafka.session_timeout_ms: 5 is too small"), "{error}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a file with what it is made from; `UPDATE_MANUAL=1` writes it anew.
fn assert_current(path: &Path, text: &str) {
    if env::var_os("UPDATE_MANUAL").is_some() {
        fs::write(path, text).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(found == text, "{} is out of date: UPDATE_MANUAL=1 writes it anew", path.display());
}

fn printed_schema() -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_txwarden"));
    let output = command.args(["schema", "config"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_shipped_schema_is_the_printed_one() {
    assert_current(&root().join("config/txwarden.schema.json"), &printed_schema());
}

/// Reads YAML as JSON.
fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn configurations_in_use_suit_the_schema() {
    let schema: Value = serde_json::from_str(&printed_schema()).unwrap();
    let text = fs::read_to_string(root().join("config/txwarden.yaml")).unwrap();
    assert!(text.starts_with("# yaml-language-server: $schema=txwarden.schema.json\n"));
    let mut found = vec![("config/txwarden.yaml".to_owned(), text)];
    if let Some(file) = crate::data::shared("settings", "devchain-attacks/config.yaml") {
        found.push(("devchain-attacks".to_owned(), fs::read_to_string(file).unwrap()));
    }
    for (name, text) in found {
        assert_eq!(mistakes(&schema, &schema, &yaml(&text), ""), Vec::<String>::new(), "{name}");
    }
    let mut bad = yaml("triage: { p_max: 7, n_final: x, severity_min: hugh }\nkafka: { x: 1 }");
    assert_eq!(mistakes(&schema, &schema, &bad, "").len(), 4);
    bad["triage"] = json!({"p_max": "${P}", "n_final": "${N:-3}", "severity_min": "${S}"});
    assert_eq!(mistakes(&schema, &schema, &bad, "").len(), 1);
}

const PAGE: &str = "src/manual/settings.md";
const BEGIN: &str = "<!-- settings: made from the schema by tests/it/cli/settings.rs -->\n";

#[test]
fn the_manual_shows_every_key() {
    let path = root().join(PAGE);
    let text = fs::read_to_string(&path).unwrap();
    let (above, _) = text.split_once(BEGIN).unwrap();
    let root = schema();
    let mut page = format!("{above}{BEGIN}");
    for (key, shape) in root["properties"].as_object().unwrap() {
        let _ = write!(page, "\n## {key}\n\n{}\n", sentence(shape));
        let mut rows = String::new();
        let mut keys = Vec::new();
        walk(&root, shape, &mut vec![key.clone()], &mut keys);
        if key == "chains" {
            continue;
        }
        if keys.is_empty() {
            keys.push(Key { path: vec![key.clone()], shape: shape.clone(), is_required: false });
        }
        for key in keys {
            rows.push_str(&row(&key));
        }
        if !rows.is_empty() {
            let _ = write!(page, "\n| key | takes | default | meaning |\n|-|-|-|-|\n{rows}");
        }
    }
    assert_current(&path, &page);
}

fn sentence(shape: &Value) -> String {
    shape["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

/// A line of the table; entries of lists and maps are told by what they are in.
fn row(key: &Key) -> String {
    let about = sentence(&key.shape);
    let is_plain = key.shape["properties"].is_object();
    if about.is_empty() || is_plain {
        return String::new();
    }
    let name = key.path[1..].join(".").replace(".0", "[]").replace(".x", ".NAME");
    let name = if name.is_empty() { &key.path[0] } else { &name };
    let name = name.strip_prefix("0.").unwrap_or(name);
    let default = match key.shape.get("default") {
        Some(Value::Null) => "none".to_owned(),
        Some(value) if value.is_object() || value.is_array() => "see `rules show`".to_owned(),
        Some(value) => format!("`{value}`"),
        None if key.is_required => "required".to_owned(),
        None => String::new(),
    };
    let takes = txwarden::detect::bounds::takes(&key.shape).replace('|', "\\|");
    format!("| `{name}` | {takes} | {default} | {about} |\n")
}
