//! What an output script pays: its type, and the account in the network's own spelling.

use crate::{
    decode::{account::Payee, value::hex::digest_bytes},
    model::{Address, Chain, Coin, ScriptType, TxRecipe},
};

const OP_0: u8 = 0x00;
const OP_1: u8 = 0x51;
const OP_16: u8 = 0x60;
const OP_RETURN: u8 = 0x6a;
const OP_EQUAL: u8 = 0x87;
const OP_HASH256: u8 = 0xaa;
const OP_CHECKSIG: u8 = 0xac;
const OP_CHECKMULTISIG: u8 = 0xae;

/// What tokens of Bitcoin Cash put in front of a script (CHIP-2022-02).
const PREFIX_TOKEN: u8 = 0xef;
const CATEGORY_BYTES: usize = 32;
const HAS_COMMITMENT: u8 = 0x40;
const HAS_AMOUNT: u8 = 0x10;

/// A script as its template says.
enum Template<'a> {
    KeyHash(&'a [u8; 20]),
    ScriptHash(&'a [u8; 20]),
    /// Only Bitcoin Cash pays to it.
    ScriptHash32(&'a [u8; 32]),
    Witness(u8, &'a [u8]),
    Pubkey(&'a [u8]),
    Multisig,
    NullData,
    Other,
}

/// Returns the type of a script and the account that it pays, if it pays one.
///
/// Who pays a key pays its hash. A bare multisig has no address: its account is the digest of its
/// script, as it is for every script on a network whose addresses are not known.
pub fn classify(script: &[u8], chain: &Chain) -> (ScriptType, Option<Address>) {
    let coin = Coin::of(chain);
    let template = match template(script) {
        Template::ScriptHash32(_) if coin.is_none_or(|coin| coin.cash.is_none()) => Template::Other,
        // What enters Litecoin's extension block, and what stands for all in it, is nobody's.
        Template::Witness(8 | 9, _) if coin.is_some_and(|coin| coin.tx == TxRecipe::Mweb) => {
            Template::Other
        }
        template => template,
    };
    let script_type = match template {
        Template::KeyHash(_) => ScriptType::PubkeyHash,
        Template::ScriptHash(_) | Template::ScriptHash32(_) => ScriptType::ScriptHash,
        Template::Witness(0, program) if program.len() == 20 => ScriptType::WitnessV0KeyHash,
        Template::Witness(0, _) => ScriptType::WitnessV0ScriptHash,
        Template::Witness(1, program) if program.len() == 32 => ScriptType::WitnessV1Taproot,
        Template::Pubkey(_) => ScriptType::Pubkey,
        Template::Multisig => ScriptType::Multisig,
        Template::NullData => ScriptType::NullData,
        Template::Witness(..) | Template::Other => ScriptType::Other,
    };
    let payee = match template {
        Template::KeyHash(hash) => Some(Payee::KeyHash(*hash)),
        Template::ScriptHash(hash) => Some(Payee::ScriptHash(*hash)),
        Template::ScriptHash32(hash) => Some(Payee::ScriptHash32(*hash)),
        Template::Witness(version, program) => Some(Payee::Witness(version, program.to_vec())),
        Template::Pubkey(key) => Some(Payee::of_key(key)),
        Template::Multisig | Template::NullData | Template::Other => None,
    };
    let address = match (coin.and_then(|coin| payee?.address(coin)), template) {
        (Some(address), _) => Some(address),
        (None, Template::NullData | Template::Other) => None,
        (None, _) => Some(of_digest(digest_bytes(script).digest)),
    };
    (script_type, address)
}

/// Returns a script without the tokens in front of it; as it is where the chain has none, or they
/// are no tokens.
pub fn without_tokens<'a>(script: &'a [u8], chain: &Chain) -> &'a [u8] {
    let has_tokens = || Coin::of(chain).is_some_and(|coin| coin.cash.is_some());
    match script {
        [PREFIX_TOKEN, ..] if has_tokens() => behind_tokens(script).unwrap_or(script),
        _ => script,
    }
}

fn behind_tokens(script: &[u8]) -> Option<&[u8]> {
    let (bits, rest) = script.get(1 + CATEGORY_BYTES..)?.split_first()?;
    let mut rest = rest;
    if bits & HAS_COMMITMENT != 0 {
        let (n_bytes, behind) = compact_size(rest)?;
        rest = behind.get(usize::try_from(n_bytes).ok()?..)?;
    }
    if bits & HAS_AMOUNT != 0 {
        rest = compact_size(rest)?.1;
    }
    Some(rest)
}

fn compact_size(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let width = match first {
        0xfd => 2,
        0xfe => 4,
        0xff => 8,
        small => return Some((u64::from(*small), rest)),
    };
    let (digits, rest) = rest.split_at_checked(width)?;
    Some((digits.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte)), rest))
}

