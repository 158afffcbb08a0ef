//! What an output script pays: its type, and the account in the network's own spelling.

use super::{base58, network, segwit};
use crate::{
    decode::hex::digest_bytes,
    model::{Address, Chain, ScriptType},
};

const OP_0: u8 = 0x00;
const OP_1: u8 = 0x51;
const OP_16: u8 = 0x60;
const OP_RETURN: u8 = 0x6a;
const OP_CHECKSIG: u8 = 0xac;
const OP_CHECKMULTISIG: u8 = 0xae;

/// A script as its template says.
enum Template<'a> {
    KeyHash(&'a [u8; 20]),
    ScriptHash(&'a [u8; 20]),
    Witness(u8, &'a [u8]),
    Pubkey,
    Multisig,
    NullData,
    Other,
}

/// Returns the type of a script and the account that it pays, if it pays one.
///
/// A key or a bare multisig has no address: its account is the digest of its script, as it is for
/// every script on a network whose addresses are not known.
pub fn classify(script: &[u8], chain: &Chain) -> (ScriptType, Option<Address>) {
    let template = template(script);
    let script_type = match template {
        Template::KeyHash(_) => ScriptType::PubkeyHash,
        Template::ScriptHash(_) => ScriptType::ScriptHash,
        Template::Witness(0, program) if program.len() == 20 => ScriptType::WitnessV0KeyHash,
        Template::Witness(0, _) => ScriptType::WitnessV0ScriptHash,
        Template::Witness(1, program) if program.len() == 32 => ScriptType::WitnessV1Taproot,
        Template::Pubkey => ScriptType::Pubkey,
        Template::Multisig => ScriptType::Multisig,
        Template::NullData => ScriptType::NullData,
        Template::Witness(..) | Template::Other => ScriptType::Other,
    };
    let text = network::of(chain).and_then(|network| match template {
        Template::KeyHash(hash) => Some(base58::check_encode(network.key_hash, hash)),
        Template::ScriptHash(hash) => Some(base58::check_encode(network.script_hash, hash)),
        Template::Witness(version, program) => {
            Some(segwit::encode(network.segwit?, version, program))
        }
        _ => None,
    });
    let address = match (text, template) {
        (Some(text), _) => Some(Address::Text(text.into())),
        (None, Template::NullData | Template::Other) => None,
        (None, _) => Some(of_digest(digest_bytes(script).digest)),
    };
    (script_type, address)
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
        [0xa9, 20, hash @ .., 0x87] => {
            hash.try_into().map_or(Template::Other, Template::ScriptHash)
        }
        [OP_RETURN, ..] => Template::NullData,
        [33, 2 | 3, key @ .., OP_CHECKSIG] if key.len() == 32 => Template::Pubkey,
        [65, 4, key @ .., OP_CHECKSIG] if key.len() == 64 => Template::Pubkey,
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
        for (script, script_type) in [
            (format!("{key}ac"), ScriptType::Pubkey),
            (format!("51{key}{key}52ae"), ScriptType::Multisig),
        ] {
            let (found, address) = shown(&script);
            assert_eq!(found, script_type);
            assert!(address.unwrap().starts_with("script:"));
        }
        assert_eq!(shown(&format!("51{key}53ae")).0, ScriptType::Other);
    }
}
