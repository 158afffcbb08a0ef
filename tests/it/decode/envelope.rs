//! What records are wrapped in: each layer's valid, cut and hostile records, and what is in them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, sync::Arc};
use txwarden::{
    config::load_schemas,
    decode::{
        Batch, Envelope, Format, Mapping, Refusal, Settings, Wrapping, decode,
        envelope::{self, Layer},
        inspect::{Inspector, RecordVerdict},
    },
    model::{Body, Chain, Phase, Record},
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/decode/envelope")
}

fn lines(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder().join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn confluent() -> Envelope {
    let wrapping = Wrapping::Layers(vec![Layer::Confluent]);
    let schemas = load_schemas(&wrapping, Some(&folder().join("schemas"))).unwrap();
    Envelope { wrapping, schemas }
}

fn wrapped(layers: &[Layer]) -> Envelope {
    Envelope { wrapping: Wrapping::Layers(layers.to_vec()), ..Envelope::default() }
}

/// A mapping that reads `id`, `amount` in units of 10^18 and `to`.
fn settings(envelope: Envelope) -> Settings {
    let mapping: Mapping = serde_json::from_value(json!({"records": [{
        "kind": "payment",
        "id": {"path": "id", "form": "text"},
        "from": {"prefix": "house"},
        "to": {"paths": ["to"]},
        "amount": {"path": "amount", "decimals": 18},
    }]}))
    .unwrap();
    assert!(mapping.problems().is_empty());
    Settings {
        mapping: Some(Arc::new(mapping)),
        envelope,
        ..Settings::new(Format::Mapped, Chain::parse("venue:house").unwrap())
    }
}

fn read(settings: &Settings, value: &[u8]) -> Batch {
    let mut batch = Batch::default();
    let record = Record { value: Some(value), kafka_ms: Some(1), ..Record::default() };
    decode(settings, &record, &mut batch);
    batch
}

fn reason(batch: &Batch) -> Option<&'static str> {
    match &batch.parts[0].verdict {
        Err(Refusal::DeadLetter { reason, .. }) => Some(reason.as_str()),
        _ => None,
    }
}

fn payload(file: &str, name: &str) -> Vec<u8> {
    let line = lines(file).into_iter().find(|line| line["name"] == name).unwrap();
    STANDARD.decode(line["payload_b64"].as_str().unwrap()).unwrap()
}

#[test]
fn records_end_as_they_state() {
    let registry = Inspector { envelope: Some(confluent()), ..Inspector::default() };
    for (file, inspector) in [("layers.jsonl", Inspector::default()), ("registry.jsonl", registry)]
    {
        for line in lines(file) {
            let name = &line["name"];
            let inspection = inspector.line(&line.to_string()).unwrap();
            let verdict = serde_json::to_value(inspection.verdict).unwrap();
            let (reason, detail) = (inspection.reason, &inspection.detail);
            assert_eq!(verdict, line["verdict"], "{file} {name}: {reason:?} {detail:?}");
            assert_eq!(inspection.verdict == RecordVerdict::Accept, !inspection.events.is_empty());
        }
    }
}

#[test]
fn binary_content_is_read_exactly() {
    let settings = settings(confluent());
    let batch = read(&settings, &payload("registry.jsonl", "avro"));
    let Body::Tx(tx) = &batch.events[0].body else { panic!("{:?}", batch.parts) };
    let body = serde_json::to_value(&tx.body).unwrap().to_string();
    assert!(body.contains("1500000000000000000") && body.contains("bob"), "{body}");

    let mapping: Mapping = serde_json::from_value(json!({"records": [{
        "kind": "payment",
        "id": {"path": "id", "form": "text"},
        "from": {"prefix": "house"},
        "to": {"paths": ["kind", "list.1", "m.k", "b.z", "at.seconds"]},
        "amount": {"path": "amount"},
    }]}))
    .unwrap();
    let settings = Settings { mapping: Some(Arc::new(mapping)), ..settings };
    let batch = read(&settings, &payload("registry.jsonl", "pb [1]"));
    let Body::Tx(tx) = &batch.events[0].body else { panic!("{:?}", batch.parts) };
    let body = serde_json::to_value(&tx.body).unwrap().to_string();
    assert!(body.contains("PAY:2:9:-2:5") && body.contains("\"7\""), "{body}");
}

