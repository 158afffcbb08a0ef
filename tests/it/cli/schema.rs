//! What `schema` prints holds for what `replay` writes: checked by a small validator of our own.

use serde_json::Value;
use std::{fs, io::Write, path::Path, process::Command};
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
fn mistakes(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
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
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                found.extend(breaks(&root["$defs"][name]));
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
            "minimum" | "maximum" => {
                let (bound, n) = (rule.as_f64().unwrap(), value.as_f64());
                let is_out = |n: f64| if keyword == "minimum" { n < bound } else { n > bound };
                if n.is_some_and(is_out) {
                    found.push(format!("{at}: {value} is beyond the {keyword} {bound}"));
                }
            }
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
            other => panic!("{at}: keyword {other} is not checked"),
        }
    }
    found
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

#[test]
fn what_is_written_is_what_the_schemas_say() {
    let dir = tempfile::tempdir().unwrap();
    let schema = |what| serde_json::from_str::<Value>(&stdout(&["schema", what])).unwrap();
    let schemas = [schema("alert"), schema("finding")];
    let evm = Evm { n_blocks: 7_200, txs_per_block: 0.5, n_users: 300, ..Evm::default() };
    let utxo = Utxo { n_blocks: 144, txs_per_block: 20.0, n_users: 500, ..Utxo::default() };
    let json =
        |scenario: Scenario| -> Vec<String> { scenario.lines().map(|line| line.json).collect() };
    for (chain, format, lines) in [
        ("eip155:1", "ethereum_etl", json(Scenario::new(7).evm(evm))),
        (txwarden::model::Chain::BITCOIN, "bitcoin_etl", json(Scenario::new(7).utxo(utxo))),
    ] {
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
