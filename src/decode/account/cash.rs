//! CashAddr: the text of addresses of Bitcoin Cash and its forks.
//!
//! # Source
//! The CashAddr specification of Bitcoin Cash; its token-aware types are those of CHIP-2022-02
//! (CashTokens). The digits are those of Bech32, the checksum has forty bits.

use bech32::{ByteIterExt, Fe32, Fe32IterExt};

const GENERATOR: [u64; 5] =
    [0x98_f2bc_8e61, 0x79_b76d_99e2, 0xf3_3e5f_b3c4, 0xae_2eab_e2a8, 0x1e_4f43_e470];
/// Digits of the checksum.
const CHECKSUM: usize = 8;
/// Bit 3 of a version byte: a script and not a key is hashed.
const SCRIPT: u8 = 1 << 3;
/// Bit 4 of a version byte: the wallet understands tokens. The account is the same.
const TOKEN_AWARE: u8 = 1 << 4;
/// Lengths of the hash by the low three bits of a version byte.
const LENGTHS: [usize; 8] = [20, 24, 28, 32, 40, 48, 56, 64];

/// What an address pays.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    pub is_script: bool,
    pub hash: Vec<u8>,
}

/// Reads an address of a network, with or without its prefix, in either case.
pub fn decode(prefix: &str, text: &str) -> Option<Decoded> {
    let is_mixed = text.bytes().any(|b| b.is_ascii_lowercase())
        && text.bytes().any(|b| b.is_ascii_uppercase());
    let text = text.to_ascii_lowercase();
    let bare = match text.split_once(':') {
        Some((said, bare)) if said == prefix => bare,
        Some(_) => return None,
        None => &text,
    };
    let mut all: Vec<Fe32> = bare.chars().map(Fe32::from_char).collect::<Result<_, _>>().ok()?;
    let at = all.len().checked_sub(CHECKSUM)?;
    if is_mixed || checksum(prefix, &all) != 0 {
        return None;
    }
    all.truncate(at);
    let payload: Vec<u8> = all.iter().copied().fes_to_bytes().collect();
    // What is left over at the end is less than a byte, and zeros.
    let is_whole = payload.iter().copied().bytes_to_fes().eq(all.iter().copied());
    let (&version, hash) = payload.split_first()?;
    let is_known = version & !(SCRIPT | TOKEN_AWARE | 7) == 0;
    (is_whole && is_known && hash.len() == LENGTHS[usize::from(version & 7)])
        .then(|| Decoded { is_script: version & SCRIPT != 0, hash: hash.to_vec() })
}

/// Writes an address with its prefix: of 20 bytes, or of 32.
pub fn encode(prefix: &str, is_script: bool, hash: &[u8]) -> Option<String> {
    let length = LENGTHS.iter().position(|length| *length == hash.len())?;
    let version = length as u8 | if is_script { SCRIPT } else { 0 };
    let mut all: Vec<Fe32> = [version].iter().chain(hash).copied().bytes_to_fes().collect();
    let n_digits = all.len();
    all.extend([Fe32::Q; CHECKSUM]);
    let check = checksum(prefix, &all);
    for (i, digit) in all[n_digits..].iter_mut().enumerate() {
        *digit = Fe32::try_from((check >> (5 * (CHECKSUM - 1 - i)) & 31) as u8).ok()?;
    }
    let text = all.iter().map(|digit| digit.to_char());
    Some(prefix.chars().chain([':']).chain(text).collect())
}

/// Returns 0 when the last eight digits are the checksum of prefix and digits.
fn checksum(prefix: &str, digits: &[Fe32]) -> u64 {
    let prefix = prefix.bytes().map(|b| b & 31);
    let all = prefix.chain([0]).chain(digits.iter().map(|digit| digit.to_u8()));
    let check = all.fold(1u64, |check, digit| {
        let top = check >> 35;
        let next = (check & 0x07_ffff_ffff) << 5 ^ u64::from(digit);
        let is_on = |i: &usize| top >> *i & 1 == 1;
        (0..GENERATOR.len()).filter(is_on).fold(next, |next, i| next ^ GENERATOR[i])
    });
    check ^ 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::value::hex;

    #[test]
    fn the_addresses_of_the_specification_are_reproduced_and_read() {
        let hash: [u8; 20] = hex::array(b"76a04053bda0a88bda5177b86a15c3b29f559873").unwrap();
        let key = "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a";
        let script = "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq";
        for (text, is_script) in [(key, false), (script, true)] {
            assert_eq!(encode("bitcoincash", is_script, &hash).as_deref(), Some(text));
            let (_, bare) = text.split_once(':').unwrap();
            for text in [text.to_owned(), bare.to_owned(), text.to_ascii_uppercase()] {
                let decoded = decode("bitcoincash", &text).unwrap();
                assert_eq!(decoded, Decoded { is_script, hash: hash.to_vec() });
            }
        }
        // The token-aware form of an account is the account.
        let aware = decode("bitcoincash", "zpm2qsznhks23z7629mms6s4cwef74vcwvrqekrq9w").unwrap();
        assert_eq!(aware, Decoded { is_script: false, hash: hash.to_vec() });
        for bad in [
            "bchtest:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
            "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6q",
            "qPm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
            "q",
            "",
        ] {
            assert_eq!(decode("bitcoincash", bad), None, "{bad}");
        }
    }
}
