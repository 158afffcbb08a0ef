//! Benches of the engine: one step by chain, with the default detectors and with rules only.

#![allow(clippy::unwrap_used)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::{collections::BTreeMap, hint::black_box, sync::Arc, time::Duration};
use txwarden::{
    decode::{Format, Settings},
    detect::{DetectorSettings, models},
    engine::{Action, Engine, Params, Setup},
    model::{Chain, Family, Record, Reference},
    pipeline::{Driver, Fits},
    sim::{Evm, Line, Scenario, Utxo},
};

/// Records that have been folded before the measured ones, so that state and models are warm.
const N_WARM: usize = 30_000;
/// Records of one measured iteration.
const N_MEASURED: usize = 10_000;

fn lines(family: Family) -> (Vec<Line>, Reference) {
    let scenario = Scenario::new(1).without_incidents();
    let scenario = match family {
        Family::Evm => scenario.evm(Evm { n_blocks: 2_000, ..Evm::default() }),
        Family::Utxo => scenario.utxo(Utxo {
            n_blocks: 800,
            txs_per_block: 60.0,
            n_users: 4_000,
            ..Utxo::default()
        }),
    };
    let mut feed = scenario.lines();
    let lines = feed.by_ref().take(N_WARM + N_MEASURED).collect();
    (lines, feed.truth().reference.clone())
}

fn settings(family: Family) -> Settings {
    let (format, chain) = match family {
        Family::Evm => (Format::EthereumEtl, Chain::ETHEREUM),
        Family::Utxo => (Format::BitcoinEtl, Chain::BITCOIN),
    };
    let chain = Chain::parse(chain).unwrap();
    Settings::new(format, chain)
}

/// Parameters without any model.
fn rules_only() -> Params {
    let off = |entry: &models::ModelEntry| {
        (
            entry.meta.id.to_owned(),
            DetectorSettings { enabled: false, ..DetectorSettings::default() },
        )
    };
    let mut params = Params::default();
    params.detect.models = models::TABLE.iter().map(off).collect::<BTreeMap<_, _>>();
    params
}

/// Folds lines; fits run beside the engine, as they do in `run`.
fn fold(driver: &mut Driver, settings: &Settings, lines: &[Line], actions: &mut Vec<Action>) {
    for (offset, line) in lines.iter().enumerate() {
        let value = Some(line.json.as_bytes());
        let record =
            Record { topic: line.topic, offset: offset as i64, value, ..Record::default() };
        driver.feed(settings, record, actions);
        actions.clear();
    }
}

fn all(c: &mut Criterion) {
    for family in [Family::Evm, Family::Utxo] {
        let (lines, reference) = lines(family);
        let settings = settings(family);
        for (name, params) in [("default", Params::default()), ("rules", rules_only())] {
            let setup = Setup {
                params,
                reference: Arc::new(reference.clone()),
                ..Setup::new(settings.chain.clone())
            };
            let mut warm = Driver::new(setup.clone(), Fits::Background).unwrap();
            let mut actions = Vec::new();
            fold(&mut warm, &settings, &lines[..N_WARM], &mut actions);
            let snapshot = warm.freeze().encode().unwrap();
            let mut group = c.benchmark_group(format!("engine/{name}"));
            group.sample_size(10).measurement_time(Duration::from_secs(8));
            group.throughput(Throughput::Elements(N_MEASURED as u64));
            let id = if family == Family::Evm { "evm" } else { "utxo" };
            group.bench_function(id, |b| {
                b.iter_batched(
                    || {
                        let engine = Engine::restore(setup.clone(), &snapshot).unwrap();
                        Driver::over(engine, Fits::Background)
                    },
                    |mut driver| {
                        fold(&mut driver, &settings, &lines[N_WARM..], &mut actions);
                        black_box(driver)
                    },
                    BatchSize::LargeInput,
                );
            });
        }
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
