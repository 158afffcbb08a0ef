//! Checkpoints: signed tree heads of a chain, `txwarden.checkpoint/1`.

use super::{Digest, HashChain, Signer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of one chain at one input offset. Alerts that follow extend it; a copy of the alert
/// topic that does not agree with it was tampered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoint {
    /// Always `txwarden.checkpoint/1`.
    pub schema: String,
    /// The consumer group that wrote it.
    pub group: String,
    /// The input partition whose alerts it covers.
    pub topic: String,
    pub partition: i32,
    /// The next input offset to be judged: everything before it is covered.
    pub next_offset: i64,
    /// Sequence number of the last alert; 0 before the first.
    pub seq: u64,
    /// `provenance.hash` of the last alert.
    #[schemars(with = "String")]
    pub head: Digest,
    /// Root of the RFC 6962 Merkle tree over the hashes of all alerts.
    #[schemars(with = "String")]
    pub root: Digest,
    /// Roots of the tree's perfect subtrees, the largest first: verification may start here.
    #[schemars(with = "Vec<String>")]
    pub frontier: Vec<Digest>,
    pub config_hash: String,
    pub rules_hash: String,
    pub model_id: String,
    /// Version of the program.
    pub version: String,
    /// Wall-clock time of writing, milliseconds since the epoch.
    pub at_ms: i64,
    /// SHA-256 of the public key (DER); empty when unsigned.
    pub key_id: String,
    /// Ed25519 over this very line with nothing between these quotes, base64; empty when unsigned.
    pub signature: String,
}

/// What decided about the alerts, besides their input.
#[derive(Clone, Copy, Debug)]
pub struct Deciders<'a> {
    pub config_hash: &'a str,
    pub rules_hash: &'a str,
    pub model_id: &'a str,
    pub version: &'a str,
}

/// Stands before the signature in a body; it is the last field. Quotes inside JSON strings are
/// escaped, so the key cannot come from the data.
const SIGNATURE_KEY: &[u8] = b"\"signature\":\"";

/// Stands behind the signature.
const END: &[u8] = b"\"}";

impl Checkpoint {
    /// The name and version of the body's schema.
    pub const SCHEMA: &'static str = "txwarden.checkpoint/1";

    /// Returns whether a line is meant to be a checkpoint: its schema comes first.
    pub fn is_one(line: &[u8]) -> bool {
        line.starts_with(b"{\"schema\":\"txwarden.checkpoint/")
    }

    /// Describes a chain, unsigned.
    pub fn of(
        chain: &HashChain,
        group: &str,
        next_offset: i64,
        by: Deciders<'_>,
        at_ms: i64,
    ) -> Self {
        Self {
            schema: Self::SCHEMA.to_owned(),
            group: group.to_owned(),
            topic: chain.topic().to_owned(),
            partition: chain.partition(),
            next_offset,
            seq: chain.seq(),
            head: chain.head(),
            root: chain.root(),
            frontier: chain.tree().subtrees().to_vec(),
            config_hash: by.config_hash.to_owned(),
            rules_hash: by.rules_hash.to_owned(),
            model_id: by.model_id.to_owned(),
            version: by.version.to_owned(),
            at_ms,
            key_id: String::new(),
            signature: String::new(),
        }
    }

    /// Writes the body, signed when there is a signer.
    ///
    /// # Errors
    /// Never: all keys are text and all numbers are finite.
    pub fn render(&self, signer: Option<&Signer>) -> Result<Vec<u8>, serde_json::Error> {
        let mut unsigned = Self { signature: String::new(), ..self.clone() };
        unsigned.key_id = signer.map(|s| s.key_id().to_owned()).unwrap_or_default();
        let mut body = serde_json::to_vec(&unsigned)?;
        if let Some(signer) = signer {
            let signature = signer.sign(&body);
            body.truncate(body.len() - END.len());
            body.extend_from_slice(signature.as_bytes());
            body.extend_from_slice(END);
        }
        Ok(body)
    }
}

/// Takes the signature out of a body: returns what was signed, and the signature.
pub(super) fn unsign(body: &[u8]) -> Option<(Vec<u8>, &str)> {
    let at = memchr::memmem::rfind(body, SIGNATURE_KEY)? + SIGNATURE_KEY.len();
    let signature = body[at..].strip_suffix(END)?;
    Some(([&body[..at], END].concat(), std::str::from_utf8(signature).ok()?))
}
