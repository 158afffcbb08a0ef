//! Records that are wrong, odd or hostile: each ends with the verdict that its case states.

use crate::data;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::{collection::vec, prelude::*};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use txwarden::{
    decode::{
        Batch, DETAIL_BYTES_MAX, Format, Limits, Policy, Refusal, Settings, decode,
        inspect::{Inspection, Inspector, RecordVerdict},
    },
    model::{Chain, Quality, Record},
};

/// Writes out what the two cases that only describe their payload mean.
fn expand(name: &str, payload: &mut Vec<u8>) {
    let (field, length): (&[u8], usize) = match name {
        n if n.contains("generator: \"1\"*5_000_000") => (b"\"value\": 1", 5_000_000),
        n if n.contains("generator: 10 MB hex") => (b"\"input\": \"0x", 10_000_000),
        _ => return,
    };
    let at = payload.windows(field.len()).position(|w| w == field).unwrap() + field.len();
    let filler = payload[at];
    let end = at + payload[at..].iter().position(|&b| b != filler).unwrap();
    payload.splice(at..end, std::iter::repeat_n(filler, length));
}

#[test]
fn adversarial_cases_end_as_they_should() {
    let Some(path) = data::shared("decode::adversarial", "adversarial/cases.jsonl") else { return };
    let inspector = Inspector::default();
    let (mut n_judged, mut n_expanded) = (0, 0);
    for line in fs::read_to_string(&path).unwrap().lines() {
        let mut case: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap().to_owned();
        if name.contains("(generator") {
            let mut payload = STANDARD.decode(case["payload_b64"].as_str().unwrap()).unwrap();
            expand(&name, &mut payload);
            n_expanded += usize::from(payload.len() > 1_000_000);
            case["payload_b64"] = STANDARD.encode(&payload).into();
        }
        let inspection = inspector.line(&case.to_string()).unwrap();
        let verdict = serde_json::to_value(inspection.verdict).unwrap();
        assert_eq!(
            verdict, case["verdict"],
            "{name}: {:?} {:?}",
            inspection.reason, inspection.detail
        );
        assert_eq!(
            inspection.verdict == RecordVerdict::Accept,
            !inspection.events.is_empty(),
            "{name}"
        );
        n_judged += 1;
    }
    assert_eq!((n_judged, n_expanded), (74, 2));
}

/// One line of `fixtures/decode/<format>/*.jsonl`: a payload, or an edit of a valid one by name.
///
/// Payloads are written with `'` for `"`, so that JSON inside JSON stays readable.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fixture {
    pub name: String,
    /// The row of the manual's table of decisions that this is an example of.
    pub row: Option<String>,
    /// Where a file holds cases of several formats and chains.
    format: Option<String>,
    chain: Option<String>,
    payload: Option<String>,
    /// The payload of a binary format, in hex.
    hex: Option<String>,
    payload_b64: Option<()>,
    of: Option<String>,
    replace: String,
    with: String,
    /// Judge every proper prefix of the payload instead of the whole.
    cut_each: bool,
    kafka_ms: Option<i64>,
    pub verdict: String,
    pub reason: Option<String>,
    /// Kinds of the events, in order.
    events: Option<Vec<String>>,
    flags: Option<Vec<String>>,
    /// What the first event must contain.
    expect: Option<Value>,
    same_id_as: Option<String>,
}

/// Returns the payload of a fixture: its own, or that of the named one after the edit.
fn payload(fixture: &Fixture, valid: &BTreeMap<String, Fixture>) -> Option<Vec<u8>> {
    let base = fixture.of.as_ref().map_or(fixture, |of| &valid[of]);
    let is_hex = base.hex.is_some();
    let mut text = base.hex.as_ref().or(base.payload.as_ref())?.clone();
    if fixture.of.is_some() && !fixture.cut_each {
        assert!(text.contains(&fixture.replace), "{}: nothing to replace", fixture.name);
        text = text.replacen(&fixture.replace, &fixture.with, 1);
    }
    Some(if is_hex { unhex(&text) } else { text.replace('\'', "\"").into_bytes() })
}

/// Reads hex digits; what is between them (a space, a stroke) only helps the reader.
fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| Some(c.to_digit(16)? as u8)).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn inspect(
    inspector: &Inspector,
    format: Format,
    payload: Option<&[u8]>,
    kafka_ms: Option<i64>,
) -> Inspection {
    let record = Record { value: payload, kafka_ms, ..Record::default() };
    inspector.record(format, &record).unwrap()
}

/// Asserts that `part` is contained in `whole`, field by field.
fn assert_contains(name: &str, whole: &Value, part: &Value) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().for_each(|(key, value)| assert_contains(name, &whole[key], value));
        }
        (Value::Array(whole), Value::Array(part)) => {
            assert_eq!(whole.len(), part.len(), "{name}");
            whole.iter().zip(part).for_each(|(w, p)| assert_contains(name, w, p));
        }
        _ => assert_eq!(whole, part, "{name}"),
    }
}

