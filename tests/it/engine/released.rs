//! Snapshots of every released layout keep loading and fold on to the same alerts; what is damaged
//! or newer is refused.
//!
//! `fixtures/snapshots/v<layout>-<family>.bin.zst` is an image made from the simulator's traffic,
//! `….jsonl.zst` the records that follow it, `….alerts.jsonl` the bodies of the alerts that they
//! raise. A change of layout adds a pair and keeps the old ones, whose alerts may change in `refs`
//! only: `UPDATE_SNAPSHOTS=1 cargo test --test it released::every` writes those of the present
//! layout.

use proptest::prelude::*;
use serde_json::Value;
use std::{fs, path::PathBuf};
use txwarden::{
    decode::{Format, Limits, Settings},
    engine::{Action, Engine, EngineError, Params, Setup},
    model::{Chain, Family, Record},
    pipeline::{Driver, Fits},
    sim::{Evm, Line, Scenario, Utxo},
};

/// The layout that this program writes.
const LAYOUT: u16 = 5;
/// All released layouts; the last one is [`LAYOUT`].
const FIXTURES: &[(u16, Family)] = &[
    (3, Family::Evm),
    (3, Family::Utxo),
    (4, Family::Evm),
    (4, Family::Utxo),
    (5, Family::Evm),
    (5, Family::Utxo),
];

/// Records before the image is taken: the models' first fits have taken over, and one is pending.
const N_BEFORE: usize = 1_900;
/// Records that follow it.
const N_AFTER: usize = 900;

fn chain(family: Family) -> Chain {
    let id = if family == Family::Evm { Chain::ETHEREUM } else { Chain::BITCOIN };
    Chain::parse(id).unwrap()
}

/// Small bounds and short schedules: everything that a snapshot holds shows up soon.
fn setup(family: Family) -> Setup {
    let members = r#"{
        "kmeans": {"params": {"n_cells": 16, "schedule": {"n_samples_min": 300,
            "n_samples_max": 512, "every_records": 600, "takeover_records": 200}}},
        "dbscan": {"params": {"schedule": {"n_samples_min": 300, "n_samples_max": 512,
            "every_records": 600, "takeover_records": 200}}},
        "soft_and": {"params": {"window": 512, "refresh": 128, "warm_up": 256}},
        "spot": {"params": {"window": 512, "refresh": 128, "warm_up": 256}}}"#;
    let mut params = Params { seed: 11, ..Params::default() };
    params.detect.models = serde_json::from_str(members).unwrap();
    params.state.accounts_max = 800;
    params.state.edges_max = 4_096;
    params.state.transfers_max = 512;
    params.state.outputs_max = 2_000;
    params.state.conflicts_max = 600;
    params.state.dedup_max = 1_500;
    params.state.journal_blocks_max = 12;
    params.triage.warm_up = 200;
    // So few records hold nothing that is one in five hundred: the score lane is to speak.
    params.triage.p_max = 0.02;
    Setup { params, config_hash: "fixture".to_owned(), ..Setup::new(chain(family)) }
}

fn settings(family: Family) -> Settings {
    let format = match family {
        Family::Evm => Format::EthereumEtl,
        Family::Utxo => Format::BitcoinEtl,
    };
    let limits = Limits::default();
    Settings { limits, ..Settings::new(format, chain(family)) }
}

fn path(layout: u16, family: Family, ending: &str) -> PathBuf {
    let family = if family == Family::Evm { "evm" } else { "utxo" };
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("fixtures/snapshots/v{layout}-{family}.{ending}"))
}

fn unpacked(layout: u16, family: Family, ending: &str) -> Vec<u8> {
    let path = path(layout, family, ending);
    let packed = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    zstd::decode_all(&packed[..]).unwrap()
}

/// Folds records and returns the bodies of their alerts, a line each.
fn fold<'a>(
    driver: &mut Driver,
    family: Family,
    first_offset: usize,
    lines: impl Iterator<Item = &'a str>,
) -> String {
    let (settings, mut actions) = (settings(family), Vec::new());
    for (n, line) in lines.enumerate() {
        let offset = (first_offset + n) as i64;
        let value = Some(line.as_bytes());
        let record = Record { topic: "fixture", offset, value, ..Record::default() };
        driver.feed(&settings, record, &mut actions);
    }
    let bodies = actions.iter().filter_map(|action| match action {
        Action::Alert(alert) => Some(alert.canonical_body().unwrap() + "\n"),
        _ => None,
    });
    bodies.collect()
}

/// Makes an engine that has folded the first records of the simulator, and those that follow.
fn history(family: Family) -> (Driver, Vec<Line>) {
    let scenario = match family {
        Family::Evm => Scenario::new(5).evm(Evm { n_blocks: 200, n_users: 600, ..Evm::default() }),
        Family::Utxo => {
            Scenario::new(5).utxo(Utxo { n_blocks: 200, n_users: 400, ..Utxo::default() })
        }
    };
    let lines: Vec<Line> = scenario.lines().take(N_BEFORE + N_AFTER).collect();
    assert_eq!(lines.len(), N_BEFORE + N_AFTER, "the scenario is too short");
    let mut driver = Driver::new(setup(family), Fits::Inline).unwrap();
    fold(&mut driver, family, 0, lines[..N_BEFORE].iter().map(|line| line.json.as_str()));
    (driver, lines)
}

