//! From a tree to a typed section: every mistake in it is found, not only the first.
//!
//! serde stops at the first error. So the section is read again without the node that was wrong,
//! until nothing is wrong: the fields have defaults, and what is left out hides no other mistake.

use super::{
    mistake::{At, Mistake},
    tree::{TreeKind, TreeNode},
};
use crate::detect::suggest::nearest;
use serde::{
    Deserializer,
    de::{self, DeserializeOwned, IntoDeserializer, Unexpected, Visitor},
    forward_to_deserialize_any,
};
use std::{collections::BTreeSet, fmt};

/// After so many mistakes in one section the rest is not looked for.
const MISTAKES_MAX: usize = 100;

/// Reads a section; `None` when nothing usable is left of it.
pub(super) fn read<T: DeserializeOwned>(node: &TreeNode, mistakes: &mut Vec<Mistake>) -> Option<T> {
    read_without(node, &BTreeSet::new(), mistakes)
}

/// Reads a section without the nodes that are known to be wrong.
pub(super) fn read_without<T: DeserializeOwned>(
    node: &TreeNode,
    wrong: &BTreeSet<u32>,
    mistakes: &mut Vec<Mistake>,
) -> Option<T> {
    let mut dead = wrong.clone();
    let n_wrong = dead.len();
    loop {
        let error = match T::deserialize(NodeReader { node, dead: &dead }) {
            Ok(section) => return Some(section),
            Err(error) => error,
        };
        let (at, culprit) = error.place.unwrap_or((node.at, node.id));
        // A key whose value was wrong is not missing.
        if !(error.is_missing && node.has_dead_entry(culprit, &dead)) {
            let text = match node.path_to(culprit) {
                Some(path) if !path.is_empty() => format!("{path}: {}", error.text),
                _ => error.text,
            };
            mistakes.push(Mistake::new(at, text));
        }
        if culprit == node.id || !dead.insert(culprit) || dead.len() - n_wrong > MISTAKES_MAX {
            return None;
        }
    }
}

/// An error, and the innermost node that it belongs to once it is known.
#[derive(Debug)]
struct ReadError {
    text: String,
    place: Option<(At, u32)>,
    is_missing: bool,
}

impl ReadError {
    fn or_at(mut self, at: At, id: u32) -> Self {
        self.place.get_or_insert((at, id));
        self
    }
}

impl std::error::Error for ReadError {}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self { text: text.to_string(), place: None, is_missing: false }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(unknown("key", field, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(unknown("value", variant, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { is_missing: true, ..Self::custom(format!("key {field:?} is missing")) }
    }
}

/// Says that a name is unknown, and what was probably meant.
pub(super) fn unknown(what: &str, name: &str, expected: &'static [&'static str]) -> String {
    match nearest(name, expected.iter().copied()) {
        Some(meant) => format!("unknown {what} {name:?} (did you mean {meant:?}?)"),
        None if expected.is_empty() => format!("unknown {what} {name:?}"),
        None => format!("unknown {what} {name:?} (known: {})", expected.join(", ")),
    }
}

/// A node as a deserializer that leaves out dead nodes.
#[derive(Clone, Copy)]
struct NodeReader<'a> {
    node: &'a TreeNode,
    dead: &'a BTreeSet<u32>,
}

impl NodeReader<'_> {
    fn is_dead(&self, node: &TreeNode) -> bool {
        self.dead.contains(&node.id)
    }
}

impl<'de> Deserializer<'de> for NodeReader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let read = match &self.node.kind {
            TreeKind::Null => visitor.visit_unit(),
            TreeKind::Bool(v) => visitor.visit_bool(*v),
            TreeKind::Int(v) => visitor.visit_i64(*v),
            TreeKind::UInt(v) => visitor.visit_u64(*v),
            TreeKind::Float(v) => visitor.visit_f64(*v),
            TreeKind::Text(text) => visitor.visit_str(text),
            TreeKind::Env(text) => match text.as_str() {
                "true" | "false" => visitor.visit_bool(text == "true"),
                other => match (other.parse::<i64>(), other.parse::<f64>()) {
                    (Ok(v), _) => visitor.visit_i64(v),
                    (_, Ok(v)) => visitor.visit_f64(v),
                    _ => visitor.visit_str(other),
                },
            },
            TreeKind::Seq(items) => {
                visitor.visit_seq(ListItems { items: items.iter(), reader: self })
            }
            TreeKind::Map(entries) => {
                visitor.visit_map(Entries { entries: entries.iter(), reader: self, value: None })
            }
        };
        read.map_err(|e| e.or_at(self.node.at, self.node.id))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node.kind {
            TreeKind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        // A group named 7 is a text although YAML reads a number.
        let read = match &self.node.kind {
            TreeKind::Text(text) | TreeKind::Env(text) => visitor.visit_str(text),
            TreeKind::Int(v) => visitor.visit_str(&v.to_string()),
            TreeKind::UInt(v) => visitor.visit_str(&v.to_string()),
            _ => return self.deserialize_any(visitor),
        };
        read.map_err(|e: ReadError| e.or_at(self.node.at, self.node.id))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let read = match &self.node.kind {
            TreeKind::Text(text) | TreeKind::Env(text) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
            _ => Err(de::Error::invalid_type(Unexpected::Other("this"), &"one of a few words")),
        };
        read.map_err(|e: ReadError| e.or_at(self.node.at, self.node.id))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node.kind {
            // A section whose lines are all commented out.
            TreeKind::Null => {
                let nothing = Entries { entries: [].iter(), reader: self, value: None };
                visitor.visit_map(nothing)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node.kind {
            TreeKind::Null => visitor.visit_seq(ListItems { items: [].iter(), reader: self }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        tuple tuple_struct identifier
    }
}

struct ListItems<'a> {
    items: std::slice::Iter<'a, TreeNode>,
    reader: NodeReader<'a>,
}

impl<'de> de::SeqAccess<'de> for ListItems<'_> {
    type Error = ReadError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let reader = self.reader;
        match self.items.find(|n| !reader.is_dead(n)) {
            Some(node) => seed.deserialize(NodeReader { node, ..reader }).map(Some),
            None => Ok(None),
        }
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, (super::tree::TreeKey, TreeNode)>,
    reader: NodeReader<'a>,
    value: Option<&'a TreeNode>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = ReadError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        let reader = self.reader;
        let Some((key, node)) = self.entries.find(|(_, n)| !reader.is_dead(n)) else {
            return Ok(None);
        };
        self.value = Some(node);
        let name: de::value::StrDeserializer<'_, ReadError> = key.name.as_str().into_deserializer();
        seed.deserialize(name).map(Some).map_err(|e| e.or_at(key.at, node.id))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ReadError> {
        let Some(node) = self.value.take() else {
            return Err(de::Error::custom("a value was read before its key"));
        };
        let read = seed.deserialize(NodeReader { node, ..self.reader });
        read.map_err(|e| e.or_at(node.at, node.id))
    }
}
