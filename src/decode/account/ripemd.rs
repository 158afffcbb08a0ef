//! RIPEMD-160, which only the hash of a public key needs: sixty lines instead of a crate.
//!
//! # Source
//! Dobbertin, Bosselaers, Preneel 1996, "RIPEMD-160: a strengthened version of RIPEMD".

use sha2::{Digest, Sha256};

/// Words of the message in the order of the left and of the right line.
const ORDER: [[u8; 80]; 2] = [
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9,
        5, 2, 14, 11, 8, 3, 10, 14, 4, 9, 15, 8, 1, 2, 7, 0, 6, 13, 11, 5, 12, 1, 9, 11, 10, 0, 8,
        12, 4, 13, 3, 7, 15, 14, 5, 6, 2, 4, 0, 5, 9, 7, 12, 2, 10, 14, 1, 3, 8, 11, 6, 15, 13,
    ],
    [
        5, 14, 7, 0, 9, 2, 11, 4, 13, 6, 15, 8, 1, 10, 3, 12, 6, 11, 3, 7, 0, 13, 5, 10, 14, 15, 8,
        12, 4, 9, 1, 2, 15, 5, 1, 3, 7, 14, 6, 9, 11, 8, 12, 2, 10, 0, 4, 13, 8, 6, 4, 1, 3, 11,
        15, 0, 5, 12, 2, 13, 9, 7, 10, 14, 12, 15, 10, 4, 1, 5, 8, 7, 6, 2, 13, 14, 0, 3, 9, 11,
    ],
];
/// By how much each step turns.
const TURNS: [[u8; 80]; 2] = [
    [
        11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8, 7, 6, 8, 13, 11, 9, 7, 15, 7, 12,
        15, 9, 11, 7, 13, 12, 11, 13, 6, 7, 14, 9, 13, 15, 14, 8, 13, 6, 5, 12, 7, 5, 11, 12, 14,
        15, 14, 15, 9, 8, 9, 14, 5, 6, 8, 6, 5, 12, 9, 15, 5, 11, 6, 8, 13, 12, 5, 12, 13, 14, 11,
        8, 5, 6,
    ],
    [
        8, 9, 9, 11, 13, 15, 15, 5, 7, 7, 8, 11, 14, 14, 12, 6, 9, 13, 15, 7, 12, 8, 9, 11, 7, 7,
        12, 7, 6, 15, 13, 11, 9, 7, 15, 11, 8, 6, 6, 14, 12, 13, 5, 14, 13, 13, 7, 5, 15, 5, 8, 11,
        14, 14, 6, 14, 6, 9, 12, 9, 12, 5, 15, 8, 8, 5, 12, 9, 12, 5, 14, 6, 8, 13, 6, 5, 15, 13,
        11, 11,
    ],
];
/// What each of the five rounds adds.
const ADDED: [[u32; 5]; 2] = [
    [0, 0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xa953_fd4e],
    [0x50a2_8be6, 0x5c4d_d124, 0x6d70_3ef3, 0x7a6d_76e9, 0],
];
const BLOCK: usize = 64;

/// Hashes a public key as its address does: SHA-256, then RIPEMD-160.
pub fn hash160(key: &[u8]) -> [u8; 20] {
    hash(&Sha256::digest(key))
}

fn hash(message: &[u8]) -> [u8; 20] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + 8).next_multiple_of(BLOCK) - 8, 0);
    padded.extend((message.len() as u64 * 8).to_le_bytes());
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.as_chunks::<BLOCK>().0 {
        let word =
            |i: usize| block[4 * i..4 * i + 4].iter().rev().fold(0, |w, b| w << 8 | u32::from(*b));
        let words: [u32; 16] = std::array::from_fn(word);
        let [left, right] = [0, 1].map(|side| line(side, state, &words));
        state = std::array::from_fn(|i| {
            let [own, left, right] = [state[(i + 1) % 5], left[(i + 2) % 5], right[(i + 3) % 5]];
            own.wrapping_add(left).wrapping_add(right)
        });
    }
    let mut out = [0; 20];
    for (bytes, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_le_bytes();
    }
    out
}

/// Runs one of the two lines over a block.
fn line(side: usize, state: [u32; 5], words: &[u32; 16]) -> [u32; 5] {
    let [mut a, mut b, mut c, mut d, mut e] = state;
    for i in 0..80 {
        // The right line takes the five functions in reverse.
        let mixed = match if side == 0 { i / 16 } else { 4 - i / 16 } {
            0 => b ^ c ^ d,
            1 => b & c | !b & d,
            2 => (b | !c) ^ d,
            3 => b & d | c & !d,
            _ => b ^ (c | !d),
        };
        let word = words[usize::from(ORDER[side][i])];
        let sum = a.wrapping_add(mixed).wrapping_add(word).wrapping_add(ADDED[side][i / 16]);
        let next = sum.rotate_left(u32::from(TURNS[side][i])).wrapping_add(e);
        (a, e, d, c, b) = (e, d, c.rotate_left(10), b, next);
    }
    [a, b, c, d, e]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Hash32;

    fn hex(hash: [u8; 20]) -> String {
        let mut wide = [0; 32];
        wide[12..].copy_from_slice(&hash);
        Hash32(wide).hex()[24..].to_owned()
    }

    #[test]
    fn the_test_values_of_the_paper_are_reproduced() {
        let long = "1234567890".repeat(8);
        for (message, digest) in [
            ("", "9c1185a5c5e9fc54612808977ee8f548b2258d31"),
            ("a", "0bdc9d2d256b3ee9daae347be6f4dc835a467ffe"),
            ("abc", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"),
            ("message digest", "5d0689ef49d2fae572b881b123a85ffa21595f36"),
            ("abcdefghijklmnopqrstuvwxyz", "f71c27109c692c1b56bbdceb5b9d2865b3708dbc"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "12a053384a9c0c88e405a06c27dcf49ada62eb2b",
            ),
            (&long, "9b752e45573d4b39f4dbd3323cab82bf63326bfb"),
        ] {
            assert_eq!(hex(hash(message.as_bytes())), digest, "{message}");
        }
        // The key whose secret is 1 (BIP 173's example).
        let mut key = vec![2];
        key.extend_from_slice(
            &crate::decode::hex::array::<32>(
                b"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            )
            .unwrap(),
        );
        assert_eq!(hex(hash160(&key)), "751e76e8199196d454941c45d1b3a323f1433bd6");
    }
}
