//! Bech32 and Bech32m: the text of SegWit addresses.
//!
//! # Source
//! BIP 173 and BIP 350.

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
const BECH32: u32 = 1;
const BECH32M: u32 = 0x2bc8_30a3;

/// Writes a witness program under a network's prefix.
pub(super) fn encode(prefix: &str, version: u8, program: &[u8]) -> String {
    let mut data = vec![version];
    let (mut bits, mut n_bits) = (0u32, 0);
    for &byte in program {
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
    let mut check = 1;
    prefix.bytes().for_each(|b| check = step(check, b >> 5));
    check = step(check, 0);
    prefix.bytes().for_each(|b| check = step(check, b & 31));
    data.iter().for_each(|&d| check = step(check, d));
    (0..6).for_each(|_| check = step(check, 0));
    check ^= if version == 0 { BECH32 } else { BECH32M };
    data.extend((0..6).map(|i| (check >> (5 * (5 - i)) & 31) as u8));
    let mut text = String::with_capacity(prefix.len() + 1 + data.len());
    text.push_str(prefix);
    text.push('1');
    text.extend(data.iter().map(|&d| char::from(ALPHABET[usize::from(d)])));
    text
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
    fn the_addresses_of_the_standards_are_reproduced() {
        let program: [u8; 20] = hex::array(b"751e76e8199196d454941c45d1b3a323f1433bd6").unwrap();
        assert_eq!(encode("bc", 0, &program), "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4");
        assert_eq!(encode("tb", 0, &program), "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx");
        let key: [u8; 32] =
            hex::array(b"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
                .unwrap();
        assert_eq!(
            encode("bc", 1, &key),
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
        );
    }
}
