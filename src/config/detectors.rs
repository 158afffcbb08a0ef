//! Checks the parameters of rules and models by their own types, each at its place in the file.

use super::{
    mistake::{At, Mistake},
    tree::Node,
};
use crate::{
    detect::{Member, ParamsError, models, suggest::nearest},
    engine::Params,
    feature::schema,
    model::Family,
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, error::Error};

/// Tries parameters on a detector.
type Try<'a> = &'a dyn Fn(&Map<String, Value>) -> Result<(), ParamsError>;

/// Adds every mistake in `detect` of one chain's section; `node` is that section.
pub(super) fn check(params: &Params, family: Family, node: &Node, mistakes: &mut Vec<Mistake>) {
    let registry = &params.detect.registry;
    unknown("rule", "detect.rules", &params.detect.rules, registry.ids(), node, mistakes);
    for rule in registry.iter() {
        if let Some(member) = params.detect.rules.get(rule.id().as_str()) {
            let place = Place { node, path: format!("detect.rules.{}.params", rule.id()) };
            let build = |p: &Map<String, Value>| rule.build(p).map(|_| ());
            member_params(member, &rule.defaults, &build, &place, mistakes);
        }
    }
    let ids = models::TABLE.iter().map(|e| e.meta.id);
    unknown("model", "detect.models", &params.detect.models, ids, node, mistakes);
    for entry in models::TABLE {
        if let Some(member) = params.detect.models.get(entry.meta.id) {
            let place = Place { node, path: format!("detect.models.{}.params", entry.meta.id) };
            let build =
                |p: &Map<String, Value>| (entry.build)(p, schema(family), params.seed).map(|_| ());
            member_params(member, &(entry.defaults)(), &build, &place, mistakes);
        }
    }
}

/// A place in the file by path.
struct Place<'a> {
    node: &'a Node,
    path: String,
}

impl Place<'_> {
    fn of(&self, key: &str) -> At {
        self.node.locate(&format!("{}.{key}", self.path))
    }
}

fn unknown<'a>(
    what: &str,
    path: &str,
    members: &BTreeMap<String, Member>,
    ids: impl Iterator<Item = &'a str> + Clone,
    node: &Node,
    mistakes: &mut Vec<Mistake>,
) {
    for id in members.keys().filter(|id| !ids.clone().any(|known| known == *id)) {
        let at = node.locate(&format!("{path}.{id}"));
        mistakes.push(Mistake::new(at, unknown_name(what, id, ids.clone())));
    }
}

fn unknown_name<'a>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    match nearest(name, known.clone()) {
        Some(meant) => format!("unknown {what} {name:?} (did you mean {meant:?}?)"),
        None => {
            let known: Vec<_> = known.collect();
            format!("unknown {what} {name:?} (known: {})", known.join(", "))
        }
    }
}

/// Tries each parameter alone, so that one mistake hides no other, then all together.
fn member_params(
    member: &Member,
    defaults: &Value,
    build: Try<'_>,
    place: &Place<'_>,
    mistakes: &mut Vec<Mistake>,
) {
    let nothing = Map::new();
    let known = defaults.as_object().unwrap_or(&nothing);
    let n_before = mistakes.len();
    for (key, value) in &member.params {
        if !known.contains_key(key) {
            let names = known.keys().map(String::as_str);
            mistakes.push(Mistake::new(place.of(key), unknown_name("parameter", key, names)));
        } else if let Err(error) = build(&Map::from_iter([(key.clone(), value.clone())])) {
            mistakes.push(Mistake::new(place.of(key), format!("{key}: {}", root_cause(&error))));
        }
    }
    if mistakes.len() == n_before
        && let Err(error) = build(&member.params)
    {
        mistakes.push(Mistake::new(place.node.locate(&place.path), root_cause(&error)));
    }
}

fn root_cause(error: &ParamsError) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