/// An error that a connector or a node wrote where an event should be is said to be one; what is
/// merely no event stays what it was.
#[test]
fn errors_instead_of_events_are_counted_as_errors() {
    let error = "node_error";
    for (layer, text, expected) in [
        (Layer::Connect, r#"{"schema": null, "payload": null, "error": "timed out"}"#, error),
        (Layer::Connect, r#"{"error_code": 40403, "message": "schema not found"}"#, error),
        (Layer::Connect, r#"{"schema": null, "payload": null, "error": null}"#, "bad_envelope"),
        (Layer::Connect, r#"{"payload": {"jsonrpc": "2.0", "error": {"code": 1}}}"#, error),
        (Layer::Debezium, r#"{"error": {"code": -32000, "message": "no"}, "id": 1}"#, error),
        (Layer::Debezium, r#"{"payload": {"exception": "out of disk"}}"#, error),
        (Layer::Debezium, r#"{"id": 1, "errors": []}"#, "bad_envelope"),
        (Layer::Cloudevents, r#"{"jsonrpc": "2.0", "id": 1, "error": {"code": 1}}"#, error),
        (Layer::Cloudevents, r#"{"id": 1}"#, "envelope_incomplete"),
    ] {
        let batch = read(&settings(wrapped(&[layer])), text.as_bytes());
        let said = match &batch.parts[0].verdict {
            Err(Refusal::Skip(reason)) => Some(reason.as_str()),
            _ => reason(&batch),
        };
        assert_eq!(said, Some(expected), "{text}: {:?}", batch.parts);
    }
}

#[test]
fn what_is_cut_is_never_read() {
    let confluent = settings(confluent());
    let gzip = settings(wrapped(&[Layer::Gzip]));
    for (settings, file, name) in
        [(&confluent, "registry.jsonl", "avro"), (&gzip, "layers.jsonl", "gz")]
    {
        let whole = payload(file, name);
        for cut in 1..whole.len() {
            let batch = read(settings, &whole[..cut]);
            assert!(reason(&batch).is_some(), "{name} cut at {cut}");
            assert!(batch.events.is_empty());
        }
    }
}

#[test]
fn a_deleted_row_takes_its_payment_back() {
    let settings = settings(wrapped(&[Layer::Debezium]));
    let row = r#"{"id": "7", "amount": "1.5", "to": "bob"}"#;
    let paid = read(&settings, format!(r#"{{"op": "c", "after": {row}}}"#).as_bytes());
    let Body::Tx(tx) = &paid.events[0].body else { panic!("{:?}", paid.parts) };
    let gone = read(&settings, format!(r#"{{"op": "d", "before": {row}}}"#).as_bytes());
    let Body::Observation(gone) = &gone.events[0].body else { panic!("{:?}", gone.parts) };
    assert_eq!((gone.tx, gone.phase), (tx.id, Phase::Removed));
}

#[test]
fn auto_is_decided_by_signs_only() {
    let auto = |value: &[u8], headers: &[(&str, &[u8])]| {
        let envelope = Envelope { wrapping: Wrapping::Auto, ..confluent() };
        let record = Record { value: Some(value), headers, ..Record::default() };
        envelope::decide(&settings(envelope), &record).map(|wrapping| wrapping.to_string())
    };
    let says = |value: &[u8]| auto(value, &[]);
    assert_eq!(says(br#"{"a": 1}"#).unwrap(), "none");
    assert_eq!(says(br#"{"op": "c", "after": {}}"#).unwrap(), "debezium");
    let both = br#"{"schema": {}, "payload": {"op": "c", "after": {}}}"#;
    assert_eq!(says(both).unwrap(), "connect+debezium");
    assert_eq!(says(&payload("layers.jsonl", "gz")).unwrap(), "gzip");
    assert_eq!(says(&payload("registry.jsonl", "avro")).unwrap(), "confluent");
    assert_eq!(auto(b"{}", &[("ce_specversion", b"1.0")]).unwrap(), "cloudevents");
    assert_eq!(says(b""), None);
    assert_eq!(says(b"\xff\xfe"), None, "neither a sign nor a document decides nothing");
    let told = settings(wrapped(&[Layer::Gzip]));
    let record = Record { value: Some(b"{}"), ..Record::default() };
    assert_eq!(envelope::decide(&told, &record), None, "a setting always wins");
    assert_eq!(reason(&read(&told, b"{}")), Some("decompression_limit"));
}

#[test]
fn settings_survive_with_their_schemas() {
    let settings = settings(confluent());
    let text = serde_json::to_string(&settings).unwrap();
    let again: Settings = serde_json::from_str(&text).unwrap();
    assert_eq!(again.envelope, settings.envelope);
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
    assert_eq!(read(&again, &payload("registry.jsonl", "avro")).events.len(), 1);
    let none = serde_json::to_string(&self::settings(Envelope::default())).unwrap();
    assert!(!none.contains("envelope"), "bundles without one are as they were");
}

proptest! {
    /// Whatever the bytes and the layers: every record has parts, and nothing grows without bound.
    #[test]
    fn any_bytes_end_in_one_verdict(
        noise in vec(any::<u8>(), 0..64),
        edits in vec((0..1_000usize, any::<u8>()), 0..4),
        pick in 0..64usize,
    ) {
        let all: Vec<Value> =
            lines("layers.jsonl").into_iter().chain(lines("registry.jsonl")).collect();
        let line = &all[pick % all.len()];
        let text = line["payload_b64"].as_str().unwrap_or_default();
        let mut bytes = STANDARD.decode(text).unwrap();
        for (position, byte) in &edits {
            let at = position * bytes.len() / 1_000;
            if let Some(old) = bytes.get_mut(at) {
                *old = *byte;
            }
        }
        for layer in Layer::ALL {
            let mut envelope = confluent();
            envelope.wrapping = Wrapping::Layers(vec![layer]);
            let settings = settings(envelope);
            for value in [&bytes, &noise] {
                let batch = read(&settings, value);
                prop_assert!(!batch.parts.is_empty());
                let owned = batch.parts.iter().filter_map(|p| p.verdict.as_ref().ok());
                let n_owned: usize = owned.map(|range| range.len()).sum();
                prop_assert_eq!(n_owned, batch.events.len());
            }
        }
    }
}
