//! One snapshot with the bundles it needs as one file, to be carried to another store.
//!
//! ```text
//! 8 bytes   "txwstate"
//! 2 bytes   layout, little endian
//! body      postcard: the snapshot's file, then (hash, content) of each bundle
//! 32 bytes  blake3 of everything before
//! ```

use super::{SnapshotHeader, Store, StoreError, bundle_hash, container};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Counts the layouts.
const LAYOUT: u16 = 1;

const MAGIC: &[u8; 8] = b"txwstate";

/// A snapshot and its bundles.
#[derive(Serialize, Deserialize)]
pub struct Archive<'a> {
    file: Cow<'a, [u8]>,
    bundles: Vec<(Cow<'a, str>, Cow<'a, [u8]>)>,
}

impl Archive<'_> {
    /// Takes a snapshot's file and its bundles out of a store.
    ///
    /// # Errors
    /// When the snapshot is damaged, or it or a bundle is missing.
    pub fn take(store: &Store, at: &SnapshotHeader) -> Result<Self, StoreError> {
        let file = store.file(&at.place, at.offset)?;
        let what = format!("snapshot {} at offset {}", at.place, at.offset);
        let header = container::read_header(&what, &file)?;
        let mut bundles = Vec::new();
        if !header.bundle.is_empty() {
            let content = store.get_bundle(&header.bundle)?;
            bundles.push((Cow::Owned(header.bundle), Cow::Owned(content)));
        }
        Ok(Self { file: Cow::Owned(file), bundles })
    }

    /// Writes the archive.
    ///
    /// # Errors
    /// When it cannot be encoded: a bug, or no memory.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let body = postcard::to_stdvec(self).map_err(|source| StoreError::Encode {
            what: "the archive".to_owned(),
            source: source.into(),
        })?;
        let mut out = [MAGIC.as_slice(), &LAYOUT.to_le_bytes(), &body].concat();
        let checksum = blake3::hash(&out);
        out.extend_from_slice(checksum.as_bytes());
        Ok(out)
    }

    /// Reads an archive and checks everything in it.
    ///
    /// # Errors
    /// When it or anything in it is damaged, or newer than this version.
    pub fn decode(what: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = |why| StoreError::Damaged { what: what.to_owned(), why };
        let (signed, checksum) =
            bytes.split_last_chunk::<32>().ok_or_else(|| damaged("it is no archive of a state"))?;
        let rest =
            signed.strip_prefix(MAGIC).ok_or_else(|| damaged("it is no archive of a state"))?;
        let (layout, body) = rest.split_first_chunk().ok_or_else(|| damaged("it is cut off"))?;
        let found = u16::from_le_bytes(*layout);
        if found > LAYOUT {
            return Err(StoreError::Newer { what: what.to_owned(), found, known: LAYOUT });
        }
        if blake3::hash(signed) != *checksum {
            return Err(damaged("its checksum is wrong"));
        }
        let archive: Self =
            postcard::from_bytes(body).map_err(|_| damaged("it cannot be decoded"))?;
        container::read_header(what, &archive.file)?;
        let is_own =
            |(hash, content): &(Cow<'_, str>, Cow<'_, [u8]>)| *hash == bundle_hash(content);
        if !archive.bundles.iter().all(is_own) {
            return Err(damaged("a bundle in it has another hash"));
        }
        Ok(archive)
    }

    /// Returns what the snapshot says about itself.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn header(&self) -> Result<SnapshotHeader, StoreError> {
        container::read_header("the snapshot in the archive", &self.file)
    }

    /// Puts bundles and snapshot into a store, the snapshot last: it is never there without them.
    ///
    /// # Errors
    /// When the snapshot cannot be used by this version, or the store cannot be written.
    pub fn put(&self, store: &Store) -> Result<u64, StoreError> {
        let what = "the snapshot in the archive";
        let (header, _) = container::read(what, &self.file, super::BODY_FORMAT)?;
        for (hash, content) in &self.bundles {
            store.put_bundle(hash, content)?;
        }
        store.publish_file(&header.place, header.offset, self.file.to_vec())
    }
}
