//! Snapshots in an S3-compatible server, over the same commands as in a directory.

use crate::{
    data::skip,
    store::object_store::{archive, lines},
};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
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
