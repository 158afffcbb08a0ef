//! Every rule against its fixtures: what fires, what stays quiet, what its table line promises.

use crate::detect::fixture::{self, Fixture};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};
use txwarden::{
    decode::{self, Batch, Format, Settings},
    detect::{
        DetectorSettings, Evaluate, Need, Params, ParamsError, RuleMeta, Scene,
        rules::{self, REFS_MAX, Registered, RuleEntry, TABLE},
    },
    feature,
    model::{Chain, DetectorId, DetectorKind, Family, Finding, Record, Reference, Subject},
    state::{Disposition, State},
};

fn folder(entry: &RuleEntry) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rules").join(entry.meta.id)
}

/// What folding a fixture through one rule gave.
pub struct Outcome {
    pub n_events: usize,
    pub findings: Vec<Finding>,
}

/// Folds exporter lines: decode, admit, evaluate, apply, as the engine does, without the rest.
pub fn fold(rule: &dyn Evaluate, fixture: &Fixture) -> Outcome {
    let settings = Settings {
        is_batch_allowed: false,
        ..Settings::new(
            match fixture.chain.family {
                Family::Evm => Format::EthereumEtl,
                Family::Utxo => Format::BitcoinEtl,
            },
            fixture.chain.clone(),
        )
    };
    let mut state = State::new(fixture.chain.clone(), &Default::default(), 7);
    let mut outcome = Outcome { n_events: 0, findings: Vec::new() };
    let mut batch = Batch::default();
    for line in &fixture.lines {
        let record = Record { value: Some(line.as_bytes()), ..Record::default() };
        decode::decode(&settings, &record, &mut batch);
        for part in &batch.parts {
            assert!(part.verdict.is_ok(), "{:?} for {line}", part.verdict);
        }
        for event in &batch.events {
            outcome.n_events += 1;
            let admission = state.admit(event);
            if admission.disposition == Disposition::Duplicate {
                continue;
            }
            let scene = Scene {
                chain: &fixture.chain,
                event,
                signals: &admission.signals,
                state: &state,
                reference: &fixture.reference,
                parties: feature::parties(event, &state),
                features: None,
            };
            rule.evaluate(&scene, &mut outcome.findings);
            state.apply(event);
        }
    }
    outcome
}

fn run(entry: &RuleEntry, name: &str) -> (Fixture, Outcome) {
    let fixture = fixture::read(&folder(entry).join(name), entry.meta.families[0]);
    let rule = (entry.build)(&fixture.params)
        .unwrap_or_else(|error| panic!("{}/{name}: {error:?}", entry.meta.id));
    let outcome = fold(&*rule, &fixture);
    assert!(outcome.n_events > 0, "{}/{name}: nothing was decoded", entry.meta.id);
    (fixture, outcome)
}

/// Returns the names of a rule's fixtures of one kind: `fires.jsonl` and any `fires_….jsonl`.
fn names(entry: &RuleEntry, kind: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder(entry)).unwrap();
    let mut names: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    for name in &names {
        let is_known = name.starts_with("fires") || name.starts_with("quiet");
        assert!(is_known && name.ends_with(".jsonl"), "{}/{name}: not a fixture", entry.meta.id);
    }
    names.retain(|name| name.starts_with(kind));
    names.sort_unstable();
    let least = format!("{kind}.jsonl");
    assert!(names.contains(&least), "{}/{least} is missing", entry.meta.id);
    names
}

#[test]
fn every_rule_fires_on_what_it_is_for() {
    for entry in TABLE {
        for name in names(entry, "fires") {
            assert_fires(entry, &name);
        }
    }
}

fn assert_fires(entry: &RuleEntry, name: &str) {
    let (fixture, outcome) = run(entry, name);
    let id = format!("{}/{name}", entry.meta.id);
    assert!(!outcome.findings.is_empty(), "{id} did not fire");
    for finding in &outcome.findings {
        assert_well_formed(entry.meta.id, finding);
        let expect = &fixture.expect;
        let subject = finding.subject.render(&fixture.chain);
        assert!(expect.subject.as_ref().is_none_or(|s| *s == subject), "{id}: {subject}");
        let severity = finding.severity;
        assert!(expect.severity.is_none_or(|s| s == severity), "{id}: {severity:?}");
    }
    let severities: Vec<_> = outcome.findings.iter().map(|f| f.severity).collect();
    assert!(fixture.expect.severities.is_none_or(|s| s == severities), "{id}: {severities:?}");
    let text = &outcome.findings[0].explanation;
    assert!(fixture.expect.says.is_none_or(|s| text.contains(&s)), "{id}: {text}");
    let n = outcome.findings.len();
    let all = &outcome.findings;
    assert!(fixture.expect.n.is_none_or(|e| e == n), "{id}: {n} findings: {all:#?}");
}

