//! Records that are as large and as bad as the limits allow: what they cost is what is measured.

use crate::{
    corpus::{Case, Corpus},
    judge::Judge,
    target::{Report, enveloped, settings},
    wrapped,
};
use txwarden::decode::{Format, Settings, Wrapping, envelope::Layer};

const MIB: usize = 1 << 20;

/// Judges every bomb once.
pub fn run(report: &mut Report) {
    let mut judge = Judge::default();
    let mut once = |settings: &Settings, value: Vec<u8>, headers: &[(&str, &str)]| {
        report.n_executions += 1;
        let headers =
            headers.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect();
        let case = Case { value, headers, kafka_ms: Some(1_700_000_000_000), ..Case::default() };
        match judge.judge(settings, &case) {
            Ok(seen) => report.add(&seen, case.value.len()),
            Err(what) => report.fail(&case.value, &what),
        }
    };
    let (texts, binaries) = (texts(), binaries());
    for format in Format::ALL.iter().copied().filter(|format| *format != Format::Mapped) {
        let settings = settings(format, format.default_chain());
        for value in texts.iter().chain(&binaries).chain(&crowds(format)) {
            once(&settings, value.clone(), &[]);
        }
    }
    let (packed, frames) = (packed(), frames());
    for layer in Layer::ALL {
        let settings = enveloped(Wrapping::Layers(vec![layer]), layer);
        let worst = match layer {
            Layer::Gzip | Layer::Zstd => &packed,
            Layer::Confluent | Layer::Avro | Layer::Protobuf => &frames,
            Layer::Cloudevents | Layer::Connect | Layer::Debezium => &texts,
        };
        for value in worst.iter().chain(&binaries) {
            once(&settings, value.clone(), &[]);
        }
    }
    let auto = enveloped(Wrapping::Auto, Layer::Confluent);
    for value in packed.iter().chain(&frames) {
        once(&auto, value.clone(), &[]);
        once(&auto, value.clone(), &[("content-encoding", "gzip")]);
    }
}

/// A mebibyte, or two, of what JSON and CSV readers can be made to repeat.
fn texts() -> Vec<Vec<u8>> {
    let fill = |open: &str, unit: &str, close: &str, n_bytes: usize| {
        let n = (n_bytes - open.len() - close.len()) / unit.len();
        [open.as_bytes(), unit.repeat(n).as_bytes(), close.as_bytes()].concat()
    };
    let keys: String = (0..80_000).map(|i| format!("\"k{i}\":0,")).collect();
    vec![
        fill("", "[", "", MIB),
        fill("", "{\"a\":", "", MIB),
        fill("[", "0,", "0]", MIB),
        fill("[", "{},", "{}]", MIB),
        fill("[", "[],", "[]]", MIB),
        fill("{\"hash\":\"", "0", "\"}", 2 * MIB),
        fill("{\"hash\":\"", "\\u0041", "\"}", 2 * MIB),
        fill("{\"hash\":\"", "\\\\", "\"}", MIB),
        fill("{\"value\":", "9", "}", 2 * MIB),
        fill("{\"value\":0.", "0", "1}", 2 * MIB),
        fill("{\"value\":1e", "9", "}", MIB),
        fill("{\"input\":\"0x", "ab", "\"}", 2 * MIB),
        fill("{", "\"a\":1,", "\"a\":1}", MIB),
        format!("{{{keys}\"z\":0}}").into_bytes(),
        fill("", " ", "{}", 2 * MIB),
        fill("", "\n", "", MIB),
        fill("hash,nonce\n", "1,2\n", "", MIB),
        fill("hash", ",hash", "\n1", MIB),
        fill("hash,nonce\n", "\"\"", "", MIB),
        fill("", "a", "", MIB),
    ]
}

