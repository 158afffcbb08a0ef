//! Pending streams of several nodes, folded: how rivals are classified and what becomes of alerts.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fmt::Write, fs, path::Path, sync::Arc};
use txwarden::{
    decode::{Format, Settings},
    engine::{Action, Engine, Params, Setup},
    model::{Address, Alert, Chain, Record, Reference, Status, WatchEntry},
    pipeline::{Driver, Fits},
};

/// The first line of a fixture.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// For people: what the stream shows.
    #[serde(rename = "why")]
    _why: String,
    chain: String,
    #[serde(default)]
    watch: Vec<String>,
    #[serde(default)]
    triage: Map<String, Value>,
}

/// One record, and what follows from it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    node: Option<String>,
    kafka_ms: i64,
    format: String,
    #[serde(default)]
    record: Value,
    /// Instead of `record`, for binary formats.
    #[serde(default)]
    hex: String,
    #[serde(default)]
    conflicts: Vec<String>,
    #[serde(default)]
    alerts: Vec<String>,
}

/// What folding a fixture gave, line by line.
struct Outcome {
    alerts: Vec<Vec<Alert>>,
    conflicts: Vec<Vec<String>>,
    n_observations: u64,
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mempool")
}

fn setup(header: &Header) -> Setup {
    let entry = |account: &String| {
        let entry = WatchEntry { name: "shop".to_owned(), role: "deposit".to_owned() };
        (Address::parse(account).unwrap(), entry)
    };
    let watch = header.watch.iter().map(entry).collect();
    let triage = serde_json::from_value(Value::Object(header.triage.clone())).unwrap();
    Setup {
        params: Params { seed: 7, triage, ..Params::default() },
        reference: Arc::new(Reference { watch, ..Reference::default() }),
        config_hash: "test".to_owned(),
        ..Setup::new(Chain::parse(&header.chain).unwrap())
    }
}

/// Folds the lines; with `cut` the engine is saved and restored before every fifth.
fn fold(header: &Header, lines: &[Line], cut: bool) -> Outcome {
    let setup = setup(header);
    let mut driver = Driver::new(setup.clone(), Fits::Inline).unwrap();
    let (mut alerts, mut conflicts) = (Vec::new(), Vec::new());
    let mut before = BTreeMap::new();
    for (line, offset) in lines.iter().zip(0..) {
        if cut && offset % 5 == 4 {
            let bytes = driver.freeze().encode().unwrap();
            let engine = Engine::restore(setup.clone(), &bytes).unwrap();
            driver = Driver::over(engine, Fits::Inline);
        }
        let settings = Settings::new(Format::parse(&line.format).unwrap(), setup.chain.clone());
        let value = if line.hex.is_empty() { line.record.to_string() } else { line.hex.clone() };
        let header = line.node.as_ref().map(|node| ("node", node.as_bytes()));
        let record = Record {
            topic: "mempool",
            offset,
            kafka_ms: Some(line.kafka_ms),
            value: Some(value.as_bytes()),
            headers: header.as_slice(),
            ..Record::default()
        };
        let mut actions = Vec::new();
        driver.feed(&settings, record, &mut actions);
        let mut raised = Vec::new();
        for action in actions {
            match action {
                Action::Alert(alert) => raised.push(*alert),
                Action::DeadLetter(letter) => panic!("line {offset}: {letter:?}"),
                _ => {}
            }
        }
        alerts.push(raised);
        let now = driver.engine().stats().conflicts.clone();
        let grown = now.iter().filter(|(kind, n)| before.get(*kind) != Some(*n));
        conflicts.push(grown.map(|(kind, _)| kind.clone()).collect());
        before = now;
    }
    Outcome { alerts, conflicts, n_observations: driver.engine().stats().n_observations }
}

/// Writes what matters of an alert here.
fn text(alert: &Alert) -> String {
    let mut text = format!(
        "{} #{} {} {}",
        alert.evidence[0].detector,
        alert.revision,
        alert.status.as_str(),
        serde_json::to_value(alert.severity).unwrap().as_str().unwrap(),
    );
    if let Some(block) = alert.tx.as_ref().and_then(|tx| tx.block.as_ref()) {
        write!(text, " in {}", block.height).unwrap();
        assert_eq!(block.finality, alert.status);
    }
    if let Some(retraction) = &alert.retraction {
        let reason = serde_json::to_value(retraction.reason).unwrap();
        let by: String = retraction.by.chars().take(24).collect();
        write!(text, " ({} by {by})", reason.as_str().unwrap()).unwrap();
    }
    for seen in &alert.corroboration {
        write!(text, " {}:{}", seen.node, seen.phase).unwrap();
        assert_eq!(seen.agrees, seen.phase == "admitted");
    }
    text
}

