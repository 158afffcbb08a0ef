//! The JSON Schema of the whole file, put together from every component's, and the check by it.

use super::{
    file::{ConfigFile, SECTION_KEYS},
    mistake::Mistake,
    tree::{TreeKind, TreeNode},
};
use crate::detect::{DetectorSettings, bounds, models, rules};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, sync::OnceLock};

/// Returns the schema of a configuration file, for editors and for whoever writes one by program.
///
/// Beside the standard's keywords each number has its unit (`x-unit`).
pub fn schema() -> Value {
    let mut schema = bounds::shape_of::<ConfigFile>();
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    let mut generator = settings.into_generator();
    let rules = rules::TABLE.iter().map(|entry| {
        let shape = member(&mut generator, entry.shape, entry.meta.description, "weight");
        (entry.meta.id.to_owned(), shape)
    });
    let rules: Map<String, Value> = rules.collect();
    let models = models::TABLE.iter().map(|entry| {
        let mut shape = member(&mut generator, entry.shape, entry.meta.description, "severity");
        shape["properties"]["weight"]["default"] = entry.weight.into();
        (entry.meta.id.to_owned(), shape)
    });
    let models: Map<String, Value> = models.collect();
    let detect = &mut schema["properties"]["detect"]["properties"];
    for (key, noun, members) in [("rules", "rule", rules), ("models", "model", models)] {
        let about = detect[key]["description"].take();
        detect[key] = json!({
            "type": "object", "description": about, "additionalProperties": false,
            "properties": members, "x-entry": noun,
        });
    }
    let section = SECTION_KEYS.map(|key| (key, json!({"$ref": format!("#/properties/{key}")})));
    schema["properties"]["chains"]["additionalProperties"] = json!({
        "type": "object", "additionalProperties": false,
        "properties": Map::from_iter(section.map(|(key, shape)| (key.to_owned(), shape))),
    });
    schema["properties"]["chains"]["maxProperties"] = 1_000.into();
    schema["title"] = "txwarden configuration".into();
    schema["description"] = "What to consume, what to detect, where alerts go.".into();
    schema
}

/// Returns the schema as editors need it: where `${VAR}` may stand for a value, a text may, too.
pub fn editor_schema() -> Value {
    let mut schema = schema();
    allow_variables(&mut schema);
    schema
}

/// What a text with a variable looks like.
const VARIABLE: &str = r"\$\{.+\}";

fn allow_variables(schema: &mut Value) {
    let is_scalar = |name: &str| matches!(name, "integer" | "number" | "boolean");
    let is_word = schema.get("enum").is_some() || schema.get("oneOf").is_some();
    let Value::Object(keywords) = schema else { return };
    if is_word {
        let is_kept = |key: &str| matches!(key, "description" | "default" | "x-unit");
        let names: Vec<String> = keywords.keys().filter(|key| !is_kept(key)).cloned().collect();
        let words: Map<String, Value> =
            names.into_iter().filter_map(|key| keywords.remove_entry(&key)).collect();
        let variable = json!({"type": "string", "pattern": VARIABLE});
        keywords.insert("anyOf".to_owned(), json!([words, variable]));
        return;
    }
    let types: Vec<Value> = match keywords.get("type") {
        Some(Value::Array(types)) => types.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    if types.iter().filter_map(Value::as_str).any(is_scalar) {
        let types = types.into_iter().chain(["string".into()]);
        keywords.insert("type".to_owned(), types.collect());
        keywords.insert("pattern".to_owned(), VARIABLE.into());
    }
    for key in ["items", "additionalProperties"] {
        keywords.get_mut(key).into_iter().for_each(allow_variables);
    }
    let properties = keywords.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(|all| all.values_mut()).for_each(allow_variables);
    let choices = keywords.get_mut("anyOf").and_then(Value::as_array_mut);
    choices.into_iter().flatten().for_each(allow_variables);
}

/// Returns the schema of a rule's or model's settings; `other` is the key that only others have.
fn member(
    generator: &mut SchemaGenerator,
    shape: fn(&mut SchemaGenerator) -> schemars::Schema,
    about: &str,
    other: &str,
) -> Value {
    let mut member = generator.subschema_for::<DetectorSettings>().to_value();
    if let Some(properties) = member["properties"].as_object_mut() {
        properties.remove(other);
        properties.insert("params".to_owned(), shape(generator).to_value());
    }
    member["description"] = about.into();
    member
}

/// Adds every mistake that the schema shows; returns the nodes that cannot be used.
pub(super) fn check(node: &TreeNode, mistakes: &mut Vec<Mistake>) -> BTreeSet<u32> {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    let mut dead = BTreeSet::new();
    for flaw in bounds::judge(SCHEMA.get_or_init(schema), &node.to_json()) {
        let (at, culprit) = node.find(flaw.path.iter().map(String::as_str));
        if flaw.is_text_wanted && matches!(culprit.kind, TreeKind::Env(_)) {
            continue;
        }
        dead.insert(culprit.id);
        mistakes.push(Mistake::new(at, flaw.text));
    }
    dead
}
