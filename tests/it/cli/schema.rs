//! What `schema` prints holds for what `replay` writes: checked by a small validator of our own.

use serde_json::Value;
use std::{collections::BTreeSet, fs, io::Write, path::Path, process::Command};
use txwarden::sim::{Evm, Scenario, Utxo};

fn stdout(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_txwarden"))
        .args(args)
        .env_remove("TXWARDEN_CONFIG")
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns where `value` breaks `schema`. Panics on a keyword it does not know, so that nothing is
/// taken for checked that is not.
pub fn mistakes(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let Value::Object(keywords) = schema else {
        return if schema == &Value::Bool(false) {
            vec![format!("{at}: not allowed")]
        } else {
            vec![]
        };
    };
    let mut found = Vec::new();
    let breaks = |part: &Value| mistakes(root, part, value, at);
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "format" | "default" => {}
            "x-unit" | "x-entry" => {}
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                found.extend(breaks(root.pointer(pointer).unwrap()));
            }
            "type" if !is_one_of(value, rule) => found.push(format!("{at}: {value} is no {rule}")),
            "type" => {}
            "enum" if !rule.as_array().unwrap().contains(value) => {
                found.push(format!("{at}: {value} is none of {rule}"));
            }
            "const" if rule != value => found.push(format!("{at}: {value} is not {rule}")),
            "enum" | "const" => {}
            "anyOf" | "oneOf" => {
                let n = rule.as_array().unwrap().iter().filter(|p| breaks(p).is_empty()).count();
                if n == 0 || keyword == "oneOf" && n > 1 {
                    found.push(format!("{at}: {n} of {keyword} hold for {value}"));
                }
            }
            "allOf" => rule.as_array().unwrap().iter().for_each(|p| found.extend(breaks(p))),
            "required" => {
                for name in rule.as_array().unwrap().iter().filter_map(Value::as_str) {
                    if value.as_object().is_some_and(|o| !o.contains_key(name)) {
                        found.push(format!("{at}: {name} is missing"));
                    }
                }
            }
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    match rule.get(name) {
                        Some(part) => {
                            found.extend(mistakes(root, part, member, &format!("{at}.{name}")));
                        }
                        // Stricter than the standard: every field that is written is documented.
                        None => found.push(format!("{at}: {name} is not in the schema")),
                    }
                }
            }
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(mistakes(root, rule, item, &format!("{at}[{i}]")));
                }
            }
            // Keys that are not named are refused above.
            "additionalProperties" if rule.is_object() => {
                let entries = value.as_object().into_iter().flatten();
                let of = |(name, v): (&String, _)| mistakes(root, rule, v, &format!("{at}.{name}"));
                found.extend(entries.flat_map(of));
            }
            "additionalProperties" => {}
            _ => found.extend(limit(keyword, rule, value).map(|text| format!("{at}: {text}"))),
        }
    }
    found
}

/// Returns how a value breaks a limit on its size.
fn limit(keyword: &str, rule: &Value, value: &Value) -> Option<String> {
    let n_chars = value.as_str().map(|text| text.chars().count() as f64);
    let n_items = value.as_array().map(|items| items.len() as f64);
    let n_keys = value.as_object().map(|keys| keys.len() as f64);
    let bound = rule.as_f64();
    let is_broken = match keyword {
        "minLength" => n_chars < bound && n_chars.is_some(),
        "maxLength" => n_chars > bound,
        "minItems" => n_items < bound && n_items.is_some(),
        "maxItems" => n_items > bound,
        "maxProperties" => n_keys > bound,
        "minimum" => value.as_f64() < bound && value.is_number(),
        "maximum" => value.as_f64() > bound,
        "exclusiveMinimum" => value.as_f64() <= bound && value.is_number(),
        "exclusiveMaximum" => value.as_f64() >= bound,
        "pattern" => {
            assert_eq!(rule, r"\$\{.+\}", "the one pattern there is: a variable");
            value.as_str().is_some_and(|text| !(text.contains("${") && text.contains('}')))
        }
        other => panic!("keyword {other} is not checked"),
    };
    is_broken.then(|| format!("{value} breaks {keyword} {rule}"))
}

/// Returns whether a value has the type, or one of the types.
fn is_one_of(value: &Value, types: &Value) -> bool {
    match types {
        Value::Array(names) => names.iter().any(|name| is_one_of(value, name)),
        name => is_type(value, name.as_str().unwrap()),
    }
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("type {other}"),
    }
}

