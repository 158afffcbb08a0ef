//! Blocking access to an object store: each operation has a deadline, each object a size limit.

use super::StoreError;
use crate::ops::failpoint;
use object_store::{
    Error, ListResult, ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart, path::Path,
};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::runtime::{Builder, Runtime};

/// How long listing, deleting or moving a small object may take, retries included.
pub(super) const SMALL_MAX: Duration = Duration::from_secs(20);

/// How long a marker may take: it is written where detection waits for it.
pub(super) const MARKER_MAX: Duration = Duration::from_secs(1);

/// How long moving a snapshot may take: a gigabyte at 10 MB/s.
pub(super) const LARGE_MAX: Duration = Duration::from_secs(120);

/// Objects above this are sent in parts of this size; clouds refuse parts below 5 MiB.
const PART_BYTES: usize = 8 << 20;

/// The most objects that are looked at in one directory.
const LIST_MAX: usize = 100_000;

/// An object store behind blocking calls.
pub(super) struct Objects {
    objects: Arc<dyn ObjectStore>,
    /// Absent only while being dropped.
    runtime: Option<Runtime>,
    is_local: bool,
}

impl Objects {
    /// Makes the runtime that drives the store.
    ///
    /// # Errors
    /// When the system gives no event queue.
    pub(super) fn new(objects: Arc<dyn ObjectStore>, is_local: bool) -> Result<Self, StoreError> {
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(StoreError::Runtime)?;
        Ok(Self { objects, runtime: Some(runtime), is_local })
    }

    /// Returns the content of an object, `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read or is larger than `bytes_max`.
    pub(super) fn get(
        &self,
        at: &Path,
        bytes_max: u64,
        max: Duration,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let get = async {
            let found = self.objects.get(at).await?;
            if found.meta.size > bytes_max {
                return Ok(Err(found.meta.size));
            }
            found.bytes().await.map(Ok)
        };
        match self.wait(max, || format!("read {at}"), get) {
            Ok(Ok(bytes)) => Ok(Some(bytes.into())),
            Ok(Err(n_bytes)) => {
                Err(StoreError::TooLarge { what: at.to_string(), n_bytes, max: bytes_max })
            }
            Err(StoreError::Io { source: Error::NotFound { .. }, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes an object so that it is either wholly there or not at all.
    ///
    /// # Errors
    /// When it cannot be written; what was there before is there still.
    pub(super) fn put(&self, at: &Path, content: Vec<u8>, max: Duration) -> Result<(), StoreError> {
        let put = self.objects.put(at, PutPayload::from(content));
        self.wait(max, || format!("write {at}"), put).map(drop)
    }

    /// Writes a large object in parts, visible only when the last has arrived.
    ///
    /// # Errors
    /// As [`Objects::put`].
    pub(super) fn put_large(&self, at: &Path, content: Vec<u8>) -> Result<(), StoreError> {
        if !self.is_local && content.len() <= PART_BYTES {
            return self.put(at, content, LARGE_MAX);
        }
        let half = content.len() / 2;
        let put = async {
            let upload = self.objects.put_multipart(at).await?;
            let mut parts = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
            // Few parts under way bound the memory; local files are written one by one.
            for (i, part) in content.chunks(PART_BYTES.min(half.max(1))).enumerate() {
                parts.wait_for_capacity(2).await?;
                parts.write(part);
                if i == 0 {
                    failpoint::hit("snapshot_part_written");
                }
            }
            parts.finish().await
        };
        self.wait(LARGE_MAX, || format!("write {at}"), put).map(drop)
    }

    /// Deletes an object; one that does not exist is no error.
    ///
    /// # Errors
    /// When the store does not let us.
    pub(super) fn delete(&self, at: &Path, max: Duration) -> Result<(), StoreError> {
        match self.wait(max, || format!("delete {at}"), self.objects.delete(at)) {
            Err(StoreError::Io { source: Error::NotFound { .. }, .. }) => Ok(()),
            done => done,
        }
    }

    /// Returns what is directly below a path.
    ///
    /// # Errors
    /// When it cannot be listed, or holds more than any place of ours does.
    pub(super) fn list(&self, at: &Path) -> Result<ListResult, StoreError> {
        let listing = self.objects.list_with_delimiter(Some(at));
        let found = self.wait(SMALL_MAX, || format!("list {at}"), listing)?;
        let n = found.objects.len() + found.common_prefixes.len();
        if n > LIST_MAX {
            let (what, n_bytes, max) = (format!("list {at}"), n as u64, LIST_MAX as u64);
            return Err(StoreError::TooLarge { what, n_bytes, max });
        }
        Ok(found)
    }

    fn wait<T>(
        &self,
        max: Duration,
        what: impl Fn() -> String,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        let late = || StoreError::Deadline { what: what(), seconds: max.as_secs() };
        let runtime = self.runtime.as_ref().ok_or_else(late)?;
        let done = runtime.block_on(async { tokio::time::timeout(max, work).await });
        done.map_err(|_| late())?.map_err(|source| StoreError::Io { what: what(), source })
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // A thread that is stuck in a dead file system must not hold up the end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
