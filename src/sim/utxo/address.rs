//! Output scripts and their addresses: base58check, bech32 (BIP 173) and bech32m (BIP 350).

use crate::sim::rng::Rng;
use bech32::{Fe32, hrp, segwit};

/// The kinds of output that the simulator makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum OutputKind {
    P2pkh,
    P2sh,
    P2wpkh,
    P2tr,
    OpReturn,
}

/// An output script: its kind and the hash or key in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct Script {
    pub(in crate::sim) kind: OutputKind,
    program: [u8; 32],
}

impl Script {
    /// Makes a script that nobody has used.
    pub(in crate::sim) fn fresh(kind: OutputKind, rng: &mut Rng) -> Self {
        Self { kind, program: rng.bytes() }
    }

    /// Makes a script of a kind as common as in 2025: mostly SegWit.
    pub(in crate::sim) fn any(rng: &mut Rng) -> Self {
        let kind = match rng.below(10) {
            0 => OutputKind::P2pkh,
            1 | 2 => OutputKind::P2sh,
            3 | 4 => OutputKind::P2tr,
            _ => OutputKind::P2wpkh,
        };
        Self::fresh(kind, rng)
    }

    /// Returns the script's bytes.
    pub(in crate::sim) fn bytes(&self) -> Vec<u8> {
        let (head, n, tail): (&[u8], usize, &[u8]) = match self.kind {
            OutputKind::P2pkh => (&[0x76, 0xa9, 0x14], 20, &[0x88, 0xac]),
            OutputKind::P2sh => (&[0xa9, 0x14], 20, &[0x87]),
            OutputKind::P2wpkh => (&[0x00, 0x14], 20, &[]),
            OutputKind::P2tr => (&[0x51, 0x20], 32, &[]),
            OutputKind::OpReturn => (&[0x6a, 0x20], 32, &[]),
        };
        [head, &self.program[..n], tail].concat()
    }

    /// Returns bitcoin-etl's name of the type.
    pub(in crate::sim) fn type_name(&self) -> &'static str {
        match self.kind {
            OutputKind::P2pkh => "pubkeyhash",
            OutputKind::P2sh => "scripthash",
            OutputKind::P2wpkh => "witness_v0_keyhash",
            OutputKind::P2tr => "witness_v1_taproot",
            // The exporter gives a data carrier this type and a made-up address.
            OutputKind::OpReturn => "nonstandard",
        }
    }

    /// Returns the address as the exporter shows it.
    pub(in crate::sim) fn address(&self) -> String {
        match self.kind {
            OutputKind::P2pkh => base58check(0x00, &self.program[..20]),
            OutputKind::P2sh => base58check(0x05, &self.program[..20]),
            OutputKind::P2wpkh => witness(segwit::VERSION_0, &self.program[..20]),
            OutputKind::P2tr => witness(segwit::VERSION_1, &self.program),
            OutputKind::OpReturn => {
                format!("nonstandard{}", crate::sim::writer::hex(&self.program[..20]))
            }
        }
    }
}

fn base58check(version: u8, hash: &[u8]) -> String {
    bs58::encode(hash).with_check_version(version).into_string()
}

/// Writes a program; there are no others than those of valid lengths.
fn witness(version: Fe32, program: &[u8]) -> String {
    segwit::encode(hrp::BC, version, program).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_match_the_published_examples() {
        // BIP 173's example key hash and Bitcoin's genesis key hash.
        let unhex = |text: &str| -> Vec<u8> {
            (0..text.len() / 2)
                .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
                .collect()
        };
        let bip173 = unhex("751e76e8199196d454941c45d1b3a323f1433bd6");
        assert_eq!(
            witness(segwit::VERSION_0, &bip173),
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
        );
        let genesis = unhex("62e907b15cbf27d5425399ebf6f0fb50ebb88f18");
        assert_eq!(base58check(0, &genesis), "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa");
        // BIP 350: the generator's x coordinate as a version 1 program.
        let x = unhex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
        let taproot = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0";
        assert_eq!(witness(segwit::VERSION_1, &x), taproot);
    }
}
