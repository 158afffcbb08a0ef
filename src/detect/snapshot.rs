//! Snapshots of what a detector has learned: a version byte, then postcard.

use super::{FrozenModel, SnapshotError};
use serde::{Serialize, de::DeserializeOwned};

/// Writes a version and what was learned.
///
/// # Panics
/// Never for the types of this crate: postcard refuses only sequences of unknown length.
pub fn encode<T: Serialize>(version: u8, learned: &T) -> Vec<u8> {
    let written = postcard::to_extend(learned, vec![version]);
    assert!(written.is_ok(), "what a model has learned can be written");
    written.unwrap_or_default()
}

/// Takes a copy of what was learned, to be written as [`encode`] would, elsewhere.
pub fn freeze<T: Serialize + Send + 'static>(version: u8, learned: T) -> FrozenModel {
    Box::new(move || encode(version, &learned))
}

/// Reads what [`encode`] wrote, if the version is right and `is_sound` agrees.
///
/// # Errors
/// When the bytes are something else.
pub fn decode<T: DeserializeOwned>(
    what: &'static str,
    version: u8,
    bytes: &[u8],
    is_sound: impl FnOnce(&T) -> bool,
) -> Result<T, SnapshotError> {
    let refuse = |source| SnapshotError { what, source };
    match bytes.split_first() {
        Some((&first, rest)) if first == version => {
            let (learned, left) = postcard::take_from_bytes(rest).map_err(refuse)?;
            if left.is_empty() && is_sound(&learned) {
                Ok(learned)
            } else {
                Err(refuse(postcard::Error::DeserializeBadEncoding))
            }
        }
        _ => Err(refuse(postcard::Error::DeserializeBadEncoding)),
    }
}
