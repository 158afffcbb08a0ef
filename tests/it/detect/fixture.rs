//! Reads rule fixtures: a header, then exporter lines, repetitions expanded.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fs, path::Path};
use txwarden::model::{
    Address, Chain, EventTime, Family, Label, LabelKind, Price, Reference, Severity, WatchEntry,
};

/// A fixture, ready to be folded.
pub struct Fixture {
    pub chain: Chain,
    pub params: Map<String, Value>,
    pub reference: Reference,
    pub expect: Expect,
    /// Exporter lines as text.
    pub lines: Vec<String>,
}

/// What a fixture expects, where it says so.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    pub n: Option<usize>,
    /// Of every finding.
    pub subject: Option<String>,
    pub severity: Option<Severity>,
    /// One for each finding, where they differ.
    pub severities: Option<Vec<Severity>>,
    /// Part of the first finding's explanation.
    pub says: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Header {
    chain: Option<String>,
    params: Map<String, Value>,
    reference: ReferenceText,
    expect: Expect,
    /// For people: why the lines are as they are.
    #[serde(rename = "why")]
    _why: String,
}

/// Reference data in short form.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReferenceText {
    /// USD by symbol, valid from the epoch.
    prices: BTreeMap<String, f64>,
    watch: Vec<String>,
    labels: BTreeMap<String, LabelKind>,
}

/// Reads a fixture; `family` decides the chain when the header does not.
pub fn read(path: &Path, family: Family) -> Fixture {
    let text = fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
    let parse = |line: &str| -> Value {
        serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{}: {error}: {line}", path.display()))
    };
    let mut header = Header::default();
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with("{\"fixture\"") {
            header = serde_json::from_value(parse(line)["fixture"].take())
                .unwrap_or_else(|error| panic!("{}: header: {error}", path.display()));
        } else if line.contains("\"repeat\"") {
            lines.extend(expand_list(vec![parse(line)], &[]).iter().map(Value::to_string));
        } else {
            // Kept as it is written: parsing would round numbers above 2^64.
            lines.push(line.to_owned());
        }
    }
    let default_chain = match family {
        Family::Evm => Chain::ETHEREUM,
        Family::Utxo => Chain::BITCOIN,
    };
    let chain = Chain::parse(header.chain.as_deref().unwrap_or(default_chain)).unwrap();
    Fixture {
        reference: header.reference.expand(chain.family),
        chain,
        params: header.params,
        expect: header.expect,
        lines,
    }
}

impl ReferenceText {
    fn expand(self, family: Family) -> Reference {
        let from = EventTime::default();
        let label = |kind| {
            let name = "fixture".to_owned();
            vec![Label { kind, name: name.clone(), source: name, confidence: 1.0, expires: None }]
        };
        let watched = || WatchEntry { name: "fixture".to_owned(), role: "hot_wallet".to_owned() };
        Reference {
            prices: self
                .prices
                .into_iter()
                .map(|(s, usd)| (s, vec![Price { from, usd }]))
                .collect(),
            watch: self.watch.iter().map(|a| (address(a, family), watched())).collect(),
            labels: self.labels.iter().map(|(a, k)| (address(a, family), label(*k))).collect(),
        }
    }
}

fn address(text: &str, family: Family) -> Address {
    if family == Family::Utxo {
        return Address::Text(text.into());
    }
    let digits = text.strip_prefix("0x").expect("an EVM address starts with 0x");
    assert_eq!(digits.len(), 40, "{text} is no EVM address");
    let byte = |i: usize| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap();
    Address::Evm(std::array::from_fn(byte))
}

/// Expands `{"repeat": {"n": …, "line": …}}` inside a list, at any depth; `${…}` in an inner
/// repetition may name the outer variable when `"as"` gives the two different names.
fn expand_list(list: Vec<Value>, variables: &[(String, i64)]) -> Vec<Value> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Repeat {
        n: i64,
        #[serde(rename = "as", default = "i")]
        variable: String,
        line: Value,
    }
    fn i() -> String {
        "i".to_owned()
    }
    let mut out = Vec::new();
    for mut value in list {
        let Some(repeat) = value.get_mut("repeat") else {
            out.push(expand(value, variables));
            continue;
        };
        let repeat: Repeat =
            serde_json::from_value(repeat.take()).expect("a repeat is well formed");
        for round in 0..repeat.n {
            let mut inner = variables.to_vec();
            inner.push((repeat.variable.clone(), round));
            out.extend(expand_list(vec![repeat.line.clone()], &inner));
        }
    }
    out
}

fn expand(value: Value, variables: &[(String, i64)]) -> Value {
    match value {
        Value::Array(list) => Value::Array(expand_list(list, variables)),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(k, v)| (k, expand(v, variables))).collect())
        }
        Value::String(text) if !variables.is_empty() && text.contains("${") => {
            expand_text(&text, variables)
        }
        other => other,
    }
}

/// Replaces each `${expression}` or `${expression:064x}`; a text that is one decimal template and
/// nothing else becomes a number.
fn expand_text(text: &str, variables: &[(String, i64)]) -> Value {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let end = start + rest[start..].find('}').expect("a template ends with }");
        let inner = &rest[start + 2..end];
        out.push_str(&rest[..start]);
        match inner.split_once(':') {
            Some((expression, format)) => {
                let width = format.strip_suffix('x').expect("only hex has a width");
                let width: usize = width.parse().expect("a width is a number");
                out.push_str(&format!("{:0width$x}", evaluate(expression, variables)));
            }
            None if inner.len() + 3 == text.len() => {
                return Value::from(evaluate(inner, variables));
            }
            None => out.push_str(&evaluate(inner, variables).to_string()),
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Value::String(out)
}

/// Sums the terms of an expression such as `1700000000+12*i`: numbers, variables, products.
fn evaluate(expression: &str, variables: &[(String, i64)]) -> i64 {
    let factor = |text: &str| {
        let text = text.trim();
        let named = variables.iter().rev().find(|(name, _)| name == text).map(|(_, v)| *v);
        named.or_else(|| text.parse().ok()).unwrap_or_else(|| panic!("{text:?} is unknown"))
    };
    expression.split('+').map(|term| term.split('*').map(factor).product::<i64>()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn repetitions_expand() {
        let list = vec![json!({"repeat": {"n": 2, "line": {
            "id": "0x${10+i:04x}", "time": "${100+12*i}", "text": "a${i}b${i}c",
            "outs": [{"repeat": {"n": 2, "as": "j", "line": "${i}-${j}"}}, "plain"],
        }}})];
        let expected = [
            json!({"id": "0x000a", "time": 100, "text": "a0b0c", "outs": ["0-0", "0-1", "plain"]}),
            json!({"id": "0x000b", "time": 112, "text": "a1b1c", "outs": ["1-0", "1-1", "plain"]}),
        ];
        assert_eq!(expand_list(list, &[]), expected);
    }
}
