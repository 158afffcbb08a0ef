//! Records that are wrong, odd or hostile: each ends with the verdict that its case states.

use crate::data;
use std::fs;
use txwarden::decode::{
    Format, base64,
    inspect::{Inspector, Verdict},
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
            let mut payload = base64::decode(case["payload_b64"].as_str().unwrap()).unwrap();
            expand(&name, &mut payload);
            n_expanded += usize::from(payload.len() > 1_000_000);
            case["payload_b64"] = base64::encode(&payload).into();
        }
        let inspection = inspector.line(&case.to_string()).unwrap();
        if inspection.verdict == Verdict::Unsupported {
            assert!(Format::parse(case["format"].as_str().unwrap()).is_none());
            continue;
        }
        let verdict = serde_json::to_value(inspection.verdict).unwrap();
        assert_eq!(
            verdict, case["verdict"],
            "{name}: {:?} {:?}",
            inspection.reason, inspection.detail
        );
        assert_eq!(inspection.verdict == Verdict::Accept, !inspection.events.is_empty(), "{name}");
        n_judged += 1;
    }
    assert_eq!((n_judged, n_expanded), (36, 2));
}
