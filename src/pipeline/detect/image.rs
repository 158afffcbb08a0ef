//! The body of a snapshot: an engine and what the worker knows about its partition.

use crate::{
    audit::HashChain,
    engine::{Engine, EngineError, Frozen},
    journal::takeover::Progress,
    model::GroupPartition,
    pipeline::flood::Flood,
    store::{BODY_FORMAT, SnapshotHeader},
};
use serde::{Deserialize, Serialize};

/// Counts the layouts of [`Image`]; a reader refuses those it does not know.
const VERSION: u16 = 1;

/// The bytes that end a body: the length of the image before them.
const TRAILER_BYTES: usize = 4;

/// All of a partition's state but its engine.
///
/// # Shape
/// A body is the engine's bytes, this (postcard, its version first) and the length of this as four
/// little-endian bytes: the engine's bytes, by far the most, are not copied to be joined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    version: u16,
    pub progress: Progress,
    pub chain: HashChain,
    pub flood: Flood,
    /// Made by `replay` from history, for a group that has not started yet.
    pub is_seed: bool,
}

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    #[error("snapshot's image is cut short")]
    Short,
    #[error("snapshot's image has layout {found}, this version knows up to {known}")]
    Newer { found: u16, known: u16 },
    #[error("snapshot's image is damaged")]
    Damaged(#[from] postcard::Error),
    #[error("engine cannot be written")]
    Engine(#[from] EngineError),
}

impl Image {
    /// Makes an image.
    pub fn new(progress: Progress, chain: HashChain, flood: Flood) -> Self {
        Self { version: VERSION, progress, chain, flood, is_seed: false }
    }

    /// Describes the snapshot of an engine before the record at an offset.
    pub fn header(&self, place: GroupPartition, offset: i64, engine: &Engine) -> SnapshotHeader {
        let stats = engine.stats();
        SnapshotHeader {
            format: BODY_FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            place,
            offset,
            chain: engine.chain().id.to_string(),
            config_hash: engine.config_hash().to_owned(),
            bundle: self.progress.setup.clone(),
            seq: self.chain.seq(),
            n_records: stats.n_records,
            n_accounts: engine.state().n_accounts() as u64,
            event_time_ms: stats.event_time_ms,
            ..SnapshotHeader::default()
        }
    }

    /// Writes a body.
    ///
    /// # Errors
    /// When a part cannot be encoded, which would be a bug.
    pub fn encode(&self, engine: &Frozen) -> Result<Vec<u8>, ImageError> {
        let engine = engine.encode()?;
        let n_before = engine.len();
        let mut body = postcard::to_extend(self, engine)?;
        let n = u32::try_from(body.len() - n_before).map_err(|_| ImageError::Short)?;
        body.extend_from_slice(&n.to_le_bytes());
        Ok(body)
    }

    /// Reads a body; returns the engine's bytes with the image.
    ///
    /// # Errors
    /// When it is no body, or a newer version's.
    pub fn decode(body: &[u8]) -> Result<(Self, &[u8]), ImageError> {
        let (body, trailer) = body.split_last_chunk::<TRAILER_BYTES>().ok_or(ImageError::Short)?;
        let n = u32::from_le_bytes(*trailer) as usize;
        let at = body.len().checked_sub(n).ok_or(ImageError::Short)?;
        let (engine, image) = body.split_at(at);
        let (found, _) = postcard::take_from_bytes::<u16>(image)?;
        if found > VERSION {
            return Err(ImageError::Newer { found, known: VERSION });
        }
        Ok((postcard::from_bytes(image)?, engine))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Setup};

    fn body() -> (Image, Vec<u8>) {
        let setup = Setup {
            config_hash: "c".to_owned(),
            ..Setup::new(crate::model::Chain::parse("eip155:1").unwrap())
        };
        let progress = Progress { start: 3, n_control: 2, ..Progress::default() };
        let image = Image::new(progress, HashChain::new("t", 1), Flood::default());
        let body = image.encode(&Engine::new(setup).unwrap().freeze()).unwrap();
        (image, body)
    }

    #[test]
    fn an_image_survives_and_damage_is_seen() {
        let (image, body) = body();
        let (read, engine) = Image::decode(&body).unwrap();
        assert_eq!(read, image);
        assert!(engine.len() > 100);
        for n in [0, 3, 4, body.len() - 1] {
            assert!(Image::decode(&body[..n]).is_err(), "{n} bytes");
        }
        let mut long = body;
        let at = long.len() - TRAILER_BYTES;
        long[at..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(Image::decode(&long), Err(ImageError::Short)));
    }

    #[test]
    fn a_newer_layout_is_named() {
        let image = Image { version: VERSION + 1, ..body().0 };
        let mut bytes = postcard::to_stdvec(&image).unwrap();
        let n = bytes.len() as u32;
        bytes.extend_from_slice(&n.to_le_bytes());
        let refused = Image::decode(&bytes).unwrap_err();
        assert!(refused.to_string().contains("has layout 2, this version knows up to 1"));
    }
}