/// Replays one simulated chain; returns alerts and findings.
fn replay(dir: &Path, chain: &str, format: &str, lines: &[String]) -> [Vec<Value>; 2] {
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let mut input = fs::File::create(path("input")).unwrap();
    lines.iter().for_each(|line| writeln!(input, "{line}").unwrap());
    let (findings, alerts) = (path("findings"), path("alerts"));
    let to = ["--findings", &findings, "--alerts", &alerts, "--quiet", &path("input")];
    stdout(&[&["replay", "--format", format, "--chain", chain][..], &to[..]].concat());
    let read = |path| -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    [read(alerts), read(findings)]
}

/// Returns every field that a schema names, with the path to it.
fn fields(root: &Value, shape: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(pointer) = shape["$ref"].as_str() {
        return fields(root, root.pointer(&pointer[1..]).unwrap(), path, found);
    }
    for (name, inner) in shape["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        found.insert(path.clone());
        fields(root, inner, &path, found);
    }
    let choices = shape["anyOf"].as_array().into_iter().flatten();
    choices.chain(shape.get("items")).for_each(|inner| fields(root, inner, path, found));
}

/// Adds every field that a value has.
fn set_fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (name, inner) in entries.iter().filter(|(_, inner)| !inner.is_null()) {
                let path = format!("{path}.{name}");
                found.insert(path.clone());
                set_fields(inner, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| set_fields(item, path, found)),
        _ => {}
    }
}

/// Fields that alerts of the simulated streams below do not have, and when one has them.
const SET_ELSEWHERE: &[&str] = &[
    // Once an analyst has judged an alert that the same detector led (tests/it/detect/feedback.rs).
    ".confidence",
    // When several nodes tell of a pending transaction (tests/it/state/mempool.rs).
    ".corroboration",
    ".corroboration.agrees",
    ".corroboration.node",
    ".corroboration.phase",
    ".corroboration.seen_ms",
    // Written as null: no detector of ours expects at least something (`Band::above`).
    ".evidence.expected.low",
    // When a block is undone, a transaction contradicted or expired (tests/it/engine/triage.rs).
    ".retraction",
    ".retraction.by",
    ".retraction.reason",
];

#[test]
fn every_field_of_the_schema_is_set_by_some_alert() {
    let dir = tempfile::tempdir().unwrap();
    let schema: Value = serde_json::from_str(&stdout(&["schema", "alert"])).unwrap();
    let mut set: BTreeSet<String> = SET_ELSEWHERE.iter().map(|name| (*name).to_owned()).collect();
    for (chain, format, lines) in streams() {
        let [alerts, _] = replay(dir.path(), chain, format, &lines);
        alerts.iter().for_each(|alert| set_fields(alert, "", &mut set));
    }
    let mut named = BTreeSet::new();
    fields(&schema, &schema, "", &mut named);
    assert!(named.len() > 50, "{named:?}");
    assert_eq!(named, set);
}

/// A simulated day of either account model.
fn streams() -> [(&'static str, &'static str, Vec<String>); 2] {
    let evm = Evm { n_blocks: 7_200, txs_per_block: 0.5, n_users: 300, ..Evm::default() };
    let utxo = Utxo { n_blocks: 144, txs_per_block: 20.0, n_users: 500, ..Utxo::default() };
    let json =
        |scenario: Scenario| -> Vec<String> { scenario.lines().map(|line| line.json).collect() };
    [
        ("eip155:1", "ethereum_etl", json(Scenario::new(7).evm(evm))),
        (txwarden::model::Chain::BITCOIN, "bitcoin_etl", json(Scenario::new(7).utxo(utxo))),
    ]
}

#[test]
fn what_is_written_is_what_the_schemas_say() {
    let dir = tempfile::tempdir().unwrap();
    let schema = |what| serde_json::from_str::<Value>(&stdout(&["schema", what])).unwrap();
    let schemas = [schema("alert"), schema("finding")];
    for (chain, format, lines) in streams() {
        let written = replay(dir.path(), chain, format, &lines);
        for ((schema, values), what) in schemas.iter().zip(&written).zip(["alert", "finding"]) {
            assert!(values.len() >= 5, "only {} {what}s on {chain}", values.len());
            let found: Vec<_> =
                values.iter().flat_map(|v| mistakes(schema, schema, v, what)).collect();
            assert!(found.is_empty(), "{chain}: {:#?}", &found[..found.len().min(10)]);
        }
        // The validator is able to object.
        let mut broken = written[0][0].clone();
        broken["severity"] = "hugh".into();
        broken.as_object_mut().unwrap().remove("reason");
        assert_eq!(mistakes(&schemas[0], &schemas[0], &broken, "alert").len(), 2);
    }
}
