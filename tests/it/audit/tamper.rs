//! Tampers with a chain of real alerts at 500 seeded positions: each must be named, kind and place.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::{collections::BTreeMap, io::Write};
use txwarden::{
    audit::{
        Checkpoint, Deciders, HashChain, PublicKey, Signer, genesis, hash_of,
        verify::{Anchor, Since, Trail, VerifyReport, ViolationKind, judge},
    },
    decode::{Format, Settings},
    detect::DetectorSettings,
    engine::{Action, Params, Setup},
    model::{Alert, Chain, Record, Severity},
    pipeline::{Driver, Fits},
    sim::{Evm, Scenario},
};

const SEED: u64 = 7;
/// Alerts of the chain that is tampered with.
const N: usize = 120;
/// Alerts from one checkpoint to the next.
const EVERY: usize = 25;
const TOPIC: &str = "ethereum.transactions";

/// A chain as it was written.
struct Written {
    bodies: Vec<Vec<u8>>,
    checkpoints: Vec<Vec<u8>>,
    unsigned: Vec<Vec<u8>>,
    key: PublicKey,
}

fn keys() -> (Signer, PublicKey) {
    let seed: [u8; 32] = std::array::from_fn(|i| i as u8);
    let der = [&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &seed];
    let pem = |label: &str, der: &[u8]| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    };
    let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
    let spki = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], public.as_bytes()];
    let signer = Signer::from_pem(&pem("PRIVATE KEY", &der.concat())).unwrap();
    (signer, PublicKey::from_pem(&pem("PUBLIC KEY", &spki.concat())).unwrap())
}

