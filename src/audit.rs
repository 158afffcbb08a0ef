//! What leaves a record for the review afterwards; so far the hash of a bundle of settings.

use sha2::{Digest, Sha256};

/// Returns the first 16 hex digits of the SHA-256 of some bytes: the short form in provenance.
pub fn short_hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
}
