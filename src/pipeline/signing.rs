//! Reads the key that signs checkpoints.

use super::RuntimeError;
use crate::audit::{Params, Signer};
use std::path::Path;

/// Reads the key that signs, if one is configured.
///
/// # Errors
/// A sentence for the operator when the file is no key.
pub fn load_signer(params: &Params) -> Result<Option<Signer>, RuntimeError> {
    let Some(path) = &params.key_file else { return Ok(None) };
    let refused = |why: String| {
        RuntimeError::Refused(format!("audit.key_file {} cannot be used: {why}", path.display()))
    };
    let pem = std::fs::read_to_string(path).map_err(|e| refused(e.to_string()))?;
    if is_world_readable(path) {
        tracing::warn!(path = %path.display(), "everyone on this machine can read the signing key");
    }
    let signer = Signer::from_pem(&pem).map_err(|e| refused(e.to_string()))?;
    Ok(Some(signer))
}

#[cfg(unix)]
fn is_world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_world_readable(_path: &Path) -> bool {
    false
}