#[test]
fn every_rule_is_quiet_on_what_only_looks_like_it() {
    for entry in TABLE {
        for name in names(entry, "quiet") {
            let (_, outcome) = run(entry, &name);
            let id = entry.meta.id;
            assert!(outcome.findings.is_empty(), "{id}/{name}: {:#?}", outcome.findings);
        }
    }
}

/// A ref leads to a transaction: it names the whole id of one that was read.
#[test]
fn refs_name_transactions_that_were_read() {
    let (mut n_refs, mut with_refs) = (0, BTreeSet::new());
    for entry in TABLE {
        for name in names(entry, "fires") {
            let (fixture, outcome) = run(entry, &name);
            for id in outcome.findings.iter().flat_map(|f| &f.refs) {
                let Some(id) = id.strip_prefix("tx:") else { continue };
                let is_read = fixture.lines.iter().any(|line| line.contains(&format!("\"{id}\"")));
                assert!(is_read, "{}/{name}: {id}", entry.meta.id);
                n_refs += 1;
                with_refs.insert(entry.meta.id);
            }
        }
    }
    assert!(n_refs > 50 && with_refs.len() >= 6, "{n_refs} of {with_refs:?}");
}

fn assert_well_formed(id: &str, finding: &Finding) {
    assert_eq!((finding.detector.as_str(), finding.kind), (id, DetectorKind::Rule));
    assert!(finding.value.is_finite(), "{id}: value");
    assert_eq!(finding.surprise, 0.0, "{id}: a rule claims no surprise");
    let band = finding.expected;
    assert!(band.low.is_some() || band.high.is_some(), "{id}: no expected band");
    assert!(band.low.into_iter().chain(band.high).all(f64::is_finite), "{id}: band");
    let is_outside = band.low.is_some_and(|low| finding.value <= low)
        || band.high.is_some_and(|high| finding.value >= high);
    assert!(is_outside, "{id}: value {} lies inside {band:?}", finding.value);
    assert!(!finding.unit.is_empty(), "{id}: no unit");
    let text = &finding.explanation;
    assert!(text.ends_with('.') && text.contains(|c: char| c.is_ascii_digit()), "{id}: {text}");
    assert!(text.len() <= 600, "{id}: {text}");
    assert!(!finding.quiet_if.is_empty() && !finding.quiet_if.ends_with('.'), "{id}: quiet_if");
    assert!(finding.refs.len() <= REFS_MAX, "{id}: {} refs", finding.refs.len());
    let kinds = ["tx:", "account:", "outpoint:", "block:", "variant:"];
    for text in &finding.refs {
        assert!(kinds.iter().any(|kind| text.starts_with(kind)), "{id}: ref {text}");
    }
    assert!(!text.contains("NaN") && !text.contains("inf "), "{id}: {text}");
}

#[test]
fn the_table_is_sorted_and_each_line_is_complete() {
    assert!(TABLE.is_sorted_by(|a, b| a.meta.id < b.meta.id));
    assert!(!TABLE.is_empty());
    for entry in TABLE {
        let meta = entry.meta;
        assert!(meta.description.ends_with('.') && !meta.title.ends_with('.'), "{}", meta.id);
        assert!(!meta.families.is_empty() && !meta.references.is_empty(), "{}", meta.id);
        assert!(!meta.false_positives.is_empty(), "{}", meta.id);
        assert!(meta.references.iter().all(|r| r.starts_with("https://")), "{}", meta.id);
        let subjects = [
            "outpoint or sender",
            "sender",
            "receiver",
            "transaction",
            "block",
            "outpoint",
            "account",
        ];
        assert!(subjects.contains(&meta.subject), "{}: subject {}", meta.id, meta.subject);
        let defaults = (entry.defaults)();
        assert!(defaults.is_object(), "{}: {defaults}", meta.id);
        let Value::Object(map) = defaults else { unreachable!() };
        (entry.build)(&map).unwrap_or_else(|error| panic!("{}: defaults: {error:?}", meta.id));
        let unknown = Map::from_iter([("no_such_field".to_owned(), json!(1))]);
        assert!((entry.build)(&unknown).is_err(), "{}: unknown field accepted", meta.id);
    }
}

