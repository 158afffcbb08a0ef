//! The hash chain of what `replay` writes, recomputed with nothing but SHA-256 and text.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fs, io::Write, path::Path, process::Command};
use txwarden::sim::{Evm, Scenario};

/// Writes a simulated chain as two files of exporter lines.
fn write_inputs(dir: &Path) -> [String; 2] {
    let evm = Evm { n_blocks: 400, ..Evm::default() };
    let lines: Vec<String> = Scenario::new(7).evm(evm).lines().map(|line| line.json).collect();
    let (early, late) = lines.split_at(lines.len() * 7 / 8);
    [("early.jsonl", early), ("late.jsonl", late)].map(|(name, part)| {
        let path = dir.join(name);
        fs::write(&path, part.join("\n")).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

fn replay(inputs: &[String; 2], batch: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_txwarden"))
        .args(["replay", "--format=ethereum_etl", "--chain=eip155:1", "--quiet", "--batch", batch])
        .args(inputs)
        .env_remove("TXWARDEN_CONFIG")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn replay_writes_a_chain_for_each_file_that_anyone_can_check() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = write_inputs(dir.path());
    let alerts = replay(&inputs, "10000");
    assert_eq!(replay(&inputs, "7"), alerts);
    let mut chains: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for line in alerts.lines() {
        let alert: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| alert["provenance"][field].as_str().unwrap().to_owned();
        let topic = text("topic");
        let genesis = sha256(&format!("txwarden.chain/1\n{topic}\n0"));
        let (seq, head) = chains.entry(topic).or_insert((0, genesis));
        assert_eq!(
            (alert["provenance"]["seq"].as_u64(), text("prev_hash")),
            (Some(*seq + 1), head.clone())
        );
        let hash = text("hash");
        assert_eq!(line.matches(&hash).count(), 1);
        assert_eq!(sha256(&line.replace(&hash, &"0".repeat(64))), hash);
        (*seq, *head) = (*seq + 1, hash);
    }
    let counts: Vec<_> = chains.iter().map(|(topic, (n, _))| (topic.as_str(), *n)).collect();
    assert!(matches!(counts[..], [("early.jsonl", 2..), ("late.jsonl", 2..)]), "{counts:?}");
}

/// Runs `verify`; returns its exit code and what it says.
fn verify(args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_txwarden"));
    let output = command.arg("verify").args(args).env_remove("TXWARDEN_CONFIG").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn verify_passes_what_replay_wrote_and_names_what_was_changed() {
    let dir = tempfile::tempdir().unwrap();
    let alerts = replay(&write_inputs(dir.path()), "100");
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let file = path("alerts.jsonl");
    fs::write(&file, &alerts).unwrap();
    let (code, said) = verify(&[&file]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("early.jsonl/0: ") && said.contains("late.jsonl/0: "), "{said}");
    assert!(said.ends_with("\nintact\n"), "{said}");
    // A number in a sentence, in the third record of the file.
    let mut lines: Vec<String> = alerts.lines().map(str::to_owned).collect();
    lines[2] = lines[2].replacen("\"reason\":\"", "\"reason\":\"Not ", 1);
    fs::write(&file, lines.join("\n")).unwrap();
    let (code, said) = verify(&["--json", &file]);
    assert_eq!(code, 3, "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{said}");
    let third: Value = serde_json::from_str(&lines[2]).unwrap();
    for (field, expected) in [
        ("kind", &Value::from("edited")),
        ("topic", &third["provenance"]["topic"]),
        ("seq", &third["provenance"]["seq"]),
    ] {
        assert_eq!(&findings[0][field], expected, "{said}");
    }
    assert_eq!(findings[0]["at"]["position"], 3);
    for (args, code) in [
        (&[][..], 2),
        (&["--from-checkpoint", "7", file.as_str()], 2),
        (&["--public-key", file.as_str(), file.as_str()], 2),
        (&["/no/such/file"], 1),
    ] {
        assert_eq!(verify(args).0, code, "{args:?}");
    }
}

/// An archive is what was written, however it was packed on its way; what cannot be read accuses
/// nobody.
#[test]
fn verify_reads_archives_as_replay_does_and_accuses_nobody_of_packing() {
    let dir = tempfile::tempdir().unwrap();
    let alerts = replay(&write_inputs(dir.path()), "100");
    let gzip = |text: &[u8]| -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    };
    let packed = || gzip(alerts.as_bytes());
    // Packed by the program that archives are packed by, where it is installed.
    let plain = dir.path().join("plain.jsonl");
    fs::write(&plain, &alerts).unwrap();
    let xz = Command::new("xz").args(["-1", "-c"]).arg(&plain).output();
    let xz = xz.map_or_else(|_| packed(), |output| output.stdout);
    let crlf = alerts.replace('\n', "\r\n");
    let marked = format!("\u{feff}{alerts}");
    let edited = alerts.replacen("\"reason\":\"", "\"reason\":\"Not ", 1);
    for (name, bytes, expected) in [
        ("a.jsonl.gz", packed(), 0),
        ("a.jsonl.xz", xz, 0),
        ("a.jsonl.zst", zstd::stream::encode_all(alerts.as_bytes(), 3).unwrap(), 0),
        ("rotated.jsonl.gz.1", packed(), 0),
        ("windows.jsonl", crlf.clone().into_bytes(), 0),
        ("windows.jsonl.gz", gzip(crlf.as_bytes()), 0),
        ("marked.jsonl", marked.into_bytes(), 0),
        ("no_last_line_end.jsonl", alerts.trim_end().as_bytes().to_vec(), 0),
        // Packing hides no edit.
        ("edited.jsonl.gz", gzip(edited.as_bytes()), 3),
        ("edited.jsonl", edited.replace('\n', "\r\n").into_bytes(), 3),
        ("spaced.jsonl", alerts.replacen("}\n", "} \n", 1).into_bytes(), 3),
        // What cannot be read is an error, and no verdict.
        ("cut.jsonl.gz", packed()[..200].to_vec(), 1),
        ("a.jsonl.bz2", b"BZh91AY&SY".to_vec(), 1),
        ("pretty.json", b"{\n  \"alert_id\": 1\n}\n".to_vec(), 1),
        ("array.json", format!("[{}]", alerts.trim_end().replace('\n', ",")).into_bytes(), 1),
        ("a.zip", b"PK\x03\x04".to_vec(), 1),
        ("wide.jsonl", b"\xff\xfe{\x00".to_vec(), 1),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let (code, said) = verify(&[path.to_str().unwrap()]);
        assert_eq!(code, expected, "{name}: {said}");
        assert_eq!(said.contains("edited"), expected == 3, "{name}: {said}");
        assert_eq!(said.contains("early.jsonl/0: "), expected != 1, "{name}: {said}");
    }
}

#[test]
fn the_manual_says_how_to_check_a_hash_by_hand() {
    let test = "the_manual_says_how_to_check_a_hash_by_hand";
    let has = |tool| Command::new(tool).arg("--version").output().is_ok();
    if !["bash", "jq", "sha256sum"].into_iter().all(has) {
        return crate::data::skip(test, "bash, jq or sha256sum is not installed");
    }
    let page = fs::read_to_string("src/manual/proof.md").unwrap();
    let (_, rest) = page.split_once("<!-- prove -->\n```sh\n").unwrap();
    let (script, _) = rest.split_once("```\n<!-- /prove -->").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let alerts = replay(&write_inputs(dir.path()), "100");
    fs::write(dir.path().join("alerts.jsonl"), &alerts).unwrap();
    let output =
        Command::new("bash").args(["-euc", script]).current_dir(dir.path()).output().unwrap();
    let second: Value = serde_json::from_str(alerts.lines().nth(1).unwrap()).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.split_whitespace().next(), second["provenance"]["hash"].as_str());
}
