//! Ed25519 keys as `openssl genpkey -algorithm ed25519` makes them: signing and checking.

use super::{Digest, checkpoint::unsign};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{
    Signature, Signer as _, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, DecodePublicKey},
};
use std::fmt;

/// What stands before the 32 bytes of a public key in DER (RFC 8410 §4).
const DER_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];

/// Why a key cannot be used. The key itself is never part of the text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    #[error(
        "no Ed25519 private key in PEM; make one with: openssl genpkey -algorithm ed25519 -out FILE"
    )]
    Private,
    #[error("no Ed25519 public key in PEM; make one with: openssl pkey -pubout -in KEY -out FILE")]
    Public,
}

impl KeyError {
    /// Returns the label of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Private => "private_key",
            Self::Public => "public_key",
        }
    }
}

/// A private key. Its memory is overwritten when it is dropped.
pub struct Signer {
    key: SigningKey,
    key_id: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key_id)
    }
}

impl Signer {
    /// Reads a PKCS#8 private key in PEM.
    ///
    /// # Errors
    /// When the text is no Ed25519 private key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = SigningKey::from_pkcs8_pem(pem.trim()).map_err(|_| KeyError::Private)?;
        let key_id = key_id(&key.verifying_key());
        Ok(Self { key, key_id })
    }

    /// Returns the id of the public key.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Signs bytes; returns base64.
    pub(super) fn sign(&self, bytes: &[u8]) -> String {
        STANDARD.encode(self.key.sign(bytes).to_bytes())
    }
}

/// A public key.
#[derive(Clone, Debug)]
pub struct PublicKey {
    key: VerifyingKey,
    key_id: String,
}

impl PublicKey {
    /// Reads a public key in PEM.
    ///
    /// # Errors
    /// When the text is no Ed25519 public key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_public_key_pem(pem.trim()).map_err(|_| KeyError::Public)?;
        let key_id = key_id(&key);
        Ok(Self { key, key_id })
    }

    /// Returns the id of the key: `openssl pkey -pubin -outform DER | sha256sum`.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Returns whether this key signed a checkpoint's body.
    pub fn has_signed(&self, body: &[u8]) -> bool {
        let Some((signed, signature)) = unsign(body) else { return false };
        let signature =
            STANDARD.decode(signature).ok().and_then(|bytes| Signature::from_slice(&bytes).ok());
        signature.is_some_and(|signature| self.key.verify_strict(&signed, &signature).is_ok())
    }
}

fn key_id(key: &VerifyingKey) -> String {
    Digest::of(&[&DER_PREFIX, key.as_bytes()]).to_string()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Checkpoint, HashChain, checkpoint::Deciders},
        *,
    };

    /// RFC 8032 §7.1, test 1.
    const PRIVATE: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    /// What stands before the 32 bytes of a private key in DER (RFC 8410 §7).
    const PKCS8_PREFIX: &str = "302e020100300506032b657004220420";
    const SPKI_PREFIX: &str = "302a300506032b6570032100";
    /// `openssl pkey -pubin -outform DER | sha256sum`
    const KEY_ID: &str = "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9";

    fn pem(label: &str, hex: &str) -> String {
        let byte = |i: usize| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap();
        let der: Vec<u8> = (0..hex.len() / 2).map(byte).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    #[test]
    fn a_signed_checkpoint_is_checked_and_any_changed_byte_is_noticed() {
        let private_pem = pem("PRIVATE KEY", &format!("{PKCS8_PREFIX}{PRIVATE}"));
        let public_pem = pem("PUBLIC KEY", &format!("{SPKI_PREFIX}{PUBLIC}"));
        let signer = Signer::from_pem(&private_pem).unwrap();
        let public = PublicKey::from_pem(&public_pem).unwrap();
        assert_eq!((signer.key_id(), public.key_id()), (KEY_ID, KEY_ID));
        assert_eq!(format!("{signer:?}"), format!("Signer({KEY_ID})"));
        let by = Deciders { config_hash: "c", rules_hash: "r", model_id: "m", version: "v" };
        let checkpoint = Checkpoint::of(&HashChain::new("t", 3), "g", 7, by, 1_700_000_000_000);
        let body = checkpoint.render(Some(&signer)).unwrap();
        assert!(public.has_signed(&body));
        let read: Checkpoint = serde_json::from_slice(&body).unwrap();
        assert_eq!((read.seq, read.head, &*read.key_id), (0, checkpoint.head, KEY_ID));
        for at in 0..body.len() {
            let mut changed = body.clone();
            changed[at] ^= 1;
            assert!(!public.has_signed(&changed), "byte {at}");
        }
        assert!(!public.has_signed(&checkpoint.render(None).unwrap()));
        assert!(Signer::from_pem(&public_pem).is_err());
        assert!(PublicKey::from_pem(&private_pem).is_err());
    }
}
