//! SIGTERM and SIGINT to the built binary: exit code, time, and nothing lost or repeated.

use crate::kafka::job::{Job, lines};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};
use txwarden::{
    journal::{Change, ControlEntry, Why},
    model::Severity,
};

/// Two seconds are promised; the rest is for a machine that runs other tests beside this one.
pub const STOP_MAX: Duration = Duration::from_millis(2_500);

/// A `run` under way; killed when a test fails.
pub struct Running {
    child: Child,
    log: Receiver<String>,
    /// Where it answers HTTP.
    http: String,
}

impl Running {
    pub fn start(config: &Path) -> Self {
        Self::start_with(config, &[])
    }

    /// Starts `run` and returns when it has told that it is up.
    pub fn start_with(config: &Path, more: &[&str]) -> Self {
        Self::start_as("run", config, more)
    }

    /// Starts `run` or `route`.
    pub fn start_as(command: &str, config: &Path, more: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_txwarden"))
            .args([command, "--http-listen", "127.0.0.1:0", "--log-level", "info", "-c"])
            .arg(config)
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (told, lines) = channel();
        let mut running = Self { child, log: lines, http: String::new() };
        let mut log = BufReader::new(running.child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("started\"") || !line.contains("\"listen\"") {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended before it had started");
        }
        let started: serde_json::Value = serde_json::from_str(&line).unwrap();
        running.http = started["listen"].as_str().unwrap().to_owned();
        // A full pipe would stop the process.
        std::thread::spawn(move || {
            log.lines().map_while(Result::ok).try_for_each(|l| told.send(l))
        });
        running
    }

    /// Waits for a line of the log, and returns it.
    pub fn await_log(&self, text: &str) -> String {
        loop {
            let line = self.log.recv_timeout(Duration::from_secs(60)).unwrap();
            if line.contains(text) {
                return line;
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Asks for a reload over HTTP; returns the whole answer.
    fn post_reload(&self) -> String {
        self.ask("POST /-/reload")
    }

    /// Returns the metrics, with the head of the answer.
    pub fn metrics(&self) -> String {
        self.ask("GET /metrics")
    }

    /// Returns what `/readyz` says, with the head of the answer.
    pub fn readyz(&self) -> String {
        self.ask("GET /readyz")
    }

    fn ask(&self, what: &str) -> String {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let request = format!("{what} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Waits for the end and returns the exit code with the time it took.
    pub fn end(mut self) -> (Option<i32>, Duration) {
        let since = Instant::now();
        let status = self.child.wait().unwrap();
        (status.code(), since.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
    }
}

/// Nobody listens on port 1 of the loopback interface.
const NOBODY: &str = "version: 1
kafka: { brokers: \"127.0.0.1:1\", start: earliest }
inputs: [{ topic: a, format: ethereum_etl, chain: \"eip155:1\" }]
snapshots: { url: none }
";

#[test]
fn an_unreachable_broker_does_not_hold_up_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("txwarden.yaml");
    fs::write(&config, NOBODY).unwrap();
    for name in ["TERM", "INT"] {
        let running = Running::start(&config);
        running.signal(name);
        let (code, took) = running.end();
        assert_eq!(code, Some(0), "SIG{name}");
        assert!(took < STOP_MAX, "SIG{name}: {took:?}");
    }
}

#[test]
fn a_stop_under_load_commits_what_it_answered_and_no_more() {
    let test = "a_stop_under_load_commits_what_it_answered_and_no_more";
    let Some(job) = Job::new(test) else { return };
    let lines = lines();
    job.broker.produce(&job.input, &lines);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("txwarden.yaml");
    fs::write(&config, configuration(&job)).unwrap();
    let mut committed = 0;
    // Live under load, then while the state is rebuilt, then to the end.
    for is_last in [false, false, true] {
        let running = Running::start(&config);
        let n = lines.len() as i64;
        let seen =
            job.await_offset(|offset| if is_last { offset == n } else { offset > committed });
        running.signal("TERM");
        let (code, took) = running.end();
        assert_eq!(code, Some(0));
        assert!(took < STOP_MAX, "{took:?}");
        committed = job.await_offset(|offset| offset >= seen);
        let written = job.alerts();
        let expected = job.fold(&lines[..committed as usize]);
        let ids = |alerts: &[txwarden::model::Alert]| -> Vec<_> {
            alerts.iter().map(|a| (a.alert_id.clone(), a.revision, a.provenance.seq)).collect()
        };
        assert!(!written.is_empty());
        assert_eq!(ids(&written), ids(&expected), "committed up to {committed}");
    }
}

#[test]
fn a_paused_partition_does_not_hold_up_a_stop() {
    let Some(job) = Job::new("a_paused_partition_does_not_hold_up_a_stop") else { return };
    let bad: Vec<_> = (0..300).map(|i| (format!("not json {i}"), i)).collect();
    job.broker.produce(&job.input, &bad);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("txwarden.yaml");
    fs::write(&config, configuration(&job)).unwrap();
    let running = Running::start(&config);
    // A hundred in a row are a flood: they commit, and the partition pauses.
    job.await_offset(|offset| offset == 100);
    running.signal("INT");
    let (code, took) = running.end();
    assert_eq!(code, Some(0));
    assert!(took < STOP_MAX, "{took:?}");
    assert_eq!(job.broker.read_committed(&job.params.outputs.dead_letters).len(), 100);
}

#[test]
fn a_hangup_reloads_and_mistakes_change_nothing() {
    let Some(mut job) = Job::new("a_hangup_reloads_and_mistakes_change_nothing") else { return };
    let dir = tempfile::tempdir().unwrap();
    job.params.snapshots.url = dir.path().join("state").display().to_string();
    job.broker.produce(&job.input, &lines()[..100]);
    let config = dir.path().join("txwarden.yaml");
    let text = configuration(&job);
    fs::write(&config, &text).unwrap();
    let running = Running::start(&config);
    job.await_offset(|offset| offset == 100);
    // A mistake first: were it not ignored, the second entry would not be the one below.
    fs::write(&config, text.replace("severity: high", "severity: loud")).unwrap();
    running.signal("HUP");
    running.await_log("configuration not reloaded");
    fs::write(&config, text.replace("severity: high", "severity: critical")).unwrap();
    running.signal("HUP");
    running.await_log("partition goes on with other settings");
    assert_reload_noted(&job, 2, 100);
    job.broker.produce(&job.input, &lines()[100..400]);
    job.await_offset(|offset| offset == 400);

    // The same over HTTP.
    fs::write(&config, text.replace("severity: high", "severity: loud")).unwrap();
    let answer = running.post_reload();
    assert!(answer.starts_with("HTTP/1.1 422 ") && answer.contains("loud"), "{answer}");
    fs::write(&config, text.replace("severity: high", "severity: medium")).unwrap();
    let answer = running.post_reload();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_reload_noted(&job, 3, 400);
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
    let severities: Vec<_> =
        job.alerts().iter().map(|a| (a.provenance.offset >= 100, a.severity)).collect();
    assert!(severities.contains(&(true, Severity::Critical)), "{severities:?}");
    assert!(!severities.contains(&(false, Severity::Critical)), "{severities:?}");
}

/// Waits for the control entry of a reload, which must be the last one, with its place.
fn assert_reload_noted(job: &Job, n: u64, offset: i64) {
    let entries = || job.broker.read_committed(&job.params.outputs.control);
    let until = Instant::now() + Duration::from_secs(60);
    while entries().len() < n as usize {
        assert!(Instant::now() < until, "no entry of the reload");
    }
    let last = entries().pop().unwrap();
    let last = ControlEntry::parse(rdkafka::Message::payload(&last).unwrap()).unwrap();
    assert_eq!((last.n, last.offset), (n, offset));
    assert!(matches!(last.change, Change::Setup { why: Why::Reload, .. }), "{last:?}");
}

pub fn configuration(job: &Job) -> String {
    let Job { params, input, .. } = job;
    format!(
        "version: 1
kafka: {{ brokers: \"{}\", group: {}, start: earliest, session_timeout_ms: 6000 }}
inputs: [{{ topic: {input}, format: ethereum_etl, chain: \"eip155:1\" }}]
outputs: {{ alerts: {}, dead_letters: {}, checkpoints: {}, control: {} }}
batch: {{ records_max: 100 }}
snapshots: {{ url: {} }}
detect: {{ rules: {{ large_native: {{ severity: high, params: {{ units_min: {{ ETH: 2.0 }} }} }} }} }}
",
        params.kafka.brokers,
        params.kafka.group,
        params.outputs.alerts,
        params.outputs.dead_letters,
        params.outputs.checkpoints,
        params.outputs.control,
        params.snapshots.url,
    )
}
