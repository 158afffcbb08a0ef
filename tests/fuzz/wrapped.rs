//! One payment in each envelope: what mutation starts from, and what bombs are filled with.

use crate::corpus::{Case, Corpus};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

const PAYMENT: &str = r#"{"id": "7", "amount": "1.5", "to": "bob"}"#;

/// Returns payments that a layer holds; `auto` finds several layers.
pub fn payments(layer: &str) -> Vec<Case> {
    let of = |value: &[u8]| Case { value: value.to_vec(), ..Case::default() };
    let text = |text: String| of(text.as_bytes());
    let change = format!(r#"{{"op": "c", "before": null, "after": {PAYMENT}}}"#);
    match layer {
        "gzip" => vec![of(&gzip(PAYMENT.as_bytes()))],
        "zstd" => vec![of(&zstd(PAYMENT.as_bytes()))],
        "cloudevents" => {
            let mut event = text(format!(
                r#"{{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {PAYMENT}}}"#
            ));
            let kind = b"application/cloudevents+json".to_vec();
            event.headers.push(("content-type".to_owned(), kind));
            vec![event]
        }
        "confluent" => vec![of(&[&[0, 0, 0, 0, 9], PAYMENT.as_bytes()].concat())],
        "connect" => {
            vec![text(format!(r#"{{"schema": {{"type": "struct"}}, "payload": {PAYMENT}}}"#))]
        }
        "debezium" => vec![text(change)],
        // The registry's fixture without its frame.
        "avro" => {
            let mut cases = Corpus::of(&["envelope/registry.jsonl".to_owned()]).cases;
            cases.retain(|case| case.value.starts_with(&[0, 0, 0, 0, 7]));
            cases.iter_mut().for_each(|case| drop(case.value.drain(..5)));
            cases
        }
        "protobuf" => vec![of(b"\x0a\x017\x12\x031.5\x1a\x03bob\x22\x03\x0a\x018\x2a\x02\x01\x02")],
        _ => vec![text(PAYMENT.to_owned()), text(change), of(&gzip(PAYMENT.as_bytes()))],
    }
}

/// Compresses bytes.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compresses bytes.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 19).unwrap()
}
