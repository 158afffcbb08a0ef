//! Avro schemas: the JSON of the specification as a table of nodes.
//!
//! # Source
//! Apache Avro 1.11 specification, "Schema Declaration" and "Logical Types".

use crate::decode::envelope::schemas::{SchemaError, SchemaText};
use serde_json::Value;
use std::collections::BTreeMap;

/// Nodes of one schema.
const NODES_MAX: usize = 10_000;
/// Nesting of a schema's text.
const DEPTH_MAX: usize = 64;
/// Bytes of a fixed: a key or a signature has hundreds.
const FIXED_BYTES_MAX: u64 = 1 << 20;
/// Places of a decimal: more than any amount can have (those stop at 30).
const SCALE_MAX: u64 = 255;

/// A position in the table.
pub(in crate::decode::envelope) type AvroNode = usize;

/// What one node reads.
#[derive(Clone, Debug)]
pub(super) enum AvroKind {
    Null,
    Boolean,
    /// Of 32 bits.
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    /// Of a length of its own, or a fixed one.
    Decimal {
        scale: u32,
        size: Option<usize>,
    },
    Enum(Vec<String>),
    Array(AvroNode),
    Map(AvroNode),
    Union(Vec<AvroNode>),
    Record(Vec<(String, AvroNode)>),
}

/// A schema as a table; recursion goes by position.
#[derive(Clone, Debug)]
pub(in crate::decode::envelope) struct AvroSchema {
    nodes: Vec<AvroKind>,
    root: AvroNode,
}

impl AvroSchema {
    /// Reads a schema and what it refers to.
    pub fn parse(text: &SchemaText) -> Result<Self, SchemaError> {
        let mut parser = AvroParser { nodes: Vec::new(), names: BTreeMap::new() };
        for (name, text) in &text.resolved {
            parser.document(text).map_err(|e| wrong(&format!("{name}: {}", e.0)))?;
        }
        let root = parser.document(&text.text)?;
        Ok(Self { nodes: parser.nodes, root })
    }

    pub(super) fn root(&self) -> AvroNode {
        self.root
    }

    pub(super) fn kind(&self, node: AvroNode) -> &AvroKind {
        &self.nodes[node]
    }
}

fn wrong(what: &str) -> SchemaError {
    SchemaError(format!("the Avro schema cannot be used: {what}"))
}

struct AvroParser {
    nodes: Vec<AvroKind>,
    /// Named types by their full names.
    names: BTreeMap<String, AvroNode>,
}

impl AvroParser {
    fn document(&mut self, text: &str) -> Result<AvroNode, SchemaError> {
        // A bare word is what the registry keeps of a primitive schema.
        let json: Value = match serde_json::from_str(text) {
            Ok(json) => json,
            Err(_) => return Err(wrong("it is no JSON")),
        };
        self.node(&json, "", 0)
    }

    fn add(&mut self, kind: AvroKind) -> Result<AvroNode, SchemaError> {
        if self.nodes.len() >= NODES_MAX {
            return Err(wrong("it has too many parts"));
        }
        self.nodes.push(kind);
        Ok(self.nodes.len() - 1)
    }

    fn node(&mut self, json: &Value, space: &str, depth: usize) -> Result<AvroNode, SchemaError> {
        if depth > DEPTH_MAX {
            return Err(wrong("it is nested too deeply"));
        }
        match json {
            Value::String(name) => self.by_name(name, space),
            Value::Array(branches) => {
                let branches: Result<Vec<_>, _> =
                    branches.iter().map(|b| self.node(b, space, depth + 1)).collect();
                self.add(AvroKind::Union(branches?))
            }
            Value::Object(_) => self.object(json, space, depth),
            _ => Err(wrong("a type is neither a name, a list nor an object")),
        }
    }

    fn by_name(&mut self, name: &str, space: &str) -> Result<AvroNode, SchemaError> {
        if let Some(kind) = primitive(name) {
            return self.add(kind);
        }
        let known = [full_name(name, space), name.to_owned()];
        let found = known.iter().find_map(|name| self.names.get(name));
        found.copied().ok_or_else(|| wrong(&format!("type {:?} is not defined", shown(name))))
    }

