//! The store: snapshots by place and offset, bundles by hash, markers by name.

use super::{
    BODY_FORMAT, Params, StoreError,
    container::{self, FILE_BYTES_MAX},
    header::SnapshotHeader,
    location::{escape, locate, unescape},
    objects::{LARGE_MAX, MARKER_MAX, Objects, SMALL_MAX},
};
use crate::{
    model::GroupPartition,
    ops::{clock, failpoint},
};
use object_store::path::Path;
use std::{fs, path::PathBuf, sync::Arc};

/// The layout of the directories; another would stand beside it.
const LAYOUT: &str = "v1";

/// The largest bundle: settings and reference data of one chain.
const BUNDLE_BYTES_MAX: u64 = 1 << 30;

/// The largest marker: a few numbers and names.
const MARKER_BYTES_MAX: u64 = 64 << 10;

/// Where snapshots, bundles and markers are kept. Clones share one connection.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    objects: Objects,
    root: Path,
    dir: Option<PathBuf>,
    url: String,
    keep: usize,
    zstd_level: i32,
}

/// A snapshot that is listed; whether it is whole is known when it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    pub offset: i64,
    /// Of the file.
    pub n_bytes: u64,
}

/// A snapshot that was loaded and is whole.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub header: SnapshotHeader,
    pub body: Vec<u8>,
}

/// Returns the name of a bundle: the blake3 of its content in hex.
pub fn bundle_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

impl Store {
    /// Opens the store; `None` when snapshots are turned off. Nothing is read or written yet, so
    /// that a store that is away degrades what needs it instead of forbidding the start.
    ///
    /// # Errors
    /// When the URL is not understood.
    pub fn open(params: &Params) -> Result<Option<Self>, StoreError> {
        if !params.is_enabled() {
            return Ok(None);
        }
        let location = locate(params)?;
        let objects = Objects::new(location.objects, location.dir.is_some())?;
        let inner = Inner {
            objects,
            root: location.root.join(LAYOUT),
            dir: location.dir.map(|dir| dir.join(LAYOUT)),
            url: params.url.clone(),
            keep: params.keep.max(1),
            zstd_level: params.zstd_level,
        };
        Ok(Some(Self { inner: Arc::new(inner) }))
    }

