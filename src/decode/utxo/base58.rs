//! Base58Check: the text of addresses before SegWit.

use super::wire::sha256d;

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Bytes of a version, a hash and a checksum.
const PAYLOAD_MAX: usize = 2 + 20 + CHECKSUM;
const CHECKSUM: usize = 4;
/// 26 bytes take at most 36 digits.
const DIGITS_MAX: usize = 36;

/// Writes a version and a 20-byte hash with their checksum.
pub fn check_encode(version: &[u8], hash: &[u8; 20]) -> String {
    let mut payload = Vec::with_capacity(PAYLOAD_MAX);
    payload.extend_from_slice(version);
    payload.extend_from_slice(hash);
    let checksum = sha256d(&[&payload]);
    payload.extend_from_slice(&checksum[..CHECKSUM]);
    encode(&payload)
}

fn encode(payload: &[u8]) -> String {
    let mut digits = [0u8; DIGITS_MAX];
    let mut n_digits = 0;
    for &byte in payload {
        let mut carry = u32::from(byte);
        for digit in &mut digits[..n_digits] {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 && n_digits < DIGITS_MAX {
            digits[n_digits] = (carry % 58) as u8;
            n_digits += 1;
            carry /= 58;
        }
    }
    let zeros = payload.iter().take_while(|&&byte| byte == 0).map(|_| '1');
    let text = digits[..n_digits].iter().rev().map(|&d| char::from(ALPHABET[usize::from(d)]));
    zeros.chain(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_addresses_are_reproduced() {
        // The hash of twenty zeros, the address that coins are burnt at.
        assert_eq!(check_encode(&[0], &[0; 20]), "1111111111111111111114oLvT2");
        assert_eq!(check_encode(&[5], &[0; 20]), "31h1vYVSYuKP6AhS86fbRdMw9XHieotbST");
    }
}