#[test]
fn every_mistake_is_reported_at_once() {
    let mut params = Params::default();
    let bad = Map::from_iter([("no_such_field".to_owned(), json!(1))]);
    params.rules.insert("large_nativ".to_owned(), DetectorSettings::default());
    params.rules.insert(
        "large_native".to_owned(),
        DetectorSettings { params: bad, ..DetectorSettings::default() },
    );
    let Err(mistakes) = rules::build(&params, Family::Evm) else { panic!("accepted") };
    let [ParamsError::Unknown { suggestion, .. }, ParamsError::Bad { id, .. }] = &mistakes[..]
    else {
        panic!("{mistakes:?}")
    };
    assert_eq!((*suggestion, *id), (Some("large_native"), "large_native"));
    assert!(mistakes[0].to_string().contains("did you mean \"large_native\"?"));
}

#[test]
fn disabled_rules_and_other_families_are_left_out() {
    let mut params = Params::default();
    let ids = |params: &Params, family| -> Vec<&str> {
        rules::build(params, family).unwrap().iter().map(|r| r.meta.id.as_str()).collect()
    };
    assert!(ids(&params, Family::Evm).contains(&"large_native"));
    assert!(!ids(&params, Family::Utxo).contains(&"large_native"));
    let off = DetectorSettings { enabled: false, ..DetectorSettings::default() };
    params.rules.insert("large_native".to_owned(), off);
    assert!(!ids(&params, Family::Evm).contains(&"large_native"));
}

#[test]
fn reference_data_decides_what_is_evaluable() {
    let mut meta_needs_price = None;
    for entry in TABLE {
        let ethereum = Chain::parse(Chain::ETHEREUM).unwrap();
        let missing = rules::missing(entry.meta.needs, &ethereum, &Reference::default());
        let decided = |need: &&Need| !matches!(need, Need::Logs | Need::Outcomes);
        assert_eq!(missing, entry.meta.needs.iter().find(decided).copied(), "{}", entry.meta.id);
        if missing == Some(Need::NativePrice) {
            meta_needs_price = Some(entry.meta);
        }
    }
    if let Some(meta) = meta_needs_price {
        let fixture = fixture::read(&folder_of(meta.id), meta.families[0]);
        assert_eq!(
            rules::missing(meta.needs, &fixture.chain, &fixture.reference),
            None,
            "{}",
            meta.id
        );
    }
}

fn folder_of(id: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rules").join(id).join("fires.jsonl")
}

/// A rule that a user wrote: it fires on every transaction.
struct Always(DetectorId);

impl Evaluate for Always {
    fn evaluate(&self, _: &Scene<'_>, out: &mut Vec<Finding>) {
        let mut finding = rules::finding(TABLE[0].meta, Subject::Chain);
        finding.detector = self.0;
        out.push(finding);
    }
}

#[test]
fn a_rule_registered_at_run_time_is_one_like_any_other() {
    let mut params = Params::default();
    let id = DetectorId::intern(&["mine", "own"].join("_"));
    let meta = RuleMeta { id, families: vec![Family::Utxo], ..RuleMeta::from(TABLE[0].meta) };
    let rule = Registered::new(meta, json!({}), move |_| Ok(Box::new(Always(id))));
    params.registry.register(rule.clone()).unwrap();
    assert_eq!(params.registry.register(rule).unwrap_err().id, "mine_own");
    assert_ne!(params.registry, Params::default().registry);
    let built = |params: &Params, family| {
        let rules = rules::build(params, family).unwrap();
        rules.into_iter().any(|rule| rule.meta.id == id)
    };
    assert!(built(&params, Family::Utxo) && !built(&params, Family::Evm));
    params
        .rules
        .insert(id.to_string(), DetectorSettings { enabled: false, ..DetectorSettings::default() });
    assert!(!built(&params, Family::Utxo));
}