/// Asserts that a record ends as its fixture says.
pub fn check(
    inspector: &Inspector,
    format: Format,
    fixture: &Fixture,
    valid: &BTreeMap<String, Fixture>,
) {
    let name = &fixture.name;
    let payload = payload(fixture, valid);
    if fixture.cut_each {
        let whole = payload.unwrap();
        for cut in 1..whole.len() {
            let inspection = inspect(inspector, format, Some(&whole[..cut]), None);
            assert_eq!(inspection.verdict, RecordVerdict::Reject, "{name} cut at {cut}");
            assert_eq!(inspection.reason, fixture.reason.as_deref(), "{name} cut at {cut}");
        }
        return;
    }
    let inspection = inspect(inspector, format, payload.as_deref(), fixture.kafka_ms);
    let json = serde_json::to_value(&inspection).unwrap();
    let detail = &inspection.detail;
    assert_eq!(json["verdict"], *fixture.verdict, "{name}: {detail:?}");
    assert_eq!(inspection.reason, fixture.reason.as_deref(), "{name}: {detail:?}");
    let events = json["events"].as_array().unwrap();
    if let Some(kinds) = &fixture.events {
        let decoded: Vec<_> = events.iter().map(|e| e["kind"].as_str().unwrap()).collect();
        assert_eq!(&decoded, kinds, "{name}");
    }
    if fixture.verdict == "accept" {
        assert!(!events.is_empty(), "{name}: accepted without events");
        let flags = fixture.flags.clone().unwrap_or_default();
        assert_eq!(json["flags"], Value::from(flags), "{name}");
    }
    if let Some(expect) = &fixture.expect {
        assert_contains(name, &events[0], expect);
    }
    if let Some(twin) = &fixture.same_id_as {
        let payload = self::payload(&valid[twin], valid);
        let twin = inspect(inspector, format, payload.as_deref(), None);
        assert_eq!(inspection.events[0].event_id, twin.events[0].event_id, "{name}");
    }
}

#[test]
fn fixtures_end_as_they_state() {
    let mut n_with_shapes = 0;
    for &format in Format::ALL {
        let mut files = vec!["valid.jsonl", "hostile.jsonl", "truncated.jsonl"];
        // What exporters write that is neither wrong nor what the format's description says.
        let shapes = folder(format.as_str()).join("shapes.jsonl");
        files.extend(shapes.exists().then_some("shapes.jsonl"));
        n_with_shapes += usize::from(shapes.exists());
        check_folder(&Inspector::default(), format, format.as_str(), &files);
    }
    assert_eq!(n_with_shapes, 4);
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/decode").join(name)
}

