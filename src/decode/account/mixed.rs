//! The checksum that EVM addresses carry in the case of their letters.
//!
//! # Source
//! EIP-55, and EIP-1191, which puts the chain's number in front of what is hashed (Rootstock).

use super::{evm, evm_digits};
use crate::{decode::evm::keccak, model::Chain};

/// Returns whether an EVM address in upper and lower case has other cases than its digits ask for:
/// one of them may be a typing mistake. An address in one case has no checksum.
pub fn contradicts_its_case(text: &str, chain: &Chain) -> bool {
    // What names the chain or asks for an amount stands before or behind the digits.
    let is_address = |part: &&str| evm(part).is_some();
    let Some(text) = text.split([':', '?', '@', '/', '-']).find(is_address) else { return false };
    let digits = evm_digits(text);
    let has = |is: fn(&u8) -> bool| digits.as_bytes().iter().any(is);
    if !has(u8::is_ascii_lowercase) || !has(u8::is_ascii_uppercase) {
        return false;
    }
    let lower = digits.to_ascii_lowercase();
    let id = chain.id.strip_prefix("eip155:").unwrap_or_default();
    [format!("{id}0x{lower}"), lower.clone()].iter().all(|hashed| {
        let hash = keccak(&[hashed.as_bytes()]);
        let nibble = |i: usize| hash[i / 2] >> (4 * (1 - i % 2)) & 15;
        digits.bytes().enumerate().any(|(i, digit)| {
            digit.is_ascii_alphabetic() && digit.is_ascii_uppercase() != (nibble(i) >= 8)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_both_standards_are_right_and_others_are_not() {
        let chain = |id| Chain::parse(id).unwrap();
        for (id, text, expected) in [
            ("eip155:1", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", false),
            ("eip155:1", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", false),
            ("eip155:1", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", true),
            ("eip155:1", "ethereum:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD@1", true),
            ("eip155:1", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", false),
            ("eip155:1", "0X5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED", false),
            ("eip155:30", "0x5aaEB6053f3e94c9b9a09f33669435E7ef1bEAeD", false),
            ("eip155:1", "0x5aaEB6053f3e94c9b9a09f33669435E7ef1bEAeD", true),
            ("eip155:1", "vitalik.eth", false),
        ] {
            assert_eq!(contradicts_its_case(text, &chain(id)), expected, "{id}: {text}");
        }
    }
}
