//! `state` against directories and an S3-compatible server: carry, list, keep, refuse.

use crate::data::skip;
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use txwarden::runtime::snapshot::{
    Archive, BODY_FORMAT, Header, Params, Place, Store, bundle_hash,
};

/// How long the server may take to start on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);

/// An S3-compatible server with one empty bucket.
struct Server {
    process: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts moto on a free port; `None` where it is not installed.
    fn start(bucket: &str) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("moto_server");
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let server = Self { process, address: format!("127.0.0.1:{port}") };
        let until = Instant::now() + START_MAX;
        while !server.make(bucket).unwrap_or_default().starts_with("HTTP/1.1 200") {
            assert!(Instant::now() < until, "moto_server does not answer");
            thread::park_timeout(Duration::from_millis(50));
        }
        Some(server)
    }

    fn make(&self, bucket: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(START_MAX))?;
        write!(
            stream,
            "PUT /{bucket} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.address
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Runs `txwarden state` as somebody who has credentials for the server.
    fn state(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_txwarden"));
        command.arg("state").args(args).env_remove("TXWARDEN_CONFIG");
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT", &format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true"),
        ] {
            command.env(name, value);
        }
        command.output().unwrap()
    }
}

fn state(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_txwarden"));
    command.arg("state").args(args).env_remove("TXWARDEN_CONFIG").output().unwrap()
}

fn place() -> Place {
    Place { group: "g".to_owned(), topic: "t".to_owned(), partition: 0 }
}

fn local(dir: &Path) -> Store {
    let url = dir.to_str().unwrap().to_owned();
    Store::open(&Params { url, ..Params::default() }).unwrap().unwrap()
}

/// Publishes a snapshot with a bundle and writes it as an archive.
fn archive(dir: &Path, offset: i64, n_bytes: usize) -> PathBuf {
    let store = local(&dir.join(format!("origin-{offset}")));
    let bundle = format!("settings of {offset}");
    let hash = bundle_hash(bundle.as_bytes());
    store.put_bundle(&hash, bundle.as_bytes()).unwrap();
    let header = Header {
        format: BODY_FORMAT,
        place: place(),
        offset,
        bundle: hash,
        chain: "eip155:1".to_owned(),
        ..Header::default()
    };
    // Nothing that zstd could make small: the file shall need several parts.
    let mut body = vec![0; n_bytes];
    blake3::Hasher::new().update(&offset.to_le_bytes()).finalize_xof().fill(&mut body);
    store.publish(header.clone(), &body).unwrap();
    let bytes = Archive::take(&store, &header).unwrap().encode().unwrap();
    let path = dir.join(format!("{offset}.state"));
    fs::write(&path, bytes).unwrap();
    path
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_archive_is_checked_before_anything_of_it_is_published() {
    let dir = tempfile::tempdir().unwrap();
    let path = archive(dir.path(), 10, 5_000);
    let file = path.to_str().unwrap();
    let target = dir.path().join("target");
    let url = target.to_str().unwrap();
    let bytes = fs::read(&path).unwrap();
    for at in [0, 9, 40, bytes.len() / 2, bytes.len() - 1] {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        fs::write(&path, &bent).unwrap();
        assert_eq!(state(&["import", file, "--snapshots", url]).status.code(), Some(1), "{at}");
    }
    assert!(!target.exists());
    fs::write(&path, &bytes).unwrap();
    assert!(state(&["import", file, "--snapshots", url]).status.success());
    let again = dir.path().join("again.state");
    let export = ["export", again.to_str().unwrap(), "--snapshots", url];
    assert!(state(&export).status.success());
    assert!(fs::read(&again).unwrap() == bytes);

    let shown = state(&["inspect", url]);
    assert_eq!(shown.status.code(), Some(0));
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("g/t/0\n  offset 10: ") && text.contains(", whole\n"), "{text}");
    let snapshot = target.join(format!("v1/g/t/0/{:020}.snap", 10));
    let mut bent = fs::read(&snapshot).unwrap();
    bent[60] ^= 1;
    fs::write(&snapshot, &bent).unwrap();
    let shown = state(&["inspect", "--snapshots", url]);
    assert_eq!(shown.status.code(), Some(3), "damage is a finding");
    assert!(String::from_utf8(shown.stdout).unwrap().contains("is damaged: its checksum"));
    assert_eq!(state(&export).status.code(), Some(1));
    let nowhere = ["export", "x", "--snapshots", url, "--group", "other"];
    assert_eq!(state(&nowhere).status.code(), Some(2));
    assert_eq!(state(&["inspect", "--snapshots", "none"]).status.code(), Some(2));
    assert_eq!(state(&["inspect", "--snapshots", "ftp://x/y"]).status.code(), Some(78));
}