    fn object(&mut self, json: &Value, space: &str, depth: usize) -> Result<AvroNode, SchemaError> {
        let kind = match &json["type"] {
            Value::String(kind) => kind.as_str(),
            // A type may be wrapped in an object once more.
            nested @ (Value::Object(_) | Value::Array(_)) => {
                return self.node(nested, space, depth + 1);
            }
            _ => return Err(wrong("an object without a type")),
        };
        let is_decimal = json["logicalType"] == "decimal";
        match kind {
            "record" | "error" => self.record(json, space, depth),
            "enum" => {
                let symbols = strings(&json["symbols"])?;
                self.named(json, space, AvroKind::Enum(symbols))
            }
            "fixed" => {
                let size = json["size"].as_u64().filter(|size| *size <= FIXED_BYTES_MAX);
                let Some(size) = size.and_then(|size| usize::try_from(size).ok()) else {
                    return Err(wrong("a fixed without a usable size"));
                };
                let kind = match is_decimal {
                    true => AvroKind::Decimal { scale: scale(json)?, size: Some(size) },
                    false => AvroKind::Fixed(size),
                };
                self.named(json, space, kind)
            }
            "array" => {
                let items = self.node(&json["items"], space, depth + 1)?;
                self.add(AvroKind::Array(items))
            }
            "map" => {
                let values = self.node(&json["values"], space, depth + 1)?;
                self.add(AvroKind::Map(values))
            }
            "bytes" if is_decimal => {
                self.add(AvroKind::Decimal { scale: scale(json)?, size: None })
            }
            name => self.by_name(name, space),
        }
    }

    fn record(&mut self, json: &Value, space: &str, depth: usize) -> Result<AvroNode, SchemaError> {
        let node = self.named(json, space, AvroKind::Null)?;
        let own_space = own_space(json, space);
        let Value::Array(list) = &json["fields"] else {
            return Err(wrong("a record without fields"));
        };
        let mut fields = Vec::with_capacity(list.len());
        for field in list {
            let Value::String(name) = &field["name"] else {
                return Err(wrong("a field without a name"));
            };
            let node = self.node(&field["type"], &own_space, depth + 1)?;
            fields.push((name.clone(), node));
        }
        self.nodes[node] = AvroKind::Record(fields);
        Ok(node)
    }

    /// Adds a type that others can refer to.
    fn named(
        &mut self,
        json: &Value,
        space: &str,
        kind: AvroKind,
    ) -> Result<AvroNode, SchemaError> {
        let Value::String(name) = &json["name"] else {
            return Err(wrong("a record, enum or fixed without a name"));
        };
        let node = self.add(kind)?;
        let full = full_name(name, &own_space(json, space));
        if self.names.insert(full, node).is_some() {
            return Err(wrong(&format!("type {:?} is defined twice", shown(name))));
        }
        Ok(node)
    }
}

fn primitive(name: &str) -> Option<AvroKind> {
    Some(match name {
        "null" => AvroKind::Null,
        "boolean" => AvroKind::Boolean,
        "int" => AvroKind::Int,
        "long" => AvroKind::Long,
        "float" => AvroKind::Float,
        "double" => AvroKind::Double,
        "bytes" => AvroKind::Bytes,
        "string" => AvroKind::Text,
        _ => return None,
    })
}

/// Returns the namespace that a named type opens for what is in it.
fn own_space(json: &Value, space: &str) -> String {
    if let Some((space, _)) = json["name"].as_str().and_then(|name| name.rsplit_once('.')) {
        return space.to_owned();
    }
    json["namespace"].as_str().unwrap_or(space).to_owned()
}

fn full_name(name: &str, space: &str) -> String {
    if name.contains('.') || space.is_empty() { name.to_owned() } else { format!("{space}.{name}") }
}

fn scale(json: &Value) -> Result<u32, SchemaError> {
    let scale = match &json["scale"] {
        Value::Null => Some(0),
        scale => scale.as_u64().filter(|scale| *scale <= SCALE_MAX),
    };
    scale.and_then(|scale| u32::try_from(scale).ok()).ok_or_else(|| wrong("a decimal's scale"))
}

fn strings(json: &Value) -> Result<Vec<String>, SchemaError> {
    let list = json.as_array().ok_or_else(|| wrong("an enum without symbols"))?;
    let texts = list.iter().map(|symbol| symbol.as_str().map(str::to_owned));
    texts.collect::<Option<_>>().ok_or_else(|| wrong("a symbol that is no text"))
}

/// Returns the beginning of a name, for messages.
fn shown(name: &str) -> String {
    name.chars().take(48).collect()
}