/// Returns the account of a script that has no address.
pub fn of_digest(digest: u64) -> Address {
    Address::Text(format!("script:{digest:016x}").into())
}

fn template(script: &[u8]) -> Template<'_> {
    match script {
        [0x76, 0xa9, 20, hash @ .., 0x88, OP_CHECKSIG] => {
            hash.try_into().map_or(Template::Other, Template::KeyHash)
        }
        [0xa9, 20, hash @ .., OP_EQUAL] => {
            hash.try_into().map_or(Template::Other, Template::ScriptHash)
        }
        [OP_HASH256, 32, hash @ .., OP_EQUAL] => {
            hash.try_into().map_or(Template::Other, Template::ScriptHash32)
        }
        [OP_RETURN, ..] => Template::NullData,
        [33, key @ .., OP_CHECKSIG] if key.len() == 33 && matches!(key[0], 2 | 3) => {
            Template::Pubkey(key)
        }
        [65, key @ .., OP_CHECKSIG] if key.len() == 65 && key[0] == 4 => Template::Pubkey(key),
        [OP_1..=OP_16, .., OP_1..=OP_16, OP_CHECKMULTISIG] if is_multisig(script) => {
            Template::Multisig
        }
        [version @ (OP_0 | OP_1..=OP_16), len @ 2..=40, program @ ..]
            if program.len() == usize::from(*len) =>
        {
            let version = version.saturating_sub(OP_1 - 1);
            // Version 0 has two lengths; another one can never be spent.
            match (version, len) {
                (0, 20 | 32) | (1.., _) => Template::Witness(version, program),
                _ => Template::Other,
            }
        }
        _ => Template::Other,
    }
}

/// Checks that between the two counts there are as many keys as the second one says.
fn is_multisig(script: &[u8]) -> bool {
    let [needed, keys @ .., n_keys, _] = script else { return false };
    let (mut rest, mut n) = (keys, 0);
    while let [len @ (33 | 65), after @ ..] = rest {
        let Some(next) = after.get(usize::from(*len)..) else { return false };
        rest = next;
        n += 1;
    }
    rest.is_empty() && n == n_keys - (OP_1 - 1) && needed <= n_keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(hex: &str) -> (ScriptType, Option<String>) {
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        let chain = Chain::parse(Chain::BITCOIN).unwrap();
        let (script_type, address) = classify(&bytes, &chain);
        (script_type, address.map(|a| a.to_string()))
    }

    #[test]
    fn templates_are_told_apart() {
        let zeros = "00".repeat(20);
        let known = [
            (
                format!("76a914{zeros}88ac"),
                ScriptType::PubkeyHash,
                Some("1111111111111111111114oLvT2"),
            ),
            (
                format!("a914{zeros}87"),
                ScriptType::ScriptHash,
                Some("31h1vYVSYuKP6AhS86fbRdMw9XHieotbST"),
            ),
            (
                "0014751e76e8199196d454941c45d1b3a323f1433bd6".to_owned(),
                ScriptType::WitnessV0KeyHash,
                Some("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
            ),
            ("6a0474657374".to_owned(), ScriptType::NullData, None),
            ("0015".to_owned() + &"11".repeat(21), ScriptType::Other, None),
            (String::new(), ScriptType::Other, None),
        ];
        for (script, script_type, address) in known {
            assert_eq!(shown(&script), (script_type, address.map(str::to_owned)), "{script}");
        }
        let key = format!("2102{}", "33".repeat(32));
        let (found, address) = shown(&format!("51{key}{key}52ae"));
        assert_eq!(found, ScriptType::Multisig);
        assert!(address.unwrap().starts_with("script:"));
        // Paying a key is paying its hash (the key whose secret is 1).
        let key_of_one = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        for script in [
            format!("2102{key_of_one}ac"),
            "76a914751e76e8199196d454941c45d1b3a323f1433bd688ac".to_owned(),
        ] {
            let (_, address) = shown(&script);
            assert_eq!(address.as_deref(), Some("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH"));
        }
        assert_eq!(shown(&format!("51{key}53ae")).0, ScriptType::Other);
    }
}
