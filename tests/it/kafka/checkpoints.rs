//! Checkpoints of a worker on a real broker: covering, signed, idle too, and checked by `verify`.

use crate::kafka::job::{Job, lines};
use rdkafka::Message;
use std::{
    fs,
    process::{Command, Output},
    time::{Duration, Instant},
};
use txwarden::{
    audit::{Checkpoint, Params},
    model::Alert,
    pipeline::PartitionPhase,
};

/// Makes a key pair with openssl; `None` where there is none.
fn openssl_keys(dir: &std::path::Path) -> Option<(String, String)> {
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (private, public) = (path("key.pem"), path("public.pem"));
    for args in [
        &["genpkey", "-algorithm", "ed25519", "-out", &private][..],
        &["pkey", "-pubout", "-in", &private, "-out", &public],
    ] {
        let done = Command::new("openssl").args(args).output().ok()?;
        assert!(done.status.success(), "{done:?}");
    }
    Some((private, public))
}

fn verify(job: &Job, public_key: &str, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_txwarden"))
        .args(["verify", "--brokers", job.broker.bootstrap(), "--public-key", public_key])
        .args(["--topic", &job.params.outputs.alerts])
        .args(["--checkpoints-topic", &job.params.outputs.checkpoints])
        .args(more)
        .env_remove("TXWARDEN_CONFIG")
        .output()
        .unwrap()
}

fn checkpoints(job: &Job) -> Vec<Checkpoint> {
    let messages = job.broker.read_committed(&job.params.outputs.checkpoints);
    messages.iter().map(|m| serde_json::from_slice(m.payload().unwrap()).unwrap()).collect()
}

/// Waits until so many checkpoints are committed at the present end of the input.
fn await_heartbeats(job: &Job, n_records: usize, n: usize) {
    let until = Instant::now() + Duration::from_secs(60);
    let is_idle = |c: &&Checkpoint| c.next_offset == n_records as i64;
    while checkpoints(job).iter().filter(is_idle).count() < n {
        assert!(Instant::now() < until, "no heartbeat: {:#?}", checkpoints(job));
    }
}

#[test]
fn checkpoints_cover_the_alerts_and_beat_while_idle() {
    let test = "checkpoints_cover_the_alerts_and_beat_while_idle";
    let Some(mut job) = Job::new(test) else { return };
    let dir = tempfile::tempdir().unwrap();
    let Some((private, public)) = openssl_keys(dir.path()) else {
        return crate::data::skip(test, "openssl is not installed");
    };
    let key_file = Some(private.into());
    job.params.audit = Params { key_file, checkpoint_alerts: 5, checkpoint_ms: 300 };
    let lines = lines();
    let (early, late) = lines.split_at(lines.len() / 2);
    for (part, n) in [(early, early.len()), (late, lines.len())] {
        job.broker.produce(&job.input, part);
        let running = job.start();
        job.await_committed(n);
        await_heartbeats(&job, n, 2);
        assert!(running.saw(|phase| *phase == PartitionPhase::Live));
        running.stop().unwrap();
    }
    let alerts: Vec<Alert> = job.alerts();
    let found = checkpoints(&job);
    let last = found.last().unwrap();
    assert!(alerts.len() > 10, "only {} alerts", alerts.len());
    assert_eq!((last.seq, last.next_offset), (alerts.len() as u64, lines.len() as i64));
    assert_eq!(last.head.to_string(), alerts.last().unwrap().provenance.hash);
    assert_eq!(last.group, job.params.kafka.group);
    assert!(found.is_sorted_by_key(|c| (c.next_offset, c.seq)), "{found:#?}");
    let output = verify(&job, &public, &[]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        said.contains(&format!("{} alerts", alerts.len())) && said.ends_with("intact\n"),
        "{said}"
    );
    assert!(!said.contains("note:"), "{said}");
    // With openssl alone: the line without its signature, and the signature.
    let body =
        job.broker.read_committed(&job.params.outputs.checkpoints)[0].payload().unwrap().to_vec();
    let text = String::from_utf8(body).unwrap();
    let (before, signature) = text.trim_end_matches("\"}").rsplit_once('"').unwrap();
    fs::write(dir.path().join("signed"), format!("{before}\"\"}}")).unwrap();
    let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, signature);
    fs::write(dir.path().join("signature"), decoded.unwrap()).unwrap();
    let checked = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-pubin", "-inkey", &public, "-rawin", "-in", "signed"])
        .args(["-sigfile", "signature"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    // An alert too many in the topic is named with its offset.
    let mut forged = alerts[3].clone();
    forged.reason = "Nothing to see here.".to_owned();
    let body = serde_json::to_string(&forged).unwrap();
    job.broker.produce(&job.params.outputs.alerts, &[(body, 0)]);
    let output = verify(&job, &public, &["--json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["findings"][0]["kind"], "inserted", "{report:#}");
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{report:#}");
}
