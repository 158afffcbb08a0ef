//! `schema fetch` against a registry of our own: what it asks, what it writes, what it refuses.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output},
    sync::{Arc, Mutex},
};
use txwarden::{
    config::load_schemas,
    decode::{Wrapping, envelope::Layer},
};

const PAY: &str = r#"syntax = \"proto3\"; import \"money.proto\"; message Pay { Money m = 1; }"#;

/// Answers requests until the test ends; the first one with a failure.
struct Server {
    url: String,
    /// Request lines and authorizations, in their order.
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

fn answers() -> BTreeMap<&'static str, String> {
    let version = |id: u32, kind: &str, schema: &str, references: &str| {
        format!(
            r#"{{"subject": "s", "version": 1, "id": {id}, {kind} "schema": "{schema}", "references": {references}}}"#
        )
    };
    let proto = r#""schemaType": "PROTOBUF","#;
    let money = r#"syntax = \"proto3\"; message Money { string amount = 1; }"#;
    let refers = r#"[{"name": "money.proto", "subject": "a/money", "version": 3}]"#;
    BTreeMap::from([
        ("/subjects", r#"["pay-value", "avro-value"]"#.to_owned()),
        ("/subjects/pay-value/versions", "[1]".to_owned()),
        ("/subjects/pay-value/versions/1", version(8, proto, PAY, refers)),
        ("/subjects/a%2Fmoney/versions/3", version(5, proto, money, "[]")),
        ("/subjects/avro-value/versions", "[1, 2]".to_owned()),
        ("/subjects/avro-value/versions/1", version(6, "", r#"\"string\""#, "[]")),
        ("/subjects/avro-value/versions/2", version(7, "", r#"\"bytes\""#, "[]")),
    ])
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            let answers = answers();
            for (n, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().unwrap().unwrap();
                let rest: Vec<String> =
                    lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
                let is_auth = |line: &&String| line.to_lowercase().starts_with("authorization:");
                let auth = rest.iter().find(is_auth).cloned().unwrap_or_default();
                let path = first.split(' ').nth(1).unwrap();
                let (status, body) = match (n, answers.get(path)) {
                    (0, _) => ("503 Busy", "{}".to_owned()),
                    (_, Some(body)) => ("200 OK", body.clone()),
                    (_, None) => ("404 Not Found", "{}".to_owned()),
                };
                noted.lock().unwrap().push((first.clone(), auth));
                let n_bytes = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {status}\r\ncontent-length: {n_bytes}\r\nconnection: close\r\n\r\n{body}"
                )
                .unwrap();
            }
        });
        Self { url, asked }
    }

    fn fetch(&self, to: &Path, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_txwarden"));
        command.args(["schema", "fetch", "--registry", &self.url, "--to"]).arg(to).args(args);
        command.env_remove("TXWARDEN_REGISTRY_USERNAME").output().unwrap()
    }
}

#[test]
fn a_registry_becomes_a_directory_that_inputs_can_name() {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    let to = dir.path().join("schemas");
    let password = dir.path().join("password");
    fs::write(&password, "s3cret\n").unwrap();
    let args = ["--username", "me", "--password-file", password.to_str().unwrap()];
    let fetched = server.fetch(&to, &args);
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    let mut names: Vec<String> = fs::read_dir(&to)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["6.avsc", "7.avsc", "8.proto", "import-0000-money_proto.proto"]);
    let layers = Wrapping::Layers(vec![Layer::Confluent]);
    assert_eq!(load_schemas(&layers, Some(&to)).unwrap().len(), 3);
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(asked[0].0, asked[1].0, "the first answer was a failure, and asked for again");
    // me:s3cret
    assert!(asked.iter().all(|(_, auth)| auth.ends_with("Basic bWU6czNjcmV0")), "{asked:?}");
    let again = server.fetch(&to, &args);
    assert!(String::from_utf8_lossy(&again.stdout).contains(" 0 files changed"));
}

#[test]
fn what_the_registry_does_not_have_is_said() {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    let to = dir.path().join("schemas");
    let missing = server.fetch(&to, &["--subject", "nobody"]);
    assert_eq!(missing.status.code(), Some(1));
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(said.contains("404") && said.contains("/subjects/nobody/versions"), "{said}");
    assert!(!to.exists(), "nothing is written of half an answer");
    assert_eq!(server.fetch(&to, &["--password-file", "x"]).status.code(), Some(2));
}
