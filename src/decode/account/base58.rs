//! Base58 and Base58Check: the text of addresses before SegWit, of TRON, Solana and the XRP Ledger.

use sha2::{Digest, Sha256};

/// The order of the digits in Bitcoin's addresses, and in nearly all others.
pub const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// The order of the digits on the XRP Ledger.
pub const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";
const CHECKSUM: usize = 4;
/// Bytes that are read: a version, two keys and a checksum (Sprout), and some more.
const BYTES_MAX: usize = 96;

/// Writes a version and a 20-byte hash with their checksum.
pub fn check_encode(alphabet: &[u8; 58], version: &[u8], hash: &[u8; 20]) -> String {
    let mut payload = Vec::with_capacity(version.len() + hash.len() + CHECKSUM);
    payload.extend_from_slice(version);
    payload.extend_from_slice(hash);
    let checksum = checksum(&payload);
    payload.extend_from_slice(&checksum);
    encode(alphabet, &payload)
}

/// Reads what has a checksum at its end, without it; `None` when it is another one.
pub fn check_decode(alphabet: &[u8; 58], text: &str) -> Option<Vec<u8>> {
    let mut payload = decode(alphabet, text)?;
    let at = payload.len().checked_sub(CHECKSUM)?;
    let said = payload.split_off(at);
    (said == checksum(&payload)).then_some(payload)
}

/// Reads digits; `None` when one is none, or they are more than any address has.
pub fn decode(alphabet: &[u8; 58], text: &str) -> Option<Vec<u8>> {
    let mut bytes = [0u8; BYTES_MAX];
    let mut n_bytes = 0;
    for digit in text.bytes() {
        let mut carry = alphabet.iter().position(|known| *known == digit)?;
        for byte in &mut bytes[..n_bytes] {
            carry += usize::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        while carry > 0 {
            *bytes.get_mut(n_bytes)? = carry as u8;
            n_bytes += 1;
            carry >>= 8;
        }
    }
    let n_zeros = text.bytes().take_while(|digit| *digit == alphabet[0]).count();
    (n_zeros <= BYTES_MAX).then(|| {
        std::iter::repeat_n(0, n_zeros).chain(bytes[..n_bytes].iter().rev().copied()).collect()
    })
}

fn checksum(payload: &[u8]) -> [u8; CHECKSUM] {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(Sha256::digest(payload)).into();
    [a, b, c, d]
}

fn encode(alphabet: &[u8; 58], payload: &[u8]) -> String {
    let mut digits: Vec<u8> = Vec::with_capacity(payload.len() * 7 / 5 + 1);
    for &byte in payload {
        let mut carry = u32::from(byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    let zeros = payload.iter().take_while(|&&byte| byte == 0).map(|_| &0);
    let all = zeros.chain(digits.iter().rev());
    all.map(|&digit| char::from(alphabet[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_addresses_are_reproduced_and_read() {
        // The hash of twenty zeros, the address that coins are burnt at; XRP's ACCOUNT_ZERO.
        for (alphabet, version, text) in [
            (BITCOIN, 0, "1111111111111111111114oLvT2"),
            (BITCOIN, 5, "31h1vYVSYuKP6AhS86fbRdMw9XHieotbST"),
            (RIPPLE, 0, "rrrrrrrrrrrrrrrrrrrrrhoLvTp"),
        ] {
            assert_eq!(check_encode(alphabet, &[version], &[0; 20]), text);
            assert_eq!(check_decode(alphabet, text), Some([&[version][..], &[0; 20]].concat()));
        }
        for bad in ["31h1vYVSYuKP6AhS86fbRdMw9XHieotbSU", "1", "0O", "", &"z".repeat(300)] {
            assert_eq!(check_decode(BITCOIN, bad), None, "{bad}");
        }
        assert_eq!(check_decode(BITCOIN, &"1".repeat(300)), None);
    }
}