/// Alerts of the engine over a simulated chain.
fn alerts() -> Vec<Alert> {
    let loud = DetectorSettings {
        severity: Some(Severity::High),
        params: serde_json::from_str(r#"{"units_min": {"ETH": 2.0}}"#).unwrap(),
        ..DetectorSettings::default()
    };
    let mut params = Params::default();
    params.detect.rules = BTreeMap::from([("large_native".to_owned(), loud)]);
    let chain = Chain::parse(Chain::ETHEREUM).unwrap();
    let setup = Setup { params, config_hash: "test".to_owned(), ..Setup::new(chain.clone()) };
    let format = Format::EthereumEtl;
    let settings = Settings::new(format, chain);
    let mut driver = Driver::new(setup, Fits::Inline).unwrap();
    let (mut actions, mut alerts) = (Vec::new(), Vec::new());
    let evm = Evm { n_blocks: 400, ..Evm::default() };
    for (offset, line) in Scenario::new(SEED).evm(evm).lines().enumerate() {
        let value = Some(line.json.as_bytes());
        let record = Record { topic: TOPIC, offset: offset as i64, value, ..Record::default() };
        driver.feed(&settings, record, &mut actions);
        alerts.extend(actions.drain(..).filter_map(|action| match action {
            Action::Alert(alert) => Some(*alert),
            _ => None,
        }));
        if alerts.len() >= N {
            alerts.truncate(N);
            return alerts;
        }
    }
    panic!("only {} alerts", alerts.len());
}

fn write() -> Written {
    let (signer, key) = keys();
    let mut chain = HashChain::new(TOPIC, 0);
    let mut written =
        Written { bodies: Vec::new(), checkpoints: Vec::new(), unsigned: Vec::new(), key };
    let by = Deciders { config_hash: "c", rules_hash: "r", model_id: "m", version: "v" };
    let note = |chain: &HashChain, out: &mut Written| {
        let checkpoint = Checkpoint::of(chain, "g", chain.seq() as i64, by, 1_700_000_000_000);
        out.checkpoints.push(checkpoint.render(Some(&signer)).unwrap());
        out.unsigned.push(checkpoint.render(None).unwrap());
    };
    note(&chain, &mut written);
    for mut alert in alerts() {
        let body = chain.seal(&mut alert).unwrap();
        written.bodies.push(body);
        if written.bodies.len().is_multiple_of(EVERY) || written.bodies.len() == N {
            note(&chain, &mut written);
        }
    }
    written
}

fn verify(bodies: &[Vec<u8>], checkpoints: &[Vec<u8>], key: Option<&PublicKey>) -> VerifyReport {
    verify_since(bodies, checkpoints, key, Since::Genesis)
}

fn verify_since(
    bodies: &[Vec<u8>],
    checkpoints: &[Vec<u8>],
    key: Option<&PublicKey>,
    since: Since,
) -> VerifyReport {
    let mut trail = Trail::new(key.cloned().into_iter().collect(), None);
    let (alerts, heads) = (trail.stream_named("alerts"), trail.stream_named("checkpoints"));
    for (i, body) in checkpoints.iter().enumerate() {
        trail.checkpoint(heads, i as u64 + 1, body);
    }
    for (i, body) in bodies.iter().enumerate() {
        trail.alert(alerts, i as u64 + 1, body).unwrap();
    }
    judge(trail, since)
}

/// Writes another reason, number, predecessor and the hash that belongs to them.
fn forge(body: &[u8], seq: u64, prev: &str) -> Vec<u8> {
    let mut alert: Alert = serde_json::from_slice(body).unwrap();
    alert.reason = "Nothing to see here.".to_owned();
    alert.provenance.seq = seq;
    alert.provenance.prev_hash = prev.to_owned();
    alert.provenance.hash = "0".repeat(64);
    let forged = serde_json::to_vec(&alert).unwrap();
    alert.provenance.hash = hash_of(&forged).unwrap().to_string();
    serde_json::to_vec(&alert).unwrap()
}

fn hash_in(body: &[u8]) -> String {
    serde_json::from_slice::<Alert>(body).unwrap().provenance.hash
}

/// Tampers once; returns what has to be said: kind, seq and the line, if there is one.
fn tamper(
    bodies: &mut Vec<Vec<u8>>,
    kind: ViolationKind,
    random: &mut Xoshiro256PlusPlus,
) -> (&'static str, u64, Option<u64>) {
    let n = bodies.len();
    match kind {
        ViolationKind::Edited => {
            let at = random.gen_range(0..n);
            let byte = random.gen_range(0..bodies[at].len());
            bodies[at][byte] ^= 1 << random.gen_range(0..8);
            ("a bit flipped", at as u64 + 1, Some(at as u64 + 1))
        }
        ViolationKind::Deleted => {
            let at = random.gen_range(1..n - 1);
            bodies.remove(at);
            ("a record removed", at as u64 + 1, Some(at as u64 + 1))
        }
        ViolationKind::Inserted => {
            let at = random.gen_range(1..n - 1);
            let other = bodies.choose(random).unwrap().clone();
            let (what, body) = match random.gen_range(0..4) {
                0 => ("a copy of another record", other),
                1 => ("bytes that are no alert", b"{\"schema\":\"txwarden.alert/1\"}".to_vec()),
                2 => {
                    let prev = hash_in(&bodies[at - 1]);
                    ("a forged branch", forge(&other, at as u64 + 1, &prev))
                }
                _ => ("a forged record", forge(&other, random.r#gen(), &"ab".repeat(32))),
            };
            // A copy next to its original: either is the copy.
            let is_beside = bodies[at] == body || bodies[at - 1] == body;
            bodies.insert(at, body);
            (what, at as u64 + 1, (!is_beside).then_some(at as u64 + 1))
        }
        ViolationKind::Swapped => {
            let at = random.gen_range(0..n - 1);
            bodies.swap(at, at + 1);
            ("neighbours exchanged", at as u64 + 1, Some(at as u64 + 1))
        }
        _ => {
            let at = random.gen_range(1..n);
            if random.r#gen() {
                bodies.truncate(at);
                return ("the end cut off", at as u64 + 1, None);
            }
            bodies.drain(..at);
            ("the start cut off", 1, Some(1))
        }
    }
}

#[test]
fn five_hundred_of_five_hundred_are_named() {
    let written = write();
    let clean = verify(&written.bodies, &written.checkpoints, Some(&written.key));
    assert!(clean.is_intact, "{clean:#?}");
    assert_eq!(clean.chains[0].n_records, N as u64);
    assert_eq!(clean.chains[0].covered_seq, N as u64);
    let n_checkpoints = written.checkpoints.len() as u64;
    assert_eq!(
        (clean.chains[0].n_checkpoints, clean.chains[0].anchor),
        (n_checkpoints, Anchor::Genesis)
    );
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let mut named: BTreeMap<(&str, &str), (u32, u32)> = BTreeMap::new();
    let kinds = [
        ViolationKind::Edited,
        ViolationKind::Deleted,
        ViolationKind::Inserted,
        ViolationKind::Swapped,
        ViolationKind::Truncated,
    ];
    for (i, kind) in kinds.iter().cycle().take(500).enumerate() {
        let mut bodies = written.bodies.clone();
        let (what, seq, line) = tamper(&mut bodies, *kind, &mut random);
        let mut views = vec![verify(&bodies, &written.checkpoints, Some(&written.key))];
        if what != "the end cut off" {
            // Everything but a missing end shows without checkpoints.
            views.push(verify(&bodies, &[], None));
        }
        let is_named = views.iter().all(|report| {
            let found: Vec<_> = report.findings.iter().map(|f| (f.kind, f.seq)).collect();
            let at = report.findings.first().and_then(|f| f.at.as_ref()).map(|at| at.position);
            let is_there = line.is_none() || at == line;
            let is_right = found == [(*kind, seq)] && is_there && !report.is_intact;
            if !is_right {
                eprintln!("{i}: {what}, seq {seq}, line {line:?}: {:#?}", report.findings);
            }
            is_right
        });
        let counts = named.entry((kind.as_str(), what)).or_default();
        *counts = (counts.0 + u32::from(is_named), counts.1 + 1);
    }
    let mut table = format!("tampering, seed {SEED}: named / done\n");
    for ((kind, what), (n_named, n)) in &named {
        table.push_str(&format!("  {kind:<10} {what:<26} {n_named:>4} / {n}\n"));
    }
    // Past the harness, which captures only the print macros.
    let _ = std::io::stderr().write_all(table.as_bytes());
    assert_eq!(named.values().map(|(_, n)| n).sum::<u32>(), 500);
    assert!(named.values().all(|(n_named, n)| n_named == n && *n > 0), "{table}");
}

/// Changes a record and computes its hash and all later ones anew.
fn rewrite(bodies: &[Vec<u8>], at: usize) -> Vec<Vec<u8>> {
    let mut head = genesis(TOPIC, 0).to_string();
    let each = bodies.iter().enumerate().map(|(i, body)| {
        let kept = if i < at { body.clone() } else { forge(body, i as u64 + 1, &head) };
        head = hash_in(&kept);
        kept
    });
    each.collect()
}

#[test]
fn a_rewritten_suffix_shows_only_against_checkpoints() {
    let written = write();
    let at = 2 * EVERY + 3;
    let rewritten = rewrite(&written.bodies, at);
    // The control: without checkpoints the hashes agree with each other, and nothing is found.
    let blind = verify(&rewritten, &[], None);
    assert!(blind.is_intact, "{blind:#?}");
    assert!(blind.notes.iter().any(|note| note.contains("without a checkpoint")), "{blind:#?}");
    let seen = verify(&rewritten, &written.checkpoints, Some(&written.key));
    let found: Vec<_> = seen.findings.iter().map(|f| (f.kind, f.seq, f.n_records)).collect();
    assert_eq!(found, [(ViolationKind::Rewritten, 2 * EVERY as u64 + 1, EVERY as u64)]);
    // Unsigned checkpoints are compared too, with a note; with a key they are not believed.
    let unsigned = verify(&rewritten, &written.unsigned, None);
    assert_eq!(unsigned.findings[0].kind, ViolationKind::Rewritten);
    assert!(unsigned.notes[0].contains("no public key"), "{unsigned:#?}");
    let refused = verify(&written.bodies, &written.unsigned, Some(&written.key));
    assert!(refused.findings.iter().all(|f| f.kind == ViolationKind::BadCheckpoint));
    assert_eq!(refused.findings.len(), written.unsigned.len());
}

#[test]
fn verification_may_start_at_any_checkpoint() {
    let written = write();
    let tail = &written.bodies[2 * EVERY - 5..];
    let key = Some(&written.key);
    let cut = verify(tail, &written.checkpoints, key);
    assert_eq!(cut.chains[0].anchor, Anchor::Unanchored);
    assert_eq!((cut.findings[0].kind, cut.findings[0].seq), (ViolationKind::Truncated, 1));
    let seq = 2 * EVERY as u64;
    for since in [Since::Checkpoint(seq), Since::First, Since::Latest] {
        let report = verify_since(tail, &written.checkpoints, key, since);
        assert!(report.is_intact, "{since:?}: {report:#?}");
        let from = if since == Since::Latest { N as u64 } else { seq };
        assert_eq!(report.chains[0].anchor, Anchor::Checkpoint(from), "{since:?}");
    }
    // An edit behind the start is found, one before it is not judged.
    for (at, n_findings) in [(2, 0), (8, 1)] {
        let mut bodies = tail.to_vec();
        bodies[at][40] ^= 1;
        let report = verify_since(&bodies, &written.checkpoints, key, Since::Checkpoint(seq));
        assert_eq!(report.findings.len(), n_findings, "{report:#?}");
    }
}

#[test]
fn chains_and_streams_are_told_apart() {
    let written = write();
    // Every other alert in another partition of the alert topic, as its key decides.
    let mut trail = Trail::new(vec![written.key.clone()], None);
    let streams = [trail.stream_named("alerts/0"), trail.stream_named("alerts/1")];
    written.checkpoints.iter().for_each(|body| trail.checkpoint(streams[0], 0, body));
    for (i, body) in written.bodies.iter().enumerate().filter(|(i, _)| *i != 60) {
        trail.alert(streams[i % 2], i as u64, body).unwrap();
    }
    let report = judge(trail, Since::Genesis);
    let found: Vec<_> = report.findings.iter().map(|f| (f.kind, f.seq)).collect();
    assert_eq!(found, [(ViolationKind::Deleted, 61)]);
    // A record whose topic was changed is missed where it belongs.
    let mut bodies = written.bodies.clone();
    let text = String::from_utf8(bodies[9].clone()).unwrap();
    bodies[9] = text.replace(TOPIC, "elsewhere").into_bytes();
    let report = verify(&bodies, &[], None);
    let found: Vec<_> = report.findings.iter().map(|f| (f.kind, &*f.topic, f.seq)).collect();
    assert_eq!(found, [(ViolationKind::Edited, TOPIC, 10)]);
}
