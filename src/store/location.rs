//! From a URL to an object store, and from names to paths in it.

use super::{Params, StoreError};
use object_store::{ObjectStore, local::LocalFileSystem, memory::InMemory, path::Path};
use std::{
    fs,
    path::{Component, PathBuf},
    sync::Arc,
};

/// The environment variables that clouds' clients read.
const CLOUD_VARIABLES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// An object store and where in it we are.
pub(super) struct Location {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) root: Path,
    /// The directory of a local store.
    pub(super) dir: Option<PathBuf>,
}

/// Finds the store of a URL; nothing is read or written yet.
///
/// # Errors
/// When the URL is not understood, or its cloud was left out of this build.
pub(super) fn locate(params: &Params) -> Result<Location, StoreError> {
    let text = &params.url;
    let refuse = |why: String| StoreError::Url { url: text.clone(), why };
    if text.starts_with("memory:") {
        let objects = Arc::new(InMemory::new());
        return Ok(Location { objects, root: Path::default(), dir: None });
    }
    let is_local = text.starts_with("file:") || !text.contains("://");
    if is_local {
        let dir = match text.strip_prefix("file:") {
            None => PathBuf::from(text),
            // Without the third slash the path would silently be taken for an absolute one.
            Some(_) => url::Url::parse(text)
                .ok()
                .filter(|_| text.starts_with("file:///"))
                .and_then(|url| url.to_file_path().ok())
                .ok_or_else(|| refuse("it is no file:///absolute/path".to_owned()))?,
        };
        let dir = absolute(&dir).map_err(|e| refuse(e.to_string()))?;
        let root = Path::from_absolute_path(&dir).map_err(|e| refuse(e.to_string()))?;
        // Durable before a commit relies on it.
        let objects = Arc::new(LocalFileSystem::new().with_fsync(true));
        return Ok(Location { objects, root, dir: Some(dir) });
    }
    let url = url::Url::parse(text).map_err(|e| refuse(e.to_string()))?;
    let is_cloud = |name: &String| CLOUD_VARIABLES.iter().any(|prefix| name.starts_with(prefix));
    let mut options: Vec<(String, String)> =
        std::env::vars().filter(|(name, _)| is_cloud(name)).collect();
    if params.allow_http {
        options.push(("allow_http".to_owned(), "true".to_owned()));
    }
    let (objects, root) =
        object_store::parse_url_opts(&url, options).map_err(|e| refuse(e.to_string()))?;
    Ok(Location { objects: Arc::from(objects), root, dir: None })
}

/// Returns a path without `.` and `..`, following links where it exists.
fn absolute(dir: &std::path::Path) -> std::io::Result<PathBuf> {
    if let Ok(found) = fs::canonicalize(dir) {
        return Ok(found);
    }
    let mut out = PathBuf::new();
    for part in std::path::absolute(dir)?.components() {
        match part {
            Component::ParentDir => drop(out.pop()),
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Writes a name so that it is one segment of a path everywhere: letters, digits, `_`, `-` and
/// inner dots stay, other bytes become `=` and two hex digits.
pub(super) fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (i, byte) in name.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if is_plain || (byte == b'.' && i > 0) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("={byte:02x}"));
        }
    }
    out
}

/// Reads a name that [`escape`] wrote; `None` when it did not.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, coded)) = rest.split_once('=') {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(coded.get(..2)?, 16).ok()?);
        rest = &coded[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_one_safe_segment_and_come_back() {
        for name in ["tx-1.v_2", "..", ".hidden", "a/b", "a b=c", "ünïcode", "", "x#1"] {
            let text = escape(name);
            assert!(!text.contains(['/', '#', ' ']) && !text.starts_with('.'), "{text}");
            assert_eq!(unescape(&text).as_deref(), Some(name));
        }
        assert_eq!(escape("ethereum.transactions"), "ethereum.transactions");
        assert_eq!((unescape("a=4"), unescape("a=zz"), unescape("=ff")), (None, None, None));
    }

    #[test]
    fn urls_are_understood_or_refused_with_the_reason() {
        let locate = |url: &str| locate(&Params { url: url.to_owned(), ..Params::default() });
        let dir = |url: &str| locate(url).unwrap().dir.unwrap();
        assert_eq!(dir("file:///tmp/no-such-dir/../x-y"), PathBuf::from("/tmp/x-y"));
        assert!(dir("no-such-dir/state").ends_with("no-such-dir/state"));
        assert!(locate("memory:").unwrap().dir.is_none());
        for bad in ["ftp://x/y", "file:relative", "s3:///no-bucket"] {
            assert!(matches!(locate(bad), Err(StoreError::Url { .. })), "{bad}");
        }
    }
}
