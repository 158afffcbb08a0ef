//! Entries with their bundles at hand: the turns that a replay takes.

use super::{Bundle, Change, ControlEntry, VerdictOrigin};
use crate::{
    engine::Control,
    model::{GroupPartition, Verdict},
};
use std::{collections::BTreeMap, sync::Arc};

/// An entry, ready to be applied.
#[derive(Clone)]
pub struct Turn {
    pub n: u64,
    /// Applies before the record at this offset.
    pub offset: i64,
    pub step: TurnStep,
}

/// What a turn does.
#[derive(Clone)]
pub enum TurnStep {
    Setup {
        bundle: Arc<Bundle>,
        program: String,
    },
    Verdict {
        verdict: Verdict,
        source: VerdictOrigin,
    },
    /// The record at the turn's offset must not be read.
    SetAside,
}

impl TurnStep {
    /// Returns what the engine is told; `None` when it is told with the record.
    pub fn control(&self) -> Option<Control> {
        match self {
            Self::Setup { bundle, .. } => Some(Control::Setup(Box::new(bundle.setup.clone()))),
            Self::Verdict { verdict, .. } => Some(Control::Verdict(Box::new(verdict.clone()))),
            Self::SetAside => None,
        }
    }
}

/// Finds the bundles that entries name: among the `known`, else by `fetch`, which is told a hash.
///
/// # Errors
/// A sentence for the operator, when a bundle is missing or cannot be used.
pub fn turns(
    place: &GroupPartition,
    entries: Vec<ControlEntry>,
    known: &[Arc<Bundle>],
    fetch: impl Fn(&str) -> Result<Bundle, String>,
) -> Result<Vec<Turn>, String> {
    let mut at_hand: BTreeMap<String, Arc<Bundle>> =
        known.iter().map(|bundle| (bundle.hash.clone(), Arc::clone(bundle))).collect();
    let mut turns = Vec::with_capacity(entries.len());
    for ControlEntry { n, offset, change, .. } in entries {
        let step = match change {
            Change::Verdict { verdict, source } => TurnStep::Verdict { verdict, source },
            Change::SetAside => TurnStep::SetAside,
            // Of the whole topic: each partition's own setup says when it went by it.
            Change::Envelope { .. } => continue,
            Change::Setup { bundle: hash, program, .. } => {
                let bundle = match at_hand.get(&hash) {
                    Some(bundle) => Arc::clone(bundle),
                    None => Arc::new(fetch(&hash).map_err(|why| {
                        format!(
                            "{place} went on with bundle {hash} at offset {offset} (control entry \
                             {n}), and without it its records cannot be judged as they were: {why}"
                        )
                    })?),
                };
                at_hand.insert(hash, Arc::clone(&bundle));
                TurnStep::Setup { bundle, program }
            }
        };
        turns.push(Turn { n, offset, step });
    }
    Ok(turns)
}
