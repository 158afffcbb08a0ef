//! Entries with their bundles at hand: the turns that a replay takes.

use super::{Bundle, Change, Entry, Origin};
use crate::{
    engine::Control,
    model::Verdict,
    store::{Place, Store},
};
use std::{collections::BTreeMap, sync::Arc};

/// An entry, ready to be applied.
#[derive(Clone)]
pub struct Turn {
    pub n: u64,
    /// Applies before the record at this offset.
    pub offset: i64,
    pub step: Step,
}

/// What a turn does.
#[derive(Clone)]
pub enum Step {
    Setup {
        bundle: Arc<Bundle>,
        program: String,
    },
    Verdict {
        verdict: Verdict,
        source: Origin,
    },
    /// The record at the turn's offset must not be read.
    SetAside,
}

impl Step {
    /// Returns what the engine is told; `None` when it is told with the record.
    pub fn control(&self) -> Option<Control> {
        match self {
            Self::Setup { bundle, .. } => Some(Control::Setup(Box::new(bundle.setup.clone()))),
            Self::Verdict { verdict, .. } => Some(Control::Verdict(Box::new(verdict.clone()))),
            Self::SetAside => None,
        }
    }
}

/// Fetches the bundles that entries name. `known` are those at hand.
///
/// # Errors
/// A sentence for the operator, when a bundle is missing or cannot be used.
pub fn turns(
    place: &Place,
    entries: Vec<Entry>,
    known: &[Arc<Bundle>],
    store: Option<&Store>,
) -> Result<Vec<Turn>, String> {
    let mut at_hand: BTreeMap<String, Arc<Bundle>> =
        known.iter().map(|bundle| (bundle.hash.clone(), Arc::clone(bundle))).collect();
    let mut turns = Vec::with_capacity(entries.len());
    for Entry { n, offset, change, .. } in entries {
        let step = match change {
            Change::Verdict { verdict, source } => Step::Verdict { verdict, source },
            Change::SetAside => Step::SetAside,
            // Of the whole topic: each partition's own setup says when it went by it.
            Change::Envelope { .. } => continue,
            Change::Setup { bundle: hash, program, .. } => {
                let bundle = match at_hand.get(&hash) {
                    Some(bundle) => Arc::clone(bundle),
                    None => Arc::new(fetch(&hash, store).map_err(|why| {
                        format!(
                            "{place} went on with bundle {hash} at offset {offset} (control entry \
                             {n}), and without it its records cannot be judged as they were: {why}"
                        )
                    })?),
                };
                at_hand.insert(hash, Arc::clone(&bundle));
                Step::Setup { bundle, program }
            }
        };
        turns.push(Turn { n, offset, step });
    }
    Ok(turns)
}

fn fetch(hash: &str, store: Option<&Store>) -> Result<Bundle, String> {
    let Some(store) = store else {
        return Err("there is no snapshot store (snapshots.url: none); start with the \
                    configuration of that time, or set snapshots.url to where bundles were kept"
            .to_owned());
    };
    let bytes = store.get_bundle(hash).map_err(|error| {
        format!(
            "{}; restore v1/bundles/{hash} in {}, or start with the configuration of that time",
            causes(&error),
            store.url()
        )
    })?;
    Bundle::decode(hash, &bytes).map_err(|error| causes(&error))
}

/// Returns an error with its causes.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", causes(source)),
        None => error.to_string(),
    }
}
