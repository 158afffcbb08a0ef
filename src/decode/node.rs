//! Which node a record comes from: the same transaction seen by two of them is one body with two
//! observations.

use super::{Batch, Settings, envelope::source};
use crate::model::{Body, Event, Record};

/// The header by which whoever bridges a node's messages names that node.
const HEADER: &str = "node";
/// CloudEvents in binary mode name their source there.
const CLOUD_HEADER: &str = "ce_source";
/// Longer names are none.
const NAME_BYTES_MAX: usize = 256;

/// Finds the node of a record that tells of something pending, and names it in observations.
pub(super) fn note(settings: &Settings, record: &Record<'_>, batch: &mut Batch) {
    let is_pending = |event: &Event| match &event.body {
        Body::Tx(tx) => tx.inclusion.is_none(),
        Body::Observation(_) => true,
        _ => false,
    };
    if !batch.events.iter().any(is_pending) {
        return;
    }
    let Some(node) = of(settings, record) else { return };
    for event in &mut batch.events {
        if let Body::Observation(observation) = &mut event.body {
            observation.node = Some(node.clone());
        }
    }
    batch.node = Some(node);
}

fn of(settings: &Settings, record: &Record<'_>) -> Option<Box<str>> {
    let header = |name: &str| record.headers.iter().find(|(key, _)| *key == name);
    let text = match header(HEADER).or_else(|| header(CLOUD_HEADER)) {
        Some((_, value)) => std::str::from_utf8(value).ok()?.into(),
        None => source(settings, record)?,
    };
    let is_name = (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
    is_name.then_some(text)
}
