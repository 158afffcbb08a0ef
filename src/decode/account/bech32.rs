//! Bech32 and Bech32m: the text of SegWit addresses, and of accounts of many other chains.
//!
//! # Source
//! BIP 173 and BIP 350.

/// The 32 digits; CashAddr has the same.
pub(super) const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
const BECH32: u32 = 1;
const BECH32M: u32 = 0x2bc8_30a3;
/// Digits of the checksum.
const CHECKSUM: usize = 6;

/// What a text says: its prefix in lower case, its digits without the checksum, and the variant.
pub struct Decoded {
    pub prefix: String,
    pub digits: Vec<u8>,
    is_modified: bool,
}

impl Decoded {
    /// Returns a witness version and program, if it is one by the rules of both standards.
    pub fn witness(&self) -> Option<(u8, Vec<u8>)> {
        let (&version, digits) = self.digits.split_first()?;
        let program = bytes(digits)?;
        let is_length = if version == 0 {
            matches!(program.len(), 20 | 32)
        } else {
            (2..=40).contains(&program.len())
        };
        (version <= 16 && is_length && self.is_modified == (version > 0))
            .then_some((version, program))
    }
}

/// Reads a text of either case; `None` when it mixes them or its checksum is another one.
pub fn decode(text: &str) -> Option<Decoded> {
    let is_mixed = text.bytes().any(|b| b.is_ascii_lowercase())
        && text.bytes().any(|b| b.is_ascii_uppercase());
    let text = text.to_ascii_lowercase();
    let (prefix, rest) = text.rsplit_once('1')?;
    let mut all = values(rest)?;
    let at = all.len().checked_sub(CHECKSUM)?;
    let check = all.iter().fold(start(prefix), |check, &digit| step(check, digit));
    let is_prefix = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_graphic());
    if is_mixed || !is_prefix || !matches!(check, BECH32 | BECH32M) {
        return None;
    }
    all.truncate(at);
    Some(Decoded { prefix: prefix.to_owned(), digits: all, is_modified: check == BECH32M })
}

/// Writes a witness program under a network's prefix.
pub fn encode(prefix: &str, version: u8, program: &[u8]) -> String {
    let mut data = vec![version];
    data.extend(digits(program));
    let check = data.iter().fold(start(prefix), |check, &digit| step(check, digit));
    let check = (0..CHECKSUM).fold(check, |check, _| step(check, 0));
    let check = check ^ if version == 0 { BECH32 } else { BECH32M };
    data.extend((0..6).map(|i| (check >> (5 * (5 - i)) & 31) as u8));
    let mut text = String::with_capacity(prefix.len() + 1 + data.len());
    text.push_str(prefix);
    text.push('1');
    text.extend(data.iter().map(|&d| char::from(ALPHABET[usize::from(d)])));
    text
}

/// Reads digits, lower case only.
pub(super) fn values(text: &str) -> Option<Vec<u8>> {
    let value = |digit| ALPHABET.iter().position(|known| *known == digit).map(|at| at as u8);
    text.bytes().map(value).collect()
}

/// Regroups bytes into digits of five bits, the last one filled with zeros.
pub(super) fn digits(bytes: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut bits, mut n_bits) = (0u32, 0);
    for &byte in bytes {
        bits = bits << 8 | u32::from(byte);
        n_bits += 8;
        while n_bits >= 5 {
            n_bits -= 5;
            data.push((bits >> n_bits & 31) as u8);
        }
    }
    if n_bits > 0 {
        data.push((bits << (5 - n_bits) & 31) as u8);
    }
    data
}

/// Regroups digits into bytes; `None` when more than filling is left over.
pub(super) fn bytes(digits: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(digits.len() * 5 / 8);
    let (mut bits, mut n_bits) = (0u32, 0);
    for &digit in digits {
        bits = bits << 5 | u32::from(digit);
        n_bits += 5;
        if n_bits >= 8 {
            n_bits -= 8;
            out.push((bits >> n_bits) as u8);
        }
    }
    (n_bits < 5 && bits & ((1 << n_bits) - 1) == 0).then_some(out)
}

/// Returns the checksum of a prefix.
fn start(prefix: &str) -> u32 {
    let high = prefix.bytes().fold(1, |check, b| step(check, b >> 5));
    prefix.bytes().fold(step(high, 0), |check, b| step(check, b & 31))
}

fn step(check: u32, value: u8) -> u32 {
    let top = check >> 25;
    let mut next = (check & 0x01ff_ffff) << 5 ^ u32::from(value);
    for (i, generator) in GENERATOR.iter().enumerate() {
        if top >> i & 1 == 1 {
            next ^= generator;
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::hex;

    #[test]
    fn the_addresses_of_the_standards_are_reproduced_and_read() {
        let program: [u8; 20] = hex::array(b"751e76e8199196d454941c45d1b3a323f1433bd6").unwrap();
        let key: [u8; 32] =
            hex::array(b"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
                .unwrap();
        for (prefix, version, program, text) in [
            ("bc", 0, &program[..], "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
            ("tb", 0, &program, "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
            ("bc", 1, &key, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
        ] {
            assert_eq!(encode(prefix, version, program), text);
            for text in [text.to_owned(), text.to_ascii_uppercase()] {
                let decoded = decode(&text).unwrap();
                assert_eq!(decoded.prefix, prefix);
                assert_eq!(decoded.witness(), Some((version, program.to_vec())));
            }
        }
        // Mixed case, another checksum, version 1 with the checksum of version 0.
        for bad in [
            "Bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
            "bc1",
            "1qqqqqq",
        ] {
            assert!(decode(bad).is_none(), "{bad}");
        }
        let modified = "BC1SW50QGDZ25J";
        assert_eq!(decode(modified).unwrap().witness(), Some((16, vec![0x75, 0x1e])));
    }
}
