//! Seeds: the payloads of fixtures, and of the shared hostile cases where they are at hand.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::{collections::BTreeSet, env, fs, path::PathBuf};

/// The most inputs that a target remembers.
const CASES_MAX: usize = 2_048;
/// The most words of a target's dictionary.
const WORDS_MAX: usize = 512;

/// One record, owned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    pub key: Option<Vec<u8>>,
    pub value: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub kafka_ms: Option<i64>,
}

/// What a target mutates: inputs that each showed something new, and words found in the seeds.
#[derive(Default)]
pub struct Corpus {
    pub cases: Vec<Case>,
    pub words: Vec<Vec<u8>>,
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/decode")
}

impl Corpus {
    /// Reads every payload of files below `fixtures/decode`.
    pub fn of(files: &[String]) -> Self {
        let mut corpus = Self::default();
        for file in files {
            let Ok(text) = fs::read_to_string(fixtures().join(file)) else { continue };
            let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            corpus.cases.extend(lines.filter_map(|line: Value| case(&line)));
        }
        corpus.finish()
    }

    /// Adds the shared hostile cases of a format or envelope.
    pub fn and_shared(mut self, name: &str) -> Self {
        let root = env::var_os("TXWARDEN_DATA").map(PathBuf::from);
        let path = root.map(|root| root.join("adversarial/cases.jsonl"));
        let text = path.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let is_its =
                line["format"].as_str().is_some_and(|f| f.replace('-', "_").contains(name));
            self.cases.extend(case(&line).filter(|_| is_its));
        }
        self.finish()
    }

    pub fn and(mut self, case: Case) -> Self {
        self.cases.push(case);
        self.finish()
    }

    /// Remembers an input that showed something new, in the place of another when it is full.
    pub fn keep(&mut self, case: Case, n_executions: u64) {
        if self.cases.len() < CASES_MAX {
            self.cases.push(case);
        } else {
            self.cases[n_executions as usize % CASES_MAX] = case;
        }
    }

    fn finish(mut self) -> Self {
        let mut words = BTreeSet::new();
        for case in &self.cases {
            let runs = case.value.split(|b| !b.is_ascii_alphanumeric() && *b != b'_');
            let is_word = |run: &&[u8]| (2..=24).contains(&run.len());
            words.extend(runs.filter(is_word).map(<[u8]>::to_vec));
        }
        self.words = words.into_iter().take(WORDS_MAX).collect();
        self
    }
}

/// Reads a fixture's line; one that only edits another has no payload.
fn case(line: &Value) -> Option<Case> {
    let text = |name: &str| line[name].as_str();
    let value = match (text("payload"), text("hex"), text("payload_b64")) {
        (Some(text), ..) => text.replace('\'', "\"").into_bytes(),
        (_, Some(hex), _) => {
            let digits: Vec<u8> = hex.chars().filter_map(|c| Some(c.to_digit(16)? as u8)).collect();
            digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)).collect()
        }
        (.., Some(text)) => STANDARD.decode(text).ok()?,
        _ => return None,
    };
    let header = |(name, value): (&String, &Value)| {
        (name.clone(), value.as_str().unwrap_or_default().as_bytes().to_vec())
    };
    let headers = line["headers"].as_object().map(|h| h.iter().map(header).collect());
    Some(Case {
        key: text("key_b64").and_then(|text| STANDARD.decode(text).ok()),
        value,
        headers: headers.unwrap_or_default(),
        kafka_ms: line["kafka_ms"].as_i64(),
    })
}