/// Reads a file of fixtures below `fixtures/decode`.
pub fn fixtures(name: &str) -> Vec<Fixture> {
    let text = fs::read_to_string(folder(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the formats make of chains other than Bitcoin, of what they hide, and of bytes that hash to
/// no id by Bitcoin's recipe.
#[test]
fn utxo_chains_end_as_they_state() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/decode/utxo/chains.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let fixtures: Vec<Fixture> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(fixtures.len() > 30);
    for fixture in &fixtures {
        let format = Format::parse(fixture.format.as_deref().unwrap()).unwrap();
        let chain = Some(Chain::parse(fixture.chain.as_deref().unwrap()).unwrap());
        let inspector = Inspector { chain, ..Inspector::default() };
        check(&inspector, format, fixture, &BTreeMap::new());
    }
}

/// Checks every fixture of a folder below `fixtures/decode`; the first file holds the valid ones.
pub fn check_folder(inspector: &Inspector, format: Format, folder: &str, files: &[&str]) {
    let read = |file: &str| fixtures(&format!("{folder}/{file}"));
    let valid: BTreeMap<_, _> = read(files[0]).into_iter().map(|f| (f.name.clone(), f)).collect();
    for file in files {
        let fixtures = read(file);
        assert!(!fixtures.is_empty());
        fixtures.iter().for_each(|fixture| check(inspector, format, fixture, &valid));
    }
}

#[test]
fn sizes_are_judged_before_anything_else() {
    let long = "x".repeat(20_000);
    let headers = [("name", long.as_bytes())];
    let many = vec![("a", &b"b"[..]); 65];
    let record = Record { value: Some(b"\xff"), ..Record::default() };
    let reason = |record: Record<'_>| {
        Inspector::default().record(Format::EthereumEtl, &record).unwrap().reason
    };
    assert_eq!(reason(record), Some("not_utf8"));
    assert_eq!(reason(Record { key: Some(long.as_bytes()), ..record }), Some("too_large"));
    assert_eq!(reason(Record { headers: &headers, ..record }), Some("too_large"));
    assert_eq!(reason(Record { headers: &many, ..record }), Some("too_large"));
    let huge = vec![b' '; (16 << 20) + 1];
    assert_eq!(reason(Record { value: Some(&huge), ..record }), Some("too_large"));
    assert_eq!(reason(Record { value: Some(b""), ..record }), Some("empty_value"));
    assert_eq!(reason(Record { value: None, ..record }), Some("tombstone"));
}

proptest! {
    /// Whatever the bytes: every record has a part, and every event belongs to exactly one.
    #[test]
    fn any_bytes_end_in_one_verdict_a_part(
        noise in vec(any::<u8>(), 0..64),
        edits in vec((0..1_000usize, any::<u8>()), 0..6),
        pick in 0..64usize,
    ) {
        for &format in Format::ALL {
            let file = format!("fixtures/decode/{}/valid.jsonl", format.as_str());
            let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
            let line = text.lines().cycle().nth(pick).unwrap();
            let fixture: Fixture = serde_json::from_str(line).unwrap();
            let mut bytes = payload(&fixture, &BTreeMap::new()).unwrap_or_default();
            for (position, byte) in &edits {
                let at = position * bytes.len() / 1_000;
                if let Some(old) = bytes.get_mut(at) {
                    *old = *byte;
                }
            }
            let chain = Chain::parse(format.default_chain()).unwrap();
            let limits = Limits::default();
            let mapping = None;
            let envelope = Default::default();
            let settings =
                Settings { limits, mapping, envelope, ..Settings::new(format, chain) };
            let mut batch = Batch::default();
            for value in [&bytes, &noise] {
                let record = Record { value: Some(value), ..Record::default() };
                decode(&settings, &record, &mut batch);
                prop_assert!(!batch.parts.is_empty());
                let mut n_owned = 0;
                let mut index = 0;
                for (i, part) in batch.parts.iter().enumerate() {
                    // What was refused inside of a part has its index.
                    let is_inside = i > 0 && part.index == index && part.verdict.is_err();
                    prop_assert!(is_inside || part.index == index + u32::from(i > 0));
                    index = part.index;
                    match &part.verdict {
                        Ok(range) => {
                            prop_assert!(range.start == n_owned && !range.is_empty());
                            n_owned = range.end;
                        }
                        Err(Refusal::DeadLetter { detail, .. }) => {
                            prop_assert!(detail.len() <= DETAIL_BYTES_MAX);
                            prop_assert!(detail.bytes().all(|b| (b' '..=b'~').contains(&b)));
                        }
                        Err(Refusal::Skip(_)) => {}
                    }
                }
                prop_assert_eq!(n_owned, batch.events.len());
            }
        }
    }
}

#[test]
fn signatures_of_a_record_are_capped() {
    let check = |format: Format, name: &str, signatures_max: usize| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/decode");
        let text = fs::read_to_string(root.join(format.as_str()).join("valid.jsonl")).unwrap();
        let fixtures = text.lines().map(|line| serde_json::from_str::<Fixture>(line).unwrap());
        let fixture = fixtures.into_iter().find(|f| f.name == name).unwrap();
        let value = payload(&fixture, &BTreeMap::new()).unwrap();
        let limits = Limits { signatures_max, ..Limits::default() };
        let inspector = Inspector { limits, ..Inspector::default() };
        inspector.record(format, &Record { value: Some(&value), ..Record::default() }).unwrap()
    };
    // Raw transactions have no sender but the signer; node answers name it, unverified.
    assert_eq!(check(Format::EvmRaw, "block", 2).verdict, RecordVerdict::Accept);
    assert_eq!(check(Format::EvmRaw, "block", 1).reason, Some("limit_exceeded"));
    let flags = |n| check(Format::EvmRpc, "block with bodies", n).flags;
    assert!(flags(1).contains(Quality::SENDER_VERIFIED));
    assert!(!flags(0).contains(Quality::SENDER_VERIFIED));
    assert!(flags(0).contains(Quality::HASH_VERIFIED));
}

/// What a check refutes is refused, flagged or let pass, as the policy of that check says.
#[test]
fn each_check_has_a_policy() {
    let transaction = r#"{"type":"transaction","hash":"00000000000000000000000000000000000000000000000000000000000000aa",
        "inputs":[{"index":0,"spent_transaction_hash":"00000000000000000000000000000000000000000000000000000000000000bb",
        "spent_output_index":0,"addresses":["a"],"value":1}],
        "outputs":[{"index":0,"addresses":["b"],"value":2}],"block_timestamp":1700000000,"block_number":null}"#;
    let mut settings = Settings {
        is_batch_allowed: false,
        ..Settings::new(Format::BitcoinEtl, Chain::parse(Chain::BITCOIN).unwrap())
    };
    let mut batch = Batch::default();
    let record = Record { value: Some(transaction.as_bytes()), ..Record::default() };
    let cases =
        [(Policy::DeadLetter, None), (Policy::Flag, Some(true)), (Policy::Ignore, Some(false))];
    for (policy, is_flagged) in cases {
        settings.limits.checks.sums = policy;
        decode(&settings, &record, &mut batch);
        let flags =
            batch.parts[0].verdict.as_ref().ok().map(|range| batch.events[range.start].quality);
        let found = flags.map(|quality| quality.contains(Quality::CHECK_FAILED));
        assert_eq!(found, is_flagged, "{policy:?}: {:?}", batch.parts[0].verdict);
    }
}
