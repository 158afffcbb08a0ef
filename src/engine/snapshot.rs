//! The whole engine as bytes: restoring them and folding on gives the same answers.

use super::{
    Engine, EngineError, Setup, fits::FitsUnderWay, ledger::Ledger, report::stats::Stats,
    seen::Seen,
};
use crate::{
    detect::FrozenModel,
    state::{FrozenState, State},
    triage::Triage,
};
use serde::{Deserialize, Serialize};

/// Counts the layouts of an image; a reader refuses those it does not know by name. Layout 1 was
/// never released; layout 2 knew no entities and no taint; layout 3 did not know which blocks were
/// verified, and is read as if none had been; layout 4 kept eight bytes of the ids of recent
/// transfers' transactions, and is read with those, so that they are named by a prefix.
const VERSION: u16 = 5;
/// The oldest layout that is read.
const VERSION_MIN: u16 = 3;

/// What stands at the head of an image, in this and every later layout.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct ImageHead {
    /// The version of the program that wrote it.
    program: String,
    chain: String,
    config_hash: String,
}

/// An engine as it was at one record, to be written while that engine goes on.
///
/// It shares its large tables with the engine page by page: the engine copies a page when it first
/// writes to it again.
pub struct Frozen {
    head: ImageHead,
    state: FrozenState,
    models: Vec<(String, FrozenModel)>,
    triage: Triage,
    fits: FitsUnderWay,
    stats: Stats,
    seen: Seen,
    ledger: Ledger,
}

impl Frozen {
    /// See [`Engine::freeze`].
    pub(super) fn of(engine: &mut Engine) -> Self {
        let models = engine.detectors.models.iter();
        Self {
            head: ImageHead {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                chain: engine.setup.chain.id.to_string(),
                config_hash: engine.setup.config_hash.clone(),
            },
            models: models.map(|m| (m.model.meta().id.to_owned(), m.model.freeze())).collect(),
            state: engine.state.freeze(),
            triage: engine.triage.clone(),
            fits: engine.fits.clone(),
            stats: engine.stats.clone(),
            seen: engine.seen,
            ledger: engine.ledger.clone(),
        }
    }

    /// Writes everything (postcard).
    ///
    /// # Errors
    /// When a part cannot be encoded, which would be a bug.
    pub fn encode(&self) -> Result<Vec<u8>, EngineError> {
        let mut bytes = postcard::to_extend(&VERSION, Vec::with_capacity(self.state.n_bytes()))?;
        bytes = postcard::to_extend(&self.head, bytes)?;
        bytes = postcard::to_extend(&self.state, bytes)?;
        let models: Vec<(&str, Vec<u8>)> =
            self.models.iter().map(|(id, frozen)| (id.as_str(), frozen())).collect();
        bytes = postcard::to_extend(&models, bytes)?;
        let rest = (&self.triage, &self.fits, &self.stats, self.seen, &self.ledger);
        Ok(postcard::to_extend(&rest, bytes)?)
    }
}

/// See [`Engine::restore`].
pub(super) fn restore(setup: Setup, bytes: &[u8]) -> Result<Engine, EngineError> {
    let (version, bytes) = postcard::take_from_bytes::<u16>(bytes)?;
    if version > VERSION {
        return Err(EngineError::Newer { found: version, known: VERSION });
    }
    let (head, bytes) = postcard::take_from_bytes::<ImageHead>(bytes)?;
    let is_same = [
        (version >= VERSION_MIN, "layout"),
        (*head.chain == *setup.chain.id, "chain"),
        (head.config_hash == setup.config_hash, "configuration"),
    ];
    if let Some((_, what)) = is_same.iter().find(|(is_same, _)| !is_same) {
        return Err(EngineError::OtherSetup { what });
    }
    let (state, bytes) = postcard::take_from_bytes::<State>(bytes)?;
    if !state.is_sound() {
        return Err(postcard::Error::DeserializeBadEncoding.into());
    }
    let (models, bytes) = postcard::take_from_bytes::<Vec<(&str, &[u8])>>(bytes)?;
    let mut engine = Engine::new(setup)?;
    for active in &mut engine.detectors.models {
        let what = active.model.meta().id;
        let Some((_, bytes)) = models.iter().find(|(id, _)| *id == what) else {
            return Err(EngineError::OtherSetup { what: "set of models" });
        };
        active.model.restore(bytes).map_err(|source| EngineError::Model { what, source })?;
    }
    engine.state = state;
    let (rest, left) = postcard::take_from_bytes(bytes)?;
    (engine.triage, engine.fits, engine.stats, engine.seen, engine.ledger) = rest;
    if left.is_empty() { Ok(engine) } else { Err(postcard::Error::DeserializeBadEncoding.into()) }
}
