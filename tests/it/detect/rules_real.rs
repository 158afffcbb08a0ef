//! How often each rule fires on whole real blocks: rare, or it is noise.

use crate::data;
use flate2::read::GzDecoder;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Write},
};
use txwarden::{
    decode::{self, Batch, Format, Limits, Settings},
    detect::{Params, Scene, rules},
    feature,
    model::{Body, Chain, EventTime, Price, Record, Reference},
    state::{Disposition, State},
};

/// Findings by rule, and the transactions that were looked at.
struct Tally {
    n_transactions: usize,
    by_rule: BTreeMap<&'static str, usize>,
    examples: BTreeMap<&'static str, String>,
}

fn fold(path: &std::path::Path, format: Format, chain: &str, usd: f64) -> Tally {
    let chain = Chain::parse(chain).unwrap();
    let limits = Limits::default();
    let settings =
        Settings { is_batch_allowed: false, limits, ..Settings::new(format, chain.clone()) };
    let mut state = State::new(chain.clone(), &Default::default(), 3);
    let price = Price { from: EventTime::default(), usd };
    let prices = BTreeMap::from([(chain.native.symbol.to_string(), vec![price])]);
    let reference = Reference { prices, ..Reference::default() };
    let rules = rules::build(&Params::default(), chain.family).unwrap();
    let mut tally =
        Tally { n_transactions: 0, by_rule: BTreeMap::new(), examples: BTreeMap::new() };
    let mut batch = Batch::default();
    let mut found = Vec::new();
    for line in BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines() {
        let line = line.unwrap();
        let record = Record { value: Some(line.as_bytes()), ..Record::default() };
        decode::decode(&settings, &record, &mut batch);
        for event in &batch.events {
            let admission = state.admit(event);
            if admission.disposition == Disposition::Duplicate {
                continue;
            }
            tally.n_transactions += usize::from(matches!(event.body, Body::Tx(_)));
            let (chain, state_ref, reference) = (&chain, &state, &reference);
            let signals = &admission.signals[..];
            let parties = feature::parties(event, state_ref);
            let scene = Scene {
                chain,
                event,
                signals,
                state: state_ref,
                reference,
                parties,
                features: None,
            };
            rules.iter().for_each(|active| active.rule.evaluate(&scene, &mut found));
            state.apply(event);
        }
        for finding in found.drain(..) {
            *tally.by_rule.entry(finding.detector.as_str()).or_default() += 1;
            tally.examples.entry(finding.detector.as_str()).or_insert(finding.explanation);
        }
    }
    tally
}

fn check(name: &str, tally: &Tally, n_expected: usize) {
    let mut err = std::io::stderr().lock();
    // A failed write to stderr must not fail the test.
    let _ = writeln!(err, "{name}: findings on {} transactions", tally.n_transactions);
    for (rule, n) in &tally.by_rule {
        let _ = writeln!(err, "{rule:<22}{n:>6}  e.g. {}", tally.examples[rule]);
    }
    assert_eq!(tally.n_transactions, n_expected);
    for (rule, n) in &tally.by_rule {
        // The blocks are far apart and partly of congested days: one in fifty is a loose bound.
        assert!(n * 50 <= tally.n_transactions, "{rule} fired {n} times");
    }
}

#[test]
fn rules_are_rare_on_bitcoin_blocks() {
    let file = "bitcoin-etl/bitcoin_transactions.bitcoin-etl.jsonl.gz";
    let name = "rules_real::rules_are_rare_on_bitcoin_blocks";
    let Some(path) = data::shared(name, file) else { return };
    check(name, &fold(&path, Format::BitcoinEtl, Chain::BITCOIN, 10_000.0), 7_815);
}

#[test]
fn rules_are_rare_on_ethereum_blocks() {
    let file = "ethereum-etl/ethereum_transactions.ethereum-etl.jsonl.gz";
    let name = "rules_real::rules_are_rare_on_ethereum_blocks";
    let Some(path) = data::shared(name, file) else { return };
    check(name, &fold(&path, Format::EthereumEtl, Chain::ETHEREUM, 2_000.0), 24_342);
}
