//! Alerts that were changed after they were written: `verify` names the first, and its kind.

use crate::{
    case::Outcome,
    job::{Job, Options},
    lab::Lab,
    oracle::How,
    process::command,
};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};
use rand::{Rng, seq::SliceRandom};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const KINDS: [&str; 5] = ["edited", "deleted", "inserted", "swapped", "truncated"];

/// One written alert.
#[derive(Clone)]
struct Alert {
    body: Vec<u8>,
    place: (String, i64),
    seq: u64,
}

/// Edits, deletes, inserts, swaps or truncates at `n` positions of a real alert topic.
pub fn positions(lab: &Lab, n: usize) -> Outcome {
    let more = "audit: { key_file: key.pem, checkpoint_alerts: 10 }".to_owned();
    let options = Options { alert_partitions: 1, more, ..Options::default() };
    let job = Job::new(lab, lab.tiny(), "tamper", options);
    let (mut rng, dir) = (lab.rng("tamper"), job.dir.path());
    let key = SigningKey::from_bytes(&rng.r#gen());
    fs::write(dir.join("key.pem"), key.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap();
    let public = key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
    fs::write(dir.join("public.pem"), public).unwrap();
    let (watch, mut process) = (job.watch(), job.start("a"));
    job.feed(1.0);
    job.await_all(&watch);
    process.stop();
    let outcome = job.held(How::Exact);

    let alerts = read(&job, &job.alerts);
    let heads = read(&job, &job.checkpoints);
    let checkpoints = dir.join("checkpoints.jsonl");
    write(&checkpoints, &heads);
    let intact = verify(dir, &alerts);
    assert!(intact.is_empty(), "the untouched alerts: {intact:?}");
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    for i in 0..n {
        let kind = KINDS[i % KINDS.len()];
        let (changed, seq) = tamper(kind, &alerts, &heads, &mut rng);
        let found = verify(dir, &changed);
        let first = found.first().map(|f| (f["kind"].as_str(), f["seq"].as_u64()));
        assert_eq!(first, Some((Some(kind), Some(seq))), "position {i}: {found:?}");
        *named.entry(kind).or_default() += 1;
    }
    outcome.noting(format!("{n} of {n} named: {named:?}"))
}

/// Returns the changed alerts, and the first sequence number concerned.
fn tamper(kind: &str, alerts: &[Alert], heads: &[Alert], rng: &mut impl Rng) -> (Vec<Alert>, u64) {
    let mut changed = alerts.to_vec();
    // Not the first or the last of its chain: there a deletion is a truncation.
    let last = |at: &Alert| alerts.iter().filter(|a| a.place == at.place).count() as u64;
    let inner: Vec<usize> =
        (0..alerts.len()).filter(|i| (2..last(&alerts[*i])).contains(&alerts[*i].seq)).collect();
    let at = *inner.choose(rng).unwrap();
    let Alert { place, seq, .. } = alerts[at].clone();
    match kind {
        "edited" => {
            let body = &mut changed[at].body;
            // Within what the alert says: where it came from is how it is found.
            let text = String::from_utf8_lossy(body);
            let end = text.find("\"provenance\"").unwrap();
            let letters: Vec<usize> =
                (0..end).filter(|i| body[*i].is_ascii_lowercase() && body[*i] != b'z').collect();
            body[*letters.choose(rng).unwrap()] += 1;
        }
        "deleted" => drop(changed.remove(at)),
        "inserted" => {
            let after = rng.gen_range(at + 1..=changed.len());
            changed.insert(after, alerts[at].clone());
            // Named by the place in the chain where it stands.
            let is_before = |a: &&Alert| a.place == place;
            let n_before = alerts[..after].iter().filter(is_before).count();
            return (changed, n_before as u64 + 1);
        }
        "swapped" => {
            let is_next = |a: &Alert| a.place == place && a.seq == seq + 1;
            let next = alerts.iter().position(is_next).unwrap();
            changed.swap(at, next);
        }
        _ => {
            // A checkpoint knows of the end.
            let known = heads.iter().filter(|head| head.place == place).map(|head| head.seq);
            let from = rng.gen_range(2..=known.max().unwrap());
            changed.retain(|a| a.place != place || a.seq < from);
            return (changed, from);
        }
    }
    (changed, seq)
}

/// Runs `verify` over a file and returns its findings.
fn verify(dir: &Path, alerts: &[Alert]) -> Vec<Value> {
    let file: PathBuf = dir.join("alerts.jsonl");
    write(&file, alerts);
    let out = command()
        .args(["verify", "--json", "--checkpoints", "checkpoints.jsonl"])
        .args(["--public-key", "public.pem", "alerts.jsonl"])
        .current_dir(dir)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stderr);
    let report: Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {text}"));
    let found = report["findings"].as_array().unwrap().clone();
    assert_eq!(out.status.code(), Some(if found.is_empty() { 0 } else { 3 }), "{text}");
    found
}

/// Reads what was committed to a topic of one partition.
fn read(job: &Job<'_>, topic: &str) -> Vec<Alert> {
    use rdkafka::Message;
    let parse = |m: rdkafka::message::OwnedMessage| {
        let body = m.payload().unwrap().to_vec();
        let value: Value = serde_json::from_slice(&body).unwrap();
        let at = value.get("provenance").unwrap_or(&value);
        let place = (at["topic"].as_str().unwrap().to_owned(), at["partition"].as_i64().unwrap());
        Alert { place, seq: at["seq"].as_u64().unwrap(), body }
    };
    job.broker.read_committed(topic).into_iter().map(parse).collect()
}

fn write(path: &Path, records: &[Alert]) {
    let mut text = Vec::new();
    for record in records {
        text.extend_from_slice(&record.body);
        text.push(b'\n');
    }
    fs::write(path, text).unwrap();
}
