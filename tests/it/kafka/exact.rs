//! A record of a run's topics replays to the bytes that the run wrote: three nodes' pending
//! transactions with their headers and times, a second partition, settings from the control log.

use crate::{
    broker::Broker,
    cli::signals::{Running, configuration},
    kafka::job::{Job, lines},
};
use rdkafka::{
    Message,
    message::{Header, Headers, OwnedHeaders, OwnedMessage},
    producer::{BaseRecord, Producer},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

/// Alerts as they were written, by the topic that they are about.
type Written = BTreeMap<String, Vec<Vec<u8>>>;

fn txwarden(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_txwarden"));
    command.args(args).env_remove("TXWARDEN_CONFIG").output().unwrap()
}

fn ok(args: &[&str]) -> Output {
    let output = txwarden(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
    output
}

fn by_topic(bodies: impl Iterator<Item = Vec<u8>>) -> Written {
    let mut written = Written::new();
    for body in bodies {
        let alert: Value = serde_json::from_slice(&body).unwrap();
        let topic = alert["provenance"]["topic"].as_str().unwrap().to_owned();
        written.entry(topic).or_default().push(body);
    }
    written
}

/// A job of two inputs with its configuration in a directory.
struct Case {
    job: Job,
    other: Job,
    dir: tempfile::TempDir,
    config: String,
}

impl Case {
    fn new(test: &str) -> Option<Self> {
        let mut job = Job::new(test)?;
        let dir = tempfile::tempdir().unwrap();
        job.params.snapshots.url = dir.path().join("state").display().to_string();
        let mut other = job.clone();
        other.input = job.broker.name("other");
        job.broker.create_topic(&other.input, 1);
        let inputs = format!(
            "inputs: [{{ topic: {}, format: evm_rpc, chain: \"eip155:1\" }}, {{ topic: {}, format: \
             ethereum_etl, chain: \"eip155:10\" }}]",
            job.input, other.input
        );
        let text = configuration(&job);
        let start = text.find("inputs:").unwrap();
        let end = start + text[start..].find('\n').unwrap();
        let shop = format!("0x{}", "b".repeat(40));
        let watch = format!("- {{ address: \"{shop}\", name: shop, role: deposit }}\n");
        fs::write(dir.path().join("watch.yaml"), watch).unwrap();
        let more = "reference: { watch: watch.yaml }\ntriage: { n_confirmations: 2, n_final: 4 }\n";
        let text = format!("{}{inputs}{}{more}", &text[..start], &text[end..]);
        let path = dir.path().join("txwarden.yaml");
        fs::write(&path, text).unwrap();
        Some(Self { job, other, config: path.display().to_string(), dir })
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Writes the nodes' stream of a fixture, and a second topic with an aborted transaction.
    fn produce(&self) -> usize {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let path = path.join("fixtures/mempool/evm_replacements.jsonl");
        let text = fs::read_to_string(path).unwrap();
        let (producer, mut n) = (self.job.broker.producer(), 0);
        for line in text.lines().skip(1) {
            let line: Value = serde_json::from_str(line).unwrap();
            if line["record"].is_null() {
                continue;
            }
            let value = line["record"].to_string();
            let mut record = BaseRecord::<[u8], str>::to(&self.job.input)
                .partition(0)
                .key(b"\xff\x00key".as_slice())
                .timestamp(line["kafka_ms"].as_i64().unwrap())
                .payload(&value);
            if let Some(node) = line["node"].as_str() {
                let header = Header { key: "node", value: Some(node) };
                record = record.headers(OwnedHeaders::new().insert(header));
            }
            producer.send(record).map_err(|(error, _)| error).unwrap();
            n += 1;
        }
        producer.flush(Duration::from_secs(60)).unwrap();
        let (lines, broker) = (lines(), self.job.broker);
        let (early, late) = lines.split_at(lines.len() / 2);
        broker.produce_transaction(&self.other.input, early, true);
        broker.produce_transaction(&self.other.input, &late[..9], false);
        broker.produce_transaction(&self.other.input, late, true);
        n
    }

    fn written(&self) -> Written {
        let messages = self.job.broker.read_committed(&self.job.params.outputs.alerts);
        by_topic(messages.iter().map(|m| m.payload().unwrap().to_vec()))
    }

    fn record(&self, name: &str, more: &[&str]) -> String {
        let path = self.path(name);
        ok(&[&["record", "-c", &self.config, "-o", &path], more].concat());
        path
    }

    /// Replays a log; returns what is written, and what is said.
    fn replay(&self, log: &str) -> (Written, String) {
        let output = ok(&["replay", "-q", "-c", &self.config, log]);
        let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        (by_topic(lines.map(<[u8]>::to_vec)), String::from_utf8(output.stderr).unwrap())
    }
}

/// Returns records as `kcat -J` 1.7.1 writes them; it writes bytes that are no text as they are.
fn as_kcat(message: &OwnedMessage) -> Vec<u8> {
    let text = |bytes: Option<&[u8]>| match bytes {
        None => b"null".to_vec(),
        Some(bytes) => {
            let mut out = vec![b'"'];
            for &byte in bytes {
                match byte {
                    b'"' | b'\\' => out.extend([b'\\', byte]),
                    0..0x20 => out.extend(format!("\\u{byte:04X}").bytes()),
                    _ => out.push(byte),
                }
            }
            out.push(b'"');
            out
        }
    };
    let (topic, offset) = (json!(message.topic()), message.offset());
    let ms = message.timestamp().to_millis().unwrap();
    let mut line = format!(
        "{{\"topic\":{topic},\"partition\":{},\"offset\":{offset},\"tstype\":\"create\",\"ts\":{ms},\
         \"broker\":1,",
        message.partition(),
    )
    .into_bytes();
    if let Some(headers) = message.headers() {
        let pairs = headers.iter().flat_map(|h| [h.key.as_bytes(), h.value.unwrap()]);
        let texts: Vec<Vec<u8>> = pairs.map(|bytes| text(Some(bytes))).collect();
        line.extend([b"\"headers\":[", &*texts.join(&b","[..]), b"],"].concat());
    }
    let (key, payload) = (text(message.key()), text(message.payload()));
    line.extend([b"\"key\":", &*key, b",\"payload\":", &*payload, b"}\n"].concat());
    line
}

fn kcat_log(broker: &Broker, topics: &[&str], path: &Path) {
    let messages = topics.iter().flat_map(|topic| broker.read_committed(topic));
    fs::write(path, messages.map(|m| as_kcat(&m)).collect::<Vec<_>>().concat()).unwrap();
}

#[test]
fn a_record_replays_to_the_bytes_that_run_wrote() {
    let Some(case) = Case::new("a_record_replays_to_the_bytes_that_run_wrote") else { return };
    let n = case.produce();
    let running = Running::start(Path::new(&case.config));
    case.job.await_committed(n);
    let end = case.job.broker.end(&case.other.input, 0).unwrap();
    case.other.await_offset(|committed| committed >= end - 1);
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
    let written = case.written();
    let (pending, other) = (&written[&case.job.input], &written[&case.other.input]);
    assert!(pending.len() >= 5 && other.len() > 10, "{} and {}", pending.len(), other.len());
    let seen: Value = serde_json::from_slice(&pending[0]).unwrap();
    assert!(!seen["corroboration"].as_array().unwrap().is_empty(), "nodes are named: {seen}");

    let log = case.record("log.jsonl.zst", &[]);
    let (replayed, said) = case.replay(&log);
    assert_eq!(said, "", "nothing keeps it from being exact");
    assert_eq!(replayed, written);

    held_to_kcat(&case);
    // The same from kcat, whose lines do not tell what was left out on purpose.
    let kcat = case.dir.path().join("kcat.jsonl");
    let control = &case.job.params.outputs.control;
    kcat_log(case.job.broker, &[&case.job.input, &case.other.input, control], &kcat);
    let (replayed, said) = case.replay(kcat.to_str().unwrap());
    assert!(said.contains("markers of transactions"), "{said}");
    assert_eq!(replayed, written);

    explain_finds(&case, &log, &pending[0]);
    bounded_and_continued(&case, &written, &log);
    eval_reads(&case, &log);
}

/// Holds [`as_kcat`] to the real one, where that is at hand.
fn held_to_kcat(case: &Case) {
    for topic in [&case.job.input, &case.other.input, &case.job.params.outputs.control] {
        let args = ["-C", "-e", "-q", "-J", "-o", "beginning", "-b", case.job.broker.bootstrap()];
        let output = Command::new("kcat").args(args).args(["-t", topic]).output();
        let Ok(output) = output else { return eprintln!("skipped: there is no kcat") };
        let expected: Vec<Vec<u8>> =
            case.job.broker.read_committed(topic).iter().map(as_kcat).collect();
        let (found, expected) = (output.stdout.escape_ascii(), expected.concat());
        assert_eq!(found.to_string(), expected.escape_ascii().to_string());
    }
}

/// `explain` reproduces the alert from the record.
fn explain_finds(case: &Case, log: &str, alert: &[u8]) {
    let alert: Value = serde_json::from_slice(alert).unwrap();
    let id = alert["alert_id"].as_str().unwrap();
    let output = ok(&["explain", id, "-c", &case.config, "--json", "--input", log]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["tx"], alert["tx"]["id"]);
    let lanes = said["judgement"]["lanes"].as_array().unwrap();
    assert!(lanes.contains(&alert["evidence"][0]["detector"]), "{lanes:?} of {alert}");
}

/// A record of two parts, the first of which is cut off, is the whole; a hole is refused.
fn bounded_and_continued(case: &Case, written: &Written, log: &str) {
    let to = format!("{}/0=8", case.job.input);
    let part = case.record("part.jsonl", &["--to", &to]);
    let bytes = fs::read(&part).unwrap();
    fs::write(&part, &bytes[..bytes.len() - 20]).unwrap();
    ok(&["record", "-c", &case.config, "--resume", &part]);
    assert_eq!(&case.replay(&part).0, written);
    assert_eq!(txwarden(&["record", "-c", &case.config, "-o", log]).status.code(), Some(2));

    let from = format!("{}/0=8", case.job.input);
    let late = case.record("late.jsonl", &["--from", &from, &case.job.input]);
    let refused = txwarden(&["replay", "-c", &case.config, &late]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("record from 0 on"), "{said}");
    assert_eq!(refused.status.code(), Some(2));

    // Without the control topic it is said that the settings are those at hand.
    let bare = case.record("bare.jsonl", &["--without-control", &case.other.input]);
    let (replayed, said) = case.replay(&bare);
    assert!(said.contains("no control log of"), "{said}");
    assert_eq!(replayed[&case.other.input], written[&case.other.input]);
}

/// `eval` measures the same from a record as from plain lines, and one partition at a time.
fn eval_reads(case: &Case, log: &str) {
    let (labels, plain) = (case.path("labels.csv"), case.path("plain.jsonl"));
    let lines: Vec<String> = lines().into_iter().map(|(line, _)| line).collect();
    let is_tx = |line: &Value| line["type"] == "transaction" && line["to_address"].is_string();
    let parsed = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let to: Vec<String> =
        parsed.filter(is_tx).map(|tx| tx["to_address"].as_str().unwrap().to_owned()).collect();
    fs::write(&labels, format!("address,label\n{},1\n", to[to.len() / 2])).unwrap();
    fs::write(&plain, lines.join("\n")).unwrap();
    let eval = |events: &str| {
        let args = ["eval", "--format=ethereum_etl", "--chain=eip155:10", "--skip-no-value"];
        txwarden(
            &[&args[..], &["--labels", &labels, "-c", &case.config, "--events", events]].concat(),
        )
    };
    let bare = case.path("bare.jsonl");
    let (of_record, of_lines) = (eval(&bare), eval(&plain));
    assert_eq!(of_record.status.code(), Some(0), "{of_record:?}");
    assert_eq!(of_record.stdout, of_lines.stdout);
    let refused = eval(log);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("one partition is evaluated"), "{said}");
}