fn read(path: &Path) -> (Header, Vec<Line>, Vec<Value>) {
    let text = fs::read_to_string(path).unwrap();
    let mut values: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let header = serde_json::from_value(values.remove(0)["fixture"].take()).unwrap();
    let lines = values.iter().map(|v| serde_json::from_value(v.clone()).unwrap());
    (header, lines.collect(), values)
}

/// Writes what came out into the fixture: `UPDATE_EXPECT=1`.
fn update(path: &Path, values: Vec<Value>, outcome: &Outcome) {
    let old = fs::read_to_string(path).unwrap();
    let mut text = format!("{}\n", old.lines().next().unwrap());
    for ((mut value, alerts), kinds) in
        values.into_iter().zip(&outcome.alerts).zip(&outcome.conflicts)
    {
        let map = value.as_object_mut().unwrap();
        map.remove("alerts");
        map.remove("conflicts");
        if !kinds.is_empty() {
            map.insert("conflicts".to_owned(), json!(kinds));
        }
        if !alerts.is_empty() {
            map.insert("alerts".to_owned(), alerts.iter().map(self::text).collect());
        }
        writeln!(text, "{value}").unwrap();
    }
    fs::write(path, text).unwrap();
}

#[test]
fn rivals_are_classified_and_alerts_live_as_their_transactions_do() {
    let mut n_files = 0;
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let (header, lines, values) = read(&path);
        let outcome = fold(&header, &lines, false);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            update(&path, values, &outcome);
            continue;
        }
        for (i, line) in lines.iter().enumerate() {
            let alerts: Vec<String> = outcome.alerts[i].iter().map(text).collect();
            assert_eq!(alerts, line.alerts, "{}:{}", path.display(), i + 2);
            assert_eq!(outcome.conflicts[i], line.conflicts, "{}:{}", path.display(), i + 2);
        }
        assert!(outcome.alerts.iter().any(|alerts| !alerts.is_empty()), "{}", path.display());
        n_files += 1;

        let cut = fold(&header, &lines, true);
        assert_eq!(cut.alerts, outcome.alerts, "{}: restored", path.display());
        assert_eq!(cut.n_observations, outcome.n_observations);
    }
    assert!(n_files >= 6 || std::env::var_os("UPDATE_EXPECT").is_some(), "{n_files} fixtures");
}

#[test]
fn revisions_of_one_alert_count_up_without_gaps_and_keep_its_id() {
    let mut statuses = std::collections::BTreeSet::new();
    for file in fs::read_dir(folder()).unwrap() {
        let (header, lines, _) = read(&file.unwrap().path());
        let mut revisions: BTreeMap<String, Vec<Alert>> = BTreeMap::new();
        for alert in fold(&header, &lines, false).alerts.into_iter().flatten() {
            revisions.entry(alert.alert_id.clone()).or_default().push(alert);
        }
        for alerts in revisions.values() {
            for (alert, revision) in alerts.iter().zip(1..) {
                assert_eq!(alert.revision, revision);
                assert_eq!(alert.retraction.is_some(), alert.status == Status::Retracted);
                statuses.insert(alert.status.as_str());
            }
            assert_eq!(alerts[0].status, Status::Provisional);
        }
    }
    assert_eq!(statuses.len(), Status::ALL.len(), "{statuses:?}");
}

/// A pending transaction seen by three nodes is scored once, and doubled sightings change nothing.
#[test]
fn what_several_nodes_tell_is_one_body_with_several_observations() {
    let path = folder().join("evm_replacements.jsonl");
    let (header, lines, _) = read(&path);
    let once = fold(&header, &lines, false);
    let (header, lines, values) = read(&path);
    let doubled: Vec<Line> = values
        .iter()
        .flat_map(|value| [value.clone(), value.clone()])
        .map(|value| serde_json::from_value(value).unwrap())
        .collect();
    let twice = fold(&header, &doubled, false);
    let bodies = |outcome: &Outcome| -> Vec<String> {
        let alerts = outcome.alerts.iter().flatten();
        alerts.map(|alert| alert.canonical_body().unwrap()).collect()
    };
    assert!(bodies(&once).len() > 4 && once.n_observations as usize > lines.len() / 2);
    assert_eq!(bodies(&once), bodies(&twice));
    assert_eq!(once.n_observations, twice.n_observations);
}