    /// Returns the URL it was opened with.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Returns every place that has anything in the store.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn places(&self) -> Result<Vec<GroupPartition>, StoreError> {
        let mut places = Vec::new();
        for (group, at) in self.directories(&self.inner.root)? {
            for (topic, at) in self.directories(&at)? {
                for (partition, _) in self.directories(&at)? {
                    let Ok(partition) = partition.parse() else { continue };
                    places.push(GroupPartition {
                        group: group.clone(),
                        topic: topic.clone(),
                        partition,
                    });
                }
            }
        }
        Ok(places)
    }

    /// Returns the snapshots of a place, newest first.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn list(&self, place: &GroupPartition) -> Result<Vec<SnapshotEntry>, StoreError> {
        let found = self.inner.objects.list(&self.path_of(place))?;
        let mut entries: Vec<SnapshotEntry> = found
            .objects
            .iter()
            .filter_map(|object| {
                let offset = object.location.filename()?.strip_suffix(".snap")?.parse().ok()?;
                Some(SnapshotEntry { offset, n_bytes: object.size })
            })
            .collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.offset));
        Ok(entries)
    }

    /// Loads a snapshot.
    ///
    /// # Errors
    /// When there is none, it is damaged or too new, or the store cannot be read.
    pub fn load(&self, place: &GroupPartition, offset: i64) -> Result<Snapshot, StoreError> {
        read(place, offset, &self.file(place, offset)?)
    }

    /// Reads what a snapshot says about itself, and what forbids its use, if anything.
    ///
    /// # Errors
    /// When there is none, not even its header can be read, or the store cannot be read.
    pub fn examine(
        &self,
        place: &GroupPartition,
        offset: i64,
    ) -> Result<(SnapshotHeader, Option<StoreError>), StoreError> {
        let file = self.file(place, offset)?;
        let header = container::read_header(&snapshot_name(place, offset), &file)?;
        Ok((header, read(place, offset, &file).err()))
    }

    /// Reads what a snapshot says about itself, even when it is too new to be used.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn header(
        &self,
        place: &GroupPartition,
        offset: i64,
    ) -> Result<SnapshotHeader, StoreError> {
        container::read_header(&snapshot_name(place, offset), &self.file(place, offset)?)
    }

    /// Returns the bytes of a snapshot's file, unchecked.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn file(&self, place: &GroupPartition, offset: i64) -> Result<Vec<u8>, StoreError> {
        let found = self.inner.objects.get(
            &self.snapshot_path(place, offset),
            FILE_BYTES_MAX,
            LARGE_MAX,
        )?;
        found.ok_or_else(|| StoreError::Missing { what: snapshot_name(place, offset) })
    }

    /// Publishes a snapshot and removes those that it makes superfluous; returns the size of its
    /// file. After a crash at any point it is wholly there, or not at all.
    ///
    /// # Errors
    /// When it cannot be encoded or written; older ones are then still there.
    pub fn publish(&self, mut header: SnapshotHeader, body: &[u8]) -> Result<u64, StoreError> {
        if header.taken_ms == 0 {
            header.taken_ms = clock::now_ms();
        }
        let (place, offset) = (header.place.clone(), header.offset);
        let file = container::write(header, body, self.inner.zstd_level)?;
        self.publish_file(&place, offset, file)
    }

    /// Publishes the bytes of a file that was read and checked before.
    ///
    /// # Errors
    /// As [`Store::publish`].
    pub fn publish_file(
        &self,
        place: &GroupPartition,
        offset: i64,
        file: Vec<u8>,
    ) -> Result<u64, StoreError> {
        let n_bytes = file.len() as u64;
        failpoint::hit("snapshot_before_write");
        self.sweep(place);
        self.inner.objects.put_large(&self.snapshot_path(place, offset), file)?;
        failpoint::hit("snapshot_after_write");
        self.prune(place, offset)?;
        Ok(n_bytes)
    }

    /// Removes a snapshot; one that does not exist is no error.
    ///
    /// # Errors
    /// When the store does not let us.
    pub fn remove(&self, place: &GroupPartition, offset: i64) -> Result<(), StoreError> {
        self.inner.objects.delete(&self.snapshot_path(place, offset), SMALL_MAX)
    }

    /// Stores a bundle under the hash of its content.
    ///
    /// # Errors
    /// When the hash is not that of the content, or the store cannot be written.
    pub fn put_bundle(&self, hash: &str, content: &[u8]) -> Result<(), StoreError> {
        let at = self.bundle_path(hash);
        if bundle_hash(content) != hash {
            let why = "its content has another hash";
            return Err(StoreError::Damaged { what: bundle_name(hash), why });
        }
        // What is there under this name is the same, unless it was damaged.
        if self.get_bundle(hash).is_ok() {
            return Ok(());
        }
        self.inner.objects.put_large(&at, content.to_vec())
    }

    /// Returns a bundle, verified against its name.
    ///
    /// # Errors
    /// When there is none, it is damaged, or the store cannot be read.
    pub fn get_bundle(&self, hash: &str) -> Result<Vec<u8>, StoreError> {
        let what = bundle_name(hash);
        match self.inner.objects.get(&self.bundle_path(hash), BUNDLE_BYTES_MAX, LARGE_MAX)? {
            None => Err(StoreError::Missing { what }),
            Some(content) if bundle_hash(&content) == hash => Ok(content),
            Some(_) => Err(StoreError::Damaged { what, why: "its content has another hash" }),
        }
    }

    /// Returns the hashes and sizes of all bundles.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn bundles(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let found = self.inner.objects.list(&self.inner.root.clone().join("bundles"))?;
        let named = found.objects.iter().filter_map(|object| {
            let name = object.location.filename()?;
            Some((name.to_owned(), object.size))
        });
        Ok(named.collect())
    }

    /// Writes a small note beside a place's snapshots. It outlives the process; in a local
    /// directory not a loss of power, which costs a disk's whole patience to survive.
    ///
    /// # Errors
    /// When the store cannot be written within a second.
    pub fn put_marker(
        &self,
        place: &GroupPartition,
        name: &str,
        text: &str,
    ) -> Result<(), StoreError> {
        let Some(root) = &self.inner.dir else {
            let at = self.marker_path(place, name);
            return self.inner.objects.put(&at, text.as_bytes().to_vec(), MARKER_MAX);
        };
        let dir = segments(place).iter().fold(root.clone(), |dir, part| dir.join(part));
        let file = dir.join(format!("{}.json", escape(name)));
        let staged = dir.join(format!("{}.json#0", escape(name)));
        let written = fs::write(&staged, text)
            .or_else(|_| fs::create_dir_all(&dir).and_then(|()| fs::write(&staged, text)))
            .and_then(|()| fs::rename(&staged, &file));
        written.map_err(|e| StoreError::Io {
            what: format!("write {}", file.display()),
            source: object_store::Error::Generic { store: "local", source: e.into() },
        })
    }

    /// Returns a note, `None` when there is none.
    ///
    /// # Errors
    /// When the store cannot be read within a second.
    pub fn get_marker(
        &self,
        place: &GroupPartition,
        name: &str,
    ) -> Result<Option<String>, StoreError> {
        let at = self.marker_path(place, name);
        let found = self.inner.objects.get(&at, MARKER_BYTES_MAX, MARKER_MAX)?;
        Ok(found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Removes a note; one that does not exist is no error.
    ///
    /// # Errors
    /// When the store does not let us within a second.
    pub fn remove_marker(&self, place: &GroupPartition, name: &str) -> Result<(), StoreError> {
        self.inner.objects.delete(&self.marker_path(place, name), MARKER_MAX)
    }

    /// Removes all but the newest snapshots; never the one that was just written and can be read.
    fn prune(&self, place: &GroupPartition, written: i64) -> Result<(), StoreError> {
        let entries = self.list(place)?;
        if !entries.iter().any(|entry| entry.offset == written) {
            // A store that does not show what it took is not trusted with a deletion.
            return Ok(());
        }
        for entry in entries.iter().skip(self.inner.keep).filter(|e| e.offset != written) {
            self.remove(place, entry.offset)?;
        }
        Ok(())
    }

    /// Removes what a killed writer left half-written in a local directory. A place has one writer;
    /// another one at work here has lost the partition, and fails at its last step.
    fn sweep(&self, place: &GroupPartition) {
        let Some(root) = &self.inner.dir else { return };
        let dir = segments(place).iter().fold(root.clone(), |dir, part| dir.join(part));
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().contains(".snap#") {
                // What stays costs space and nothing else: it is never listed.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn directories(&self, at: &Path) -> Result<Vec<(String, Path)>, StoreError> {
        let found = self.inner.objects.list(at)?;
        let named = found.common_prefixes.into_iter().filter_map(|path| {
            let name = unescape(path.filename()?)?;
            Some((name, path))
        });
        Ok(named.collect())
    }

    fn path_of(&self, place: &GroupPartition) -> Path {
        segments(place).into_iter().fold(self.inner.root.clone(), |path, part| path.join(part))
    }

    fn snapshot_path(&self, place: &GroupPartition, offset: i64) -> Path {
        self.path_of(place).join(format!("{offset:020}.snap"))
    }

    fn marker_path(&self, place: &GroupPartition, name: &str) -> Path {
        self.path_of(place).join(format!("{}.json", escape(name)))
    }

    fn bundle_path(&self, hash: &str) -> Path {
        self.inner.root.clone().join("bundles").join(escape(hash))
    }
}

fn read(place: &GroupPartition, offset: i64, file: &[u8]) -> Result<Snapshot, StoreError> {
    let what = snapshot_name(place, offset);
    let (header, body) = container::read(&what, file, BODY_FORMAT)?;
    if (&header.place, header.offset) != (place, offset) {
        return Err(StoreError::Damaged { what, why: "it is the snapshot of another place" });
    }
    Ok(Snapshot { header, body })
}

fn segments(place: &GroupPartition) -> [String; 3] {
    [escape(&place.group), escape(&place.topic), place.partition.to_string()]
}

fn snapshot_name(place: &GroupPartition, offset: i64) -> String {
    format!("snapshot {place} at offset {offset}")
}

fn bundle_name(hash: &str) -> String {
    format!("bundle {hash}")
}