/// Lengths and counts that claim more than there is, and nesting without an end.
fn binaries() -> Vec<Vec<u8>> {
    let fill = |unit: &[u8], n_bytes: usize| unit.repeat(n_bytes / unit.len());
    let counted = |prefix: &[u8], unit: &[u8]| [prefix, &fill(unit, MIB)].concat();
    vec![
        fill(&[0], 2 * MIB),
        fill(&[0xff], 2 * MIB),
        fill(&[1], MIB),
        fill(&[0x80], MIB),
        fill(&[0xc0], MIB),
        fill(&[0xc1], MIB),
        fill(&[0x0a, 0x01], MIB),
        fill(&[0x22, 0xff, 0x7f], MIB),
        // RLP: lists in lists, and a list of a mebibyte of empty ones.
        fill(&[0xf9, 0xff, 0xff], MIB),
        counted(&[0xfa, 0x10, 0x00, 0x00], &[0xc0]),
        counted(&[0x02, 0xfa, 0x10, 0x00, 0x00], &[0x80]),
        // Bitcoin: 2^64-1 inputs, and as many inputs of nothing as fit.
        counted(&[2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0]),
        counted(&[2, 0, 0, 0, 0xfe, 0x00, 0x60, 0x00, 0x00], &[0]),
        counted(&[2, 0, 0, 0, 0, 1, 0xfe, 0x00, 0x60, 0x00, 0x00], &[0]),
    ]
}

/// A batch of as many good records as make a mebibyte, where the format has batches.
fn crowds(format: Format) -> Vec<Vec<u8>> {
    let seeds = Corpus::of(&[format!("{}/valid.jsonl", format.as_str())]).cases;
    let batch = |case: &Case| {
        let n = MIB / case.value.len().max(1);
        let parts = vec![case.value.clone(); n];
        [b"[".to_vec(), parts.join(&b','), b"]".to_vec()].concat()
    };
    // Signatures are checked at 100 µs each, and capped apart from bytes.
    let is_signed = matches!(format, Format::EvmRpc | Format::EvmBlock | Format::EvmRaw);
    let is_json = |case: &&Case| case.value.starts_with(b"{") && !is_signed;
    seeds.iter().filter(is_json).take(8).map(batch).collect()
}

/// Compressed: nothing much in a few bytes, nothing much twice, and noise that grows.
fn packed() -> Vec<Vec<u8>> {
    let zeros = vec![b'0'; 62 * MIB];
    let document = format!("{{\"id\":\"{}\"}}", "a".repeat(12 * MIB)).into_bytes();
    let twice = wrapped::gzip(&wrapped::gzip(&zeros));
    let members = wrapped::gzip(b"[").repeat(20_000);
    let zstd_frames = wrapped::zstd(b"[").repeat(50_000);
    vec![
        wrapped::gzip(&zeros),
        wrapped::zstd(&zeros),
        wrapped::gzip(&document),
        wrapped::zstd(&document),
        twice,
        members,
        zstd_frames,
    ]
}

/// Frames of the registry and bare data whose lengths promise what is not there.
fn frames() -> Vec<Vec<u8>> {
    let varint = |n: u64| {
        let (mut n, mut out) = (n, Vec::new());
        while n >= 0x80 {
            out.push(n as u8 | 0x80);
            n >>= 7;
        }
        out.push(n as u8);
        out
    };
    // The fixture's fields up to `list`, an array of nulls: ten million, and 2^62 of them.
    let start = [2, b'7', 2, 0, 2, 2, b'b'];
    let nulls = |n: u64| [&start[..], &varint(2 * n)[..], &[0, 0, 0, 0, 0]].concat();
    let nested = b"\x22\xff\x7f".repeat(MIB / 3);
    let longs = [b"\x2a".to_vec(), varint(MIB as u64), vec![1; MIB]].concat();
    let bare = vec![nulls(10_000_000), nulls(1 << 61), nested, longs, [2, 0xff].repeat(MIB / 2)];
    let mut out = Vec::new();
    for value in bare {
        for id in [7, 8, 9] {
            out.push([&[0, 0, 0, 0, id][..], &value].concat());
        }
        out.push(value);
    }
    out
}
