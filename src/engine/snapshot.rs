//! The whole engine as bytes: restoring them and folding on gives the same answers.

use super::{Engine, EngineError, Setup, fits::Fits, fold::Seen, stats::Stats};
use crate::{state::State, triage::Triage};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Counts the layouts of [`Image`]; a reader refuses those it does not know.
const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct Image<'a> {
    version: u16,
    chain: Cow<'a, str>,
    config_hash: Cow<'a, str>,
    state: Cow<'a, State>,
    /// (model id, its own bytes)
    models: Vec<(String, Vec<u8>)>,
    triage: Cow<'a, Triage>,
    fits: Cow<'a, Fits>,
    stats: Cow<'a, Stats>,
    seen: Seen,
}

impl Engine {
    /// Writes the whole state (postcard).
    ///
    /// # Errors
    /// When a part cannot be encoded, which would be a bug.
    pub fn snapshot(&self) -> Result<Vec<u8>, EngineError> {
        let models = self.detectors.models.iter();
        let image = Image {
            version: VERSION,
            chain: Cow::Borrowed(&self.setup.chain.id),
            config_hash: Cow::Borrowed(&self.setup.config_hash),
            state: Cow::Borrowed(&self.state),
            models: models.map(|m| (m.model.meta().id.to_owned(), m.model.snapshot())).collect(),
            triage: Cow::Borrowed(&self.triage),
            fits: Cow::Borrowed(&self.fits),
            stats: Cow::Borrowed(&self.stats),
            seen: self.seen,
        };
        Ok(postcard::to_stdvec(&image)?)
    }

    /// Makes an engine from a snapshot. Run [`Engine::unfinished_fits`] before the next record.
    ///
    /// # Errors
    /// When the bytes are no snapshot of this version, or were made with another setup.
    pub fn restore(setup: Setup, bytes: &[u8]) -> Result<Self, EngineError> {
        let image: Image<'_> = postcard::from_bytes(bytes)?;
        let is_same = [
            (image.version == VERSION, "version"),
            (*image.chain == *setup.chain.id, "chain"),
            (*image.config_hash == setup.config_hash, "configuration"),
        ];
        if let Some((_, what)) = is_same.iter().find(|(is_same, _)| !is_same) {
            return Err(EngineError::OtherSetup { what });
        }
        let mut engine = Self::new(setup)?;
        for active in &mut engine.detectors.models {
            let what = active.model.meta().id;
            let bytes = image.models.iter().find(|(id, _)| id == what).map(|(_, bytes)| bytes);
            let Some(bytes) = bytes else {
                return Err(EngineError::OtherSetup { what: "set of models" });
            };
            active.model.restore(bytes).map_err(|source| EngineError::Model { what, source })?;
        }
        engine.state = image.state.into_owned();
        engine.triage = image.triage.into_owned();
        engine.fits = image.fits.into_owned();
        engine.stats = image.stats.into_owned();
        engine.seen = image.seen;
        Ok(engine)
    }
}
