//! A YAML document as a tree whose every node knows its line and column.

use super::mistake::{At, Mistake};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Number, Value};
use serde_saphyr::{Location, NonFiniteFloatPolicy, Spanned};
use std::{collections::BTreeSet, fmt};

/// Levels of a document: three times what any setting needs, and little of a thread's stack.
const DEPTH_MAX: usize = 24;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct TreeNode {
    /// Distinguishes nodes that were not written out, too.
    pub id: u32,
    pub at: At,
    pub kind: TreeKind,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(super) enum TreeKind {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(String),
    /// Text that came from the environment: it is whatever the field wants it to be.
    Env(String),
    Seq(Vec<TreeNode>),
    Map(Vec<(TreeKey, TreeNode)>),
}

/// A key and where it stands.
#[derive(Clone, Debug)]
pub(super) struct TreeKey {
    pub name: String,
    pub at: At,
}

/// Looks up environment variables; a function, so that tests need no environment.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

impl TreeNode {
    /// Parses a document and replaces `${VAR}` and `${VAR:-default}` in its texts.
    pub(super) fn parse(text: &str, env: Env<'_>, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        // `.nan` is told at its key, not as a file that cannot be read.
        let options = serde_saphyr::options! {
            non_finite_float_policy: NonFiniteFloatPolicy::AsString,
            budget: serde_saphyr::budget! { max_depth: DEPTH_MAX },
        };
        let raw: Spanned<Raw> = match serde_saphyr::from_str_with_options(text, options) {
            Ok(raw) => raw,
            Err(error) => {
                let at = error.location().map(at_of).unwrap_or_default();
                mistakes.push(Mistake::new(at, error.without_snippet().to_string()));
                return None;
            }
        };
        let mut n_nodes = 0;
        let mut node = Self::of(raw, &mut n_nodes);
        node.interpolate(env, mistakes);
        Some(node)
    }

    /// Makes a map that nobody wrote.
    pub(super) fn map(entries: Vec<(TreeKey, Self)>) -> Self {
        Self { id: u32::MAX, at: At::default(), kind: TreeKind::Map(entries) }
    }

    /// Returns the entry of a map.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match &self.kind {
            TreeKind::Map(entries) => entries.iter().find(|(k, _)| k.name == name).map(|(_, n)| n),
            _ => None,
        }
    }

    /// Returns the position of the deepest node on a path like `inputs.0.topic` that exists.
    pub(super) fn locate(&self, path: &str) -> At {
        self.find(path.split('.')).0
    }

    /// Returns the position of the deepest node on a path that exists, and that node.
    pub(super) fn find<'a>(&self, path: impl Iterator<Item = &'a str>) -> (At, &Self) {
        let mut node = self;
        let mut at = self.at;
        for step in path {
            let next = match &node.kind {
                TreeKind::Map(entries) => {
                    let entry = entries.iter().find(|(k, _)| k.name == step);
                    entry.map(|(key, node)| (key.at, node))
                }
                TreeKind::Seq(items) => {
                    step.parse().ok().and_then(|i: usize| items.get(i)).map(|n| (n.at, n))
                }
                _ => None,
            };
            match next {
                Some((position, child)) => (at, node) = (position, child),
                None => break,
            }
        }
        (at, node)
    }

    /// Returns the path to a node here or below.
    pub(super) fn path_to(&self, id: u32) -> Option<String> {
        if self.id == id {
            return Some(String::new());
        }
        let join = |step: &str, rest: String| match rest.is_empty() {
            true => step.to_owned(),
            false => format!("{step}.{rest}"),
        };
        match &self.kind {
            TreeKind::Map(entries) => entries
                .iter()
                .find_map(|(key, node)| node.path_to(id).map(|rest| join(&key.name, rest))),
            TreeKind::Seq(items) => items
                .iter()
                .enumerate()
                .find_map(|(i, node)| node.path_to(id).map(|rest| join(&i.to_string(), rest))),
            _ => None,
        }
    }

    /// Returns whether a node here or below is one of these.
    pub(super) fn has_any(&self, ids: &BTreeSet<u32>) -> bool {
        ids.contains(&self.id)
            || match &self.kind {
                TreeKind::Map(entries) => entries.iter().any(|(_, node)| node.has_any(ids)),
                TreeKind::Seq(items) => items.iter().any(|node| node.has_any(ids)),
                _ => false,
            }
    }

    /// Returns the value as JSON has it; what is no number there is written out.
    pub(super) fn to_json(&self) -> Value {
        match &self.kind {
            TreeKind::Null => Value::Null,
            TreeKind::Bool(v) => (*v).into(),
            TreeKind::Int(v) => (*v).into(),
            TreeKind::UInt(v) => (*v).into(),
            TreeKind::Float(v) => match Number::from_f64(*v) {
                Some(number) => Value::Number(number),
                None => v.to_string().into(),
            },
            TreeKind::Text(text) => text.as_str().into(),
            TreeKind::Env(text) => {
                match (text.parse::<bool>(), text.parse::<i64>(), text.parse()) {
                    (Ok(v), ..) => v.into(),
                    (_, Ok(v), _) => v.into(),
                    (.., Ok(v)) if f64::is_finite(v) => v.into(),
                    _ => text.as_str().into(),
                }
            }
            TreeKind::Seq(items) => items.iter().map(Self::to_json).collect(),
            TreeKind::Map(entries) => {
                let entries = entries.iter();
                entries.map(|(key, node)| (key.name.clone(), node.to_json())).collect()
            }
        }
    }

    /// Returns whether the map with this id, here or below, has an entry among `dead`.
    pub(super) fn has_dead_entry(&self, id: u32, dead: &BTreeSet<u32>) -> bool {
        let children: Vec<&Self> = match &self.kind {
            TreeKind::Map(entries) => entries.iter().map(|(_, node)| node).collect(),
            TreeKind::Seq(items) => items.iter().collect(),
            _ => return false,
        };
        match self.id == id {
            true => children.iter().any(|n| dead.contains(&n.id)),
            false => children.iter().any(|n| n.has_dead_entry(id, dead)),
        }
    }

    /// Lays `over` over this node: maps are merged, everything else is replaced.
    pub(super) fn overlaid(&self, over: &Self) -> Self {
        let (TreeKind::Map(below), TreeKind::Map(above)) = (&self.kind, &over.kind) else {
            return over.clone();
        };
        let mut entries = below.clone();
        for (key, node) in above {
            match entries.iter_mut().find(|(k, _)| k.name == key.name) {
                Some(entry) => *entry = (key.clone(), entry.1.overlaid(node)),
                None => entries.push((key.clone(), node.clone())),
            }
        }
        Self { kind: TreeKind::Map(entries), ..over.clone() }
    }

    fn of(raw: Spanned<Raw>, n_nodes: &mut u32) -> Self {
        let id = *n_nodes;
        *n_nodes += 1;
        let kind = match raw.value {
            Raw::Scalar(kind) => kind,
            Raw::Seq(items) => {
                TreeKind::Seq(items.into_iter().map(|r| Self::of(r, n_nodes)).collect())
            }
            Raw::Map(entries) => TreeKind::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let key = TreeKey { name: key.value, at: at_of(key.referenced) };
                        (key, Self::of(value, n_nodes))
                    })
                    .collect(),
            ),
        };
        Self { id, at: at_of(raw.referenced), kind }
    }

    fn interpolate(&mut self, env: Env<'_>, mistakes: &mut Vec<Mistake>) {
        match &mut self.kind {
            TreeKind::Text(text) if text.contains('$') => match substitute(text, env) {
                Ok(text) => self.kind = TreeKind::Env(text),
                Err(message) => mistakes.push(Mistake::new(self.at, message)),
            },
            TreeKind::Seq(items) => items.iter_mut().for_each(|n| n.interpolate(env, mistakes)),
            TreeKind::Map(entries) => {
                entries.iter_mut().for_each(|(_, n)| n.interpolate(env, mistakes));
            }
            _ => {}
        }
    }
}

/// Replaces `${VAR}` and `${VAR:-default}`; `$$` is a dollar sign.
fn substitute(text: &str, env: Env<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((inside, after)) = rest.strip_prefix('{').and_then(|r| r.split_once('}'))
        {
            let (name, default) = match inside.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (inside, None),
            };
            // As in a shell, `:-` also stands in for a variable that is set but empty.
            let value = env(name).filter(|v| default.is_none() || !v.is_empty());
            match value.as_deref().or(default) {
                Some(value) => out.push_str(value),
                None => {
                    return Err(format!(
                        "environment variable {name} is not set (${{{name}:-default}} gives a \
                         default)"
                    ));
                }
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn at_of(location: Location) -> At {
    At { line: location.line(), column: location.column() }
}

/// A value as the parser hands it over.
enum Raw {
    Scalar(TreeKind),
    Seq(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> de::Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(TreeKind::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(TreeKind::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Raw, D::Error> {
        Raw::deserialize(d)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(TreeKind::Bool(v)))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(TreeKind::Int(v)))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(TreeKind::UInt(v)))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(TreeKind::Float(v)))
    }

    fn visit_str<E>(self, v: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(TreeKind::Text(v.to_owned())))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::Seq(items))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
