//! Checks what the schema cannot: the parameters of each rule and model together.

use super::{mistake::Mistake, tree::TreeNode};
use crate::{
    detect::{DetectorSettings, ParamsError, models},
    engine::Params,
    feature,
    model::Family,
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
};

/// Makes a detector, for its refusal only.
type Try<'a> = &'a dyn Fn(&Map<String, Value>) -> Result<(), ParamsError>;

/// Adds the mistakes in `detect` of one chain's section; `node` is that section and `dead` are the
/// nodes that were found wrong by themselves.
pub(super) fn check(
    params: &Params,
    family: Family,
    node: &TreeNode,
    dead: &BTreeSet<u32>,
    mistakes: &mut Vec<Mistake>,
) {
    let mut judge =
        |what: &str, id: &str, members: &BTreeMap<String, DetectorSettings>, build: Try<'_>| {
            let Some(member) = members.get(id) else { return };
            let path = format!("detect.{what}.{id}.params");
            let (at, culprit) = node.find(path.split('.'));
            // What is left out would be compared as its default.
            if culprit.has_any(dead) {
                return;
            }
            if let Err(error) = build(&member.params) {
                let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                mistakes.push(Mistake::new(at, format!("{path}: {cause}")));
            }
        };
    for rule in params.detect.registry.iter() {
        let build = |p: &Map<String, Value>| rule.build(p).map(|_| ());
        judge("rules", rule.id().as_str(), &params.detect.rules, &build);
    }
    let schema = feature::schema(family);
    for entry in models::TABLE {
        let build = |p: &Map<String, Value>| (entry.build)(p, schema, params.seed).map(|_| ());
        judge("models", entry.meta.id, &params.detect.models, &build);
    }
}
