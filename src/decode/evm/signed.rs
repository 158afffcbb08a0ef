//! What identifies a transaction and who signed it, from the bytes that were signed.
//!
//! # Source
//! EIP-155, EIP-2718; SEC 1 §4.1.6 for the recovery of the public key.

use super::{
    keccak,
    rlp::{RlpHead, RlpWriter, list_head},
};
use k256::{
    AffinePoint, ProjectivePoint, Scalar,
    elliptic_curve::{
        Group,
        ops::{LinearCombination, Reduce},
        point::DecompressPoint,
        sec1::ToEncodedPoint,
        subtle::Choice,
    },
};

/// A signed transaction: the encodings of its fields before the signature, and the signature.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) struct Signed<'a> {
    /// EIP-2718 type, 0 for legacy ones.
    pub tx_type: u8,
    /// The items of the list up to the signature.
    pub fields: &'a [u8],
    pub signature: Signature,
}

/// A signature as it stands in a transaction.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) struct Signature {
    /// Legacy: 27 or 28, or with the chain in it; else 0 or 1.
    pub v: u64,
    pub r: [u8; 32],
    pub s: [u8; 32],
}

impl Signature {
    /// Returns the chain that a legacy signature is for, and whether y is odd.
    pub fn legacy(&self) -> Option<(Option<u64>, bool)> {
        match self.v {
            // Before EIP-155, and from signers that count from zero.
            0 | 27 => Some((None, false)),
            1 | 28 => Some((None, true)),
            35.. => Some((Some((self.v - 35) / 2), (self.v - 35) % 2 == 1)),
            _ => None,
        }
    }
}

impl Signed<'_> {
    /// Returns the transaction as it stands in a block; its hash is its id.
    pub fn encoding(&self) -> Vec<u8> {
        let mut tail = RlpWriter::default();
        tail.uint(&self.signature.v.to_be_bytes());
        tail.uint(&self.signature.r);
        tail.uint(&self.signature.s);
        let head = list_head(self.fields.len() + tail.out.len());
        let kind = [self.tx_type];
        let kind = if self.tx_type == 0 { &[][..] } else { &kind };
        [kind, head.as_slice(), self.fields, &tail.out].concat()
    }

    /// Returns the address that signed; `None` when the signature is none.
    pub fn sender(&self) -> Option<[u8; 20]> {
        let (is_odd, tail) = if self.tx_type == 0 {
            let (chain, is_odd) = self.signature.legacy()?;
            let mut tail = RlpWriter::default();
            if let Some(chain) = chain {
                tail.uint(&chain.to_be_bytes());
                tail.bytes(b"");
                tail.bytes(b"");
            }
            (is_odd, tail.out)
        } else {
            (self.signature.v == 1, Vec::new())
        };
        recover(self.hash(&tail), &self.signature, is_odd)
    }

    /// Hashes the transaction with these items at its end.
    fn hash(&self, tail: &[u8]) -> [u8; 32] {
        let head: RlpHead = list_head(self.fields.len() + tail.len());
        let kind = [self.tx_type];
        let kind = if self.tx_type == 0 { &[][..] } else { &kind };
        keccak(&[kind, head.as_slice(), self.fields, tail])
    }
}

/// Recovers the address whose key signed a hash; `None` when there is no such key.
///
/// Signatures with a high s are as good as others here: the chain has accepted them.
///
/// # Cost
/// Some 100 µs: two multiplications on the curve.
fn recover(hash: [u8; 32], signature: &Signature, is_odd: bool) -> Option<[u8; 20]> {
    let (r, s) = (scalar(&signature.r)?, scalar(&signature.s)?);
    let point = AffinePoint::decompress(&signature.r.into(), Choice::from(u8::from(is_odd)));
    let point = ProjectivePoint::from(Option::<AffinePoint>::from(point)?);
    let hash = <Scalar as Reduce<k256::U256>>::reduce_bytes(&hash.into());
    let r_inverse = Option::<Scalar>::from(r.invert())?;
    let (of_base, of_point) = (-(r_inverse * hash), r_inverse * s);
    let key = ProjectivePoint::lincomb(&ProjectivePoint::GENERATOR, &of_base, &point, &of_point);
    if bool::from(key.is_identity()) {
        return None;
    }
    let key = key.to_affine().to_encoded_point(false);
    let digest = keccak(&[key.as_bytes().get(1..)?]);
    digest.last_chunk().copied()
}

/// Reads a number between 0 and the group's order.
fn scalar(bytes: &[u8; 32]) -> Option<Scalar> {
    use k256::elliptic_curve::PrimeField;
    let scalar = Option::<Scalar>::from(Scalar::from_repr((*bytes).into()))?;
    (!bool::from(scalar.is_zero())).then_some(scalar)
}
