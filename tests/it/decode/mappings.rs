//! The mappings that ship: each is correct, reads its samples, and reads real records whole.

use crate::{data, decode::records::check_folder};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};
use txwarden::{
    config::{Config, load_mapping},
    decode::{Batch, Format, Mapping, Refusal, Settings, decode, inspect::Inspector},
    files::records::Records,
    model::{Amount, Body, Chain, Event, Quality, Record},
};

const TRON: &str = "tron:0x2b6653dc";
/// Which chain the samples of each mapping are of.
const CHAINS: [(&str, &str); 9] = [
    ("binance_market", "venue:binance"),
    ("coinbase_market", "venue:coinbase"),
    ("ethereum_csv", Chain::ETHEREUM),
    ("exchange", "venue:example"),
    ("in_house", "venue:house"),
    ("solana", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
    ("tron", TRON),
    ("tron_transfers_hex", TRON),
    ("xrpl", "xrpl:0"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn mapping(name: &str) -> Arc<Mapping> {
    let path = root().join("config/mappings").join(format!("{name}.yaml"));
    load_mapping(&path).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn every_mapping_reads_its_samples() {
    let mut names: Vec<String> = fs::read_dir(root().join("config/mappings"))
        .unwrap()
        .map(|e| e.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, CHAINS.map(|(name, _)| name));
    for (name, chain) in CHAINS {
        let inspector = Inspector {
            chain: Some(Chain::parse(chain).unwrap()),
            mapping: Some(mapping(name)),
            envelope: Default::default(),
            ..Inspector::default()
        };
        let files = ["valid.jsonl", "hostile.jsonl"];
        check_folder(&inspector, Format::Mapped, &format!("mapped/{name}"), &files);
    }
}

/// What records decoded to, and how many were not read, by reason.
fn decode_all<'a>(
    chain: &str,
    name: &str,
    records: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Event>, BTreeMap<&'static str, usize>) {
    let settings = Settings {
        mapping: Some(mapping(name)),
        ..Settings::new(Format::Mapped, Chain::parse(chain).unwrap())
    };
    let (mut events, mut refused, mut batch) = (Vec::new(), BTreeMap::new(), Batch::default());
    for value in records {
        decode(&settings, &Record { value: Some(value), ..Record::default() }, &mut batch);
        for part in &batch.parts {
            let reason = match &part.verdict {
                Ok(_) => continue,
                Err(Refusal::Skip(reason)) => reason.as_str(),
                Err(Refusal::DeadLetter { reason, .. }) => reason.as_str(),
            };
            *refused.entry(reason).or_default() += 1;
        }
        events.append(&mut batch.events);
    }
    (events, refused)
}

/// Reads a file's records the way `replay` does.
fn lines(path: &Path) -> Vec<Vec<u8>> {
    let mut records = Records::open(path).unwrap();
    let mut lines = Vec::new();
    while let Some(line) = records.next_record().unwrap() {
        lines.push(line.to_vec());
    }
    lines
}

#[test]
fn values_in_ether_are_exact_or_flagged() {
    const TEST: &str = "mappings::ethereum_csv";
    let Some(path) = data::shared(TEST, "eth-phish-stream/transactions_to_2017.csv.xz") else {
        return;
    };
    let lines = lines(&path);
    let records = lines.iter().map(Vec::as_slice);
    let (events, refused) = decode_all(Chain::ETHEREUM, "ethereum_csv", records);
    assert_eq!(refused, BTreeMap::from([("control_message", 1)]));
    let sum = |is_counted: &dyn Fn(&Event) -> bool| {
        let counted = events.iter().filter(|e| is_counted(e));
        let values = counted.map(|e| match &e.body {
            Body::Tx(tx) => tx.evm().unwrap().value,
            other => panic!("{other:?}"),
        });
        let (mut n, mut total) = (0, Amount::ZERO);
        values.for_each(|value| (n, total) = (n + 1, total.saturating_add(value)));
        (n, total.to_string())
    };
    let is_exact = |e: &Event| !e.quality.contains(Quality::AMOUNT_LOSSY);
    assert_eq!(sum(&|_| true), (121_155, "57518717288961387778032855".to_owned()));
    assert_eq!(sum(&is_exact), (121_071, "57518717028517463473647228".to_owned()));
    let with_exponent = lines.iter().filter(|line| {
        let line = std::str::from_utf8(line).unwrap();
        line.split(',').nth(5).is_some_and(|value| value.contains('e') && value != "value")
    });
    assert_eq!(with_exponent.count(), 150);
}

#[test]
fn recorded_market_streams_hold_the_trades_that_are_known() {
    const TEST: &str = "mappings::exchange";
    let count = |file: &str, chain: &str, name: &str| -> Option<(usize, usize)> {
        let lines = lines(&data::shared(TEST, &format!("exchange/{file}"))?);
        // The recorder wrote a time in front of what came in, and what went out after an arrow.
        let payloads = lines.iter().filter_map(|line| {
            let at = line.windows(3).position(|w| w == b": {")?;
            let is_received = line[..at].iter().all(|b| b.is_ascii_digit() || *b == b'.');
            is_received.then_some(&line[at + 2..])
        });
        let (events, refused) = decode_all(chain, name, payloads);
        assert!(
            refused.keys().all(|r| matches!(*r, "market_data" | "control_message")),
            "{refused:?}"
        );
        Some((events.len(), refused.values().sum()))
    };
    let binance = |file: &str| count(file, "venue:binance", "binance_market");
    let Some((n_trades, n_skipped)) = binance("BINANCE.ws.1.0.gz") else { return };
    assert!(n_trades == 2 && n_skipped > 0);
    assert_eq!(binance("BINANCE_US.ws.1.0.gz").unwrap().0, 11);
    assert_eq!(binance("BINANCE_FUTURES.ws.1.0.gz").unwrap().0, 91);
    let coinbase = count("COINBASE.ws.28.0.gz", "venue:coinbase", "coinbase_market");
    assert_eq!(coinbase.unwrap().0, 97 + 10);
}

#[test]
fn mistakes_in_a_mapping_are_reported_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let text = "records:\n  - kind: paymant\n  - kind: transfer\n    id: { path: a..b }\n\
                \x20   amount: { path: x, decimal: 6 }\n";
    fs::write(dir.path().join("bad.yaml"), text).unwrap();
    let config = "inputs:\n  - topic: t\n    format: mapped\n    mapping: bad.yaml\n    chain: \
                  \"xrpl:0\"\n  - topic: u\n    format: mapped\n    chain: \"xrpl:0\"\n  - topic: \
                  v\n    format: bitcoind\n    mapping: bad.yaml\n    chain: \
                  \"bip122:000000000019d6689c085ae165831e93\"\n";
    let error = Config::parse("c.yaml", dir.path(), config, &|_| None).unwrap_err().to_string();
    for part in [
        "c.yaml:4:",
        "bad.yaml:2:",
        "did you mean \"payment\"?",
        "bad.yaml:4:",
        "between 1 and 16 names",
        "bad.yaml:5:",
        "did you mean \"decimals\"?",
        "inputs.1: format mapped needs a mapping",
        "inputs.2.mapping: only format mapped has one",
    ] {
        assert!(error.contains(part), "{part:?} is not in\n{error}");
    }
}
