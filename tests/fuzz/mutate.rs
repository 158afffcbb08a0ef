//! Small damage: bits, bytes, words, cuts, repetitions, splices.

use crate::corpus::{Case, Corpus};
use rand::{Rng, seq::SliceRandom};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Longest value that mutation makes; bombs are made on purpose.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// What decoders trip over, in text and in binary.
const WORDS: &[&[u8]] = &[
    b"null",
    b"true",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b",",
    b":",
    b"-",
    b"-0",
    b"1e400",
    b"1E-9",
    b"0.1",
    b"NaN",
    b"0x",
    b"0X0",
    b"0xg",
    b"\\u0000",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\x00",
    b"{}",
    b"[]",
    b"[[[[[[[[",
    b"18446744073709551616",
    b"-1",
    b"115792089237316195423570985008687907853269984665640564039457584007913129639936",
    b"\xfd\xff\xff",
    b"\xfe\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
    b"\xf8\x00",
    b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xc0",
    b"\xc1\x80",
    b"\x00\x01",
    b"\r\n",
    b"\"\"",
    b"''",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
];

/// Makes a new input of one of the corpus.
pub fn mutate(corpus: &Corpus, rng: &mut Xoshiro256PlusPlus) -> Case {
    let mut case = corpus.cases.choose(rng).cloned().unwrap_or_default();
    // Mostly one edit: two seldom are both survived by the first check.
    let n_edits = [1, 1, 1, 2, 2, 3, 5, 8][rng.gen_range(0..8)];
    for _ in 0..n_edits {
        edit(&mut case.value, corpus, rng);
    }
    if rng.gen_ratio(1, 8) {
        edit_around(&mut case, rng);
    }
    case.value.truncate(VALUE_BYTES_MAX);
    case
}

fn edit(value: &mut Vec<u8>, corpus: &Corpus, rng: &mut Xoshiro256PlusPlus) {
    let at = rng.gen_range(0..=value.len());
    match rng.gen_range(0..12) {
        0 | 1 => {
            if let Some(byte) = value.get_mut(at) {
                *byte ^= 1 << rng.gen_range(0..8);
            }
        }
        2 => {
            if let Some(byte) = value.get_mut(at) {
                *byte = *[0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'0'].choose(rng).unwrap();
            }
        }
        3 => value.insert(at, rng.r#gen()),
        4 => value.truncate(at),
        5 => drop(value.drain(at..(at + rng.gen_range(1..=16)).min(value.len()))),
        6 | 7 => {
            let word = word(corpus, rng);
            value.splice(at..at, word);
        }
        8 => {
            let word = word(corpus, rng);
            let end = (at + word.len()).min(value.len());
            value.splice(at..end, word);
        }
        9 => {
            let end = (at + rng.gen_range(1..=256)).min(value.len());
            let part = value[at..end].to_vec();
            let n = rng.gen_range(1..=4);
            value.splice(at..at, part.repeat(n));
        }
        10 => digits(value, at, rng),
        _ => {
            let Some(other) = corpus.cases.choose(rng) else { return };
            let from = rng.gen_range(0..=other.value.len());
            value.truncate(at);
            value.extend(&other.value[from..]);
        }
    }
}

/// Replaces the next number, or run of hex digits, by another.
fn digits(value: &mut Vec<u8>, at: usize, rng: &mut Xoshiro256PlusPlus) {
    let Some(start) = value[at..].iter().position(u8::is_ascii_digit).map(|i| at + i) else {
        return;
    };
    let n = value[start..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let other = match rng.gen_range(0..5) {
        0 => "0".to_owned(),
        1 => rng.r#gen::<u64>().to_string(),
        2 => "9".repeat(rng.gen_range(1..100)),
        3 => format!("{}.{}", rng.r#gen::<u8>(), "1".repeat(rng.gen_range(1..30))),
        _ => format!("{:x}", rng.r#gen::<u128>()),
    };
    value.splice(start..start + n, other.into_bytes());
}

fn word(corpus: &Corpus, rng: &mut Xoshiro256PlusPlus) -> Vec<u8> {
    if rng.gen_bool(0.5) && !corpus.words.is_empty() {
        return corpus.words.choose(rng).unwrap().clone();
    }
    WORDS.choose(rng).unwrap().to_vec()
}

/// Changes what is around the value.
fn edit_around(case: &mut Case, rng: &mut Xoshiro256PlusPlus) {
    let n = case.headers.len();
    match rng.gen_range(0..6) {
        0 if n > 0 => drop(case.headers.remove(rng.gen_range(0..n))),
        1 if n > 0 => {
            let (_, text) = &mut case.headers[rng.gen_range(0..n)];
            let at = rng.gen_range(0..=text.len());
            text.insert(at, rng.r#gen());
        }
        2 if n > 0 => {
            let header = case.headers[rng.gen_range(0..n)].clone();
            let times = rng.gen_range(1..80);
            case.headers.extend(std::iter::repeat_n(header, times));
        }
        3 => case.key = Some(vec![b'k'; rng.gen_range(0..8_192)]),
        4 => {
            let extremes = [i64::MIN, -1, 0, 1, i64::from(u32::MAX), i64::MAX];
            case.kafka_ms = extremes.choose(rng).copied();
        }
        _ => {
            let names = ["content-encoding", "content-type", "ce_specversion", "__value_schema_id"];
            let values: [&[u8]; 4] = [b"gzip", b"application/cloudevents+json", b"1.0", &[1; 17]];
            let (name, value) = (names.choose(rng).unwrap(), values.choose(rng).unwrap());
            case.headers.push(((*name).to_owned(), value.to_vec()));
        }
    }
}