/// Writes the fixtures of the present layout.
fn update(family: Family) {
    let (mut driver, lines) = history(family);
    let pack = |ending: &str, bytes: &[u8]| {
        let packed = zstd::encode_all(bytes, 19).unwrap();
        fs::write(path(LAYOUT, family, ending), packed).unwrap();
    };
    pack("bin.zst", &driver.freeze().encode().unwrap());
    let after: Vec<&str> = lines[N_BEFORE..].iter().map(|line| line.json.as_str()).collect();
    pack("jsonl.zst", after.join("\n").as_bytes());
    let alerts = fold(&mut driver, family, N_BEFORE, after.into_iter());
    fs::write(path(LAYOUT, family, "alerts.jsonl"), alerts).unwrap();
}

/// Returns alerts without what a later version may point at more exactly: all else stays as it was.
fn without_refs(alerts: &str) -> Vec<Value> {
    let bodies = alerts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let bodies = bodies.map(|mut body| {
        let evidence = body["evidence"].as_array_mut().unwrap();
        evidence.iter_mut().filter_map(Value::as_object_mut).for_each(|e| drop(e.remove("refs")));
        body
    });
    bodies.collect()
}

#[test]
fn every_released_snapshot_loads_and_folds_on_to_the_same_alerts() {
    for &(layout, family) in FIXTURES {
        if layout == LAYOUT && std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            update(family);
        }
        let image = unpacked(layout, family, "bin.zst");
        let mut engine = Engine::restore(setup(family), &image).unwrap();
        assert!(engine.stats().n_fits >= 2 && engine.state().n_accounts() > 100);
        if layout == LAYOUT {
            assert!(
                engine.freeze().encode().unwrap() == image,
                "the layout has changed: give it the next number and keep a reader of this one, or, \
                 if it was never released, write its fixtures anew"
            );
        }
        let input = String::from_utf8(unpacked(layout, family, "jsonl.zst")).unwrap();
        let mut driver = Driver::over(engine, Fits::Inline);
        let alerts = fold(&mut driver, family, N_BEFORE, input.lines());
        let file = path(layout, family, "alerts.jsonl");
        let mut expected = fs::read_to_string(&file).unwrap();
        let may_differ = without_refs(&alerts) == without_refs(&expected);
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() && may_differ {
            fs::write(&file, &alerts).unwrap();
            expected.clone_from(&alerts);
        }
        assert_eq!(alerts, expected, "layout {layout}, {family:?}");
        assert!(alerts.lines().count() >= 3, "{} alerts: nothing is shown", alerts.lines().count());
        // Control: without the image's history the same records give other alerts.
        let mut fresh = Driver::new(setup(family), Fits::Inline).unwrap();
        assert_ne!(fold(&mut fresh, family, N_BEFORE, input.lines()), expected);
    }
}

#[test]
fn a_newer_layout_is_refused_by_name() {
    let mut image = unpacked(LAYOUT, Family::Evm, "bin.zst");
    assert_eq!(u16::from(image[0]), LAYOUT);
    image[0] += 1;
    let error = Engine::restore(setup(Family::Evm), &image).err().unwrap();
    let EngineError::Newer { found, known: LAYOUT } = error else { panic!("{error}") };
    assert_eq!(found, LAYOUT + 1);
    assert!(error.to_string().contains(&format!("layout {found}")), "{error}");
}

#[test]
fn a_snapshot_that_was_cut_off_is_refused() {
    let image = unpacked(LAYOUT, Family::Utxo, "bin.zst");
    let cuts = (0..64).map(|n| n * image.len() / 64).chain(image.len() - 16..image.len());
    for n_bytes in cuts {
        let cut = Engine::restore(setup(Family::Utxo), &image[..n_bytes]);
        assert!(cut.is_err(), "{n_bytes} of {} bytes are taken for a snapshot", image.len());
    }
    let longer = [&image[..], &[0]].concat();
    assert!(Engine::restore(setup(Family::Utxo), &longer).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What a checksum let through by accident may be refused or taken, but nothing panics.
    #[test]
    fn a_flipped_bit_never_panics(
        family in prop_oneof![Just(Family::Evm), Just(Family::Utxo)],
        at in 0.0..1.0f64,
        bit in 0..8u32,
    ) {
        let mut image = unpacked(LAYOUT, family, "bin.zst");
        let at = (at * image.len() as f64) as usize;
        image[at] ^= 1 << bit;
        let _ = Engine::restore(setup(family), &image).map(|mut engine| engine.freeze().encode());
    }
}