/// Payments by seven senders to eleven receivers, one of them large.
fn payments() -> String {
    let payment = |i: u64| {
        let value = if i == 150 { "900000000000000000000000" } else { "1500000000000000000" };
        format!(
            concat!(
                r#"{{"type":"transaction","hash":"0x{i:064x}","nonce":{i},"block_hash":"#,
                r#""0x{b:064x}","block_number":{b},"block_timestamp":{t},"transaction_index":0,"#,
                r#""from_address":"0x{a:040x}","to_address":"0x{r:040x}","value":"{v}","#,
                r#""gas":21000,"gas_price":"1000000000","input":"0x"}}"#
            ),
            i = i,
            b = 1_000 + i,
            t = 1_600_000_000 + i * 12,
            a = 1 + i % 7,
            r = 100 + i % 11,
            v = value,
        )
    };
    (0..300).map(|i| payment(i) + "\n").collect()
}

#[test]
fn an_account_is_shown_in_words_and_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (history, config, store) = (path("h.jsonl"), path("c.yaml"), path("state"));
    fs::write(&history, payments()).unwrap();
    let loud = "version: 1\ndetect: { rules: { large_native: { severity: high } } }\n";
    fs::write(&config, loud).unwrap();
    let mut replay = Command::new(env!("CARGO_BIN_EXE_txwarden"));
    replay.args(["replay", "-c", &config, "--format", "ethereum_etl", "--chain", "eip155:1"]);
    replay.args(["--snapshot", &store, "--group", "g", "--topic", "t", "-q", &history]);
    let alerts = replay.output().unwrap();
    assert!(alerts.status.success(), "{}", String::from_utf8_lossy(&alerts.stderr));
    let first = String::from_utf8(alerts.stdout).unwrap();
    let first: Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    let subject = first["subject"].as_str().unwrap();

    let known = ["--snapshots", &store, "-c", &config];
    let show =
        |subject: &str, more: &[&str]| state(&[&["show", subject][..], &known, more].concat());
    let text = String::from_utf8(show(subject, &[]).stdout).unwrap();
    let seen = "first seen 2020-09-13 12:28:";
    assert!(text.contains("received 27 payments from 7 senders") && text.contains(seen), "{text}");
    assert!(text.contains("recent moves, newest first:\n    2020-09-13 13:"), "{text}");
    let json = lines(&show(subject, &["--json"]));
    assert_eq!((json.len(), &json[0]["n_in"]), (1, &27.into()));
    assert_eq!(json[0]["moves"].as_array().unwrap().len(), 27);
    // The chain may be named beside the address, or not at all.
    let address = subject.rsplit_once(':').unwrap().1;
    assert!(show(address, &["--chain", "eip155:1"]).status.success());
    assert!(show(address, &[]).status.success());
    assert_eq!(show(address, &["--chain", "eip155:5"]).status.code(), Some(2));
    assert_eq!(show("0x00000000000000000000000000000000000000ff", &[]).status.code(), Some(3));
    let found = lines(&state(&["inspect", "--json", &store]));
    assert!(found[0]["header"]["taken_ms"].as_i64().unwrap() > 0);
    assert_eq!((&found[0]["state"], &found[0]["offset"]), (&"whole".into(), &300.into()));
}

#[cfg(feature = "cloud")]
#[test]
fn snapshots_live_in_an_s3_compatible_store() {
    let name = "snapshots_live_in_an_s3_compatible_store";
    let Some(server) = Server::start("bucket") else {
        return skip(name, "moto_server is not installed: pip install 'moto[server]'");
    };
    let dir = tempfile::tempdir().unwrap();
    let url = "s3://bucket/some/prefix";
    let inspect = ["inspect", "--json", "--snapshots", url];
    assert_eq!(lines(&server.state(&inspect)).len(), 0);
    // Above 8 MiB: sent in parts.
    for (offset, n_bytes) in [(10, 5_000), (20, 20 << 20), (30, 9 << 20)] {
        let path = archive(dir.path(), offset, n_bytes);
        let done = server.state(&["import", path.to_str().unwrap(), "--snapshots", url]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let found = lines(&server.state(&inspect));
    let told: Vec<_> = found.iter().map(|line| (&line["offset"], &line["state"])).collect();
    assert_eq!(told, [(&30.into(), &"whole".into()), (&20.into(), &"whole".into())]);
    let back = dir.path().join("back.state");
    let offset = ["--offset", "20", "--snapshots", url];
    let export = [&["export", back.to_str().unwrap()][..], &offset].concat();
    assert!(server.state(&export).status.success());
    assert!(fs::read(&back).unwrap() == fs::read(dir.path().join("20.state")).unwrap());
    let gone = server.state(&["inspect", "--snapshots", "s3://no-such-bucket/x"]);
    assert_eq!(gone.status.code(), Some(1));
}
