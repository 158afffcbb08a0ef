//! Base58 and Base58Check: the text of addresses before SegWit, of TRON, Solana and the XRP Ledger.

pub use bs58::Alphabet;

/// Characters that are read: two keys and a checksum (Sprout), and some more.
const TEXT_BYTES_MAX: usize = 128;

/// Writes a version and a 20-byte hash with their checksum.
pub fn check_encode(alphabet: &Alphabet, version: &[u8], hash: &[u8; 20]) -> String {
    bs58::encode([version, hash].concat()).with_alphabet(alphabet).with_check().into_string()
}

/// Reads what has a checksum at its end, without it; `None` when it is another one.
pub fn check_decode(alphabet: &Alphabet, text: &str) -> Option<Vec<u8>> {
    bounded(text)?.with_alphabet(alphabet).with_check(None).into_vec().ok()
}

/// Reads digits of Bitcoin's order; `None` when one is none, or they are more than any address has.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    bounded(text)?.into_vec().ok()
}

/// The time that it takes grows with the square of the length.
fn bounded(text: &str) -> Option<bs58::decode::DecodeBuilder<'static, &str>> {
    (text.len() <= TEXT_BYTES_MAX).then(|| bs58::decode(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_addresses_are_reproduced_and_read() {
        // The hash of twenty zeros, the address that coins are burnt at; XRP's ACCOUNT_ZERO.
        for (alphabet, version, text) in [
            (Alphabet::BITCOIN, 0, "1111111111111111111114oLvT2"),
            (Alphabet::BITCOIN, 5, "31h1vYVSYuKP6AhS86fbRdMw9XHieotbST"),
            (Alphabet::RIPPLE, 0, "rrrrrrrrrrrrrrrrrrrrrhoLvTp"),
        ] {
            assert_eq!(check_encode(alphabet, &[version], &[0; 20]), text);
            assert_eq!(check_decode(alphabet, text), Some([&[version][..], &[0; 20]].concat()));
        }
        for bad in ["31h1vYVSYuKP6AhS86fbRdMw9XHieotbSU", "1", "0O", "", &"z".repeat(300)] {
            assert_eq!(check_decode(Alphabet::BITCOIN, bad), None, "{bad}");
        }
        assert_eq!(check_decode(Alphabet::BITCOIN, &"1".repeat(300)), None);
    }
}
