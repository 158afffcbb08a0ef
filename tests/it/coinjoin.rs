//! Recall and false positives of the `coinjoin` rule on labelled transactions and whole blocks.

use crate::data;
use flate2::read::GzDecoder;
use serde_json::Map;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Write},
    path::Path,
};
use txwarden::{
    decode::{self, Batch, Format, Limits, Settings},
    detect::{Rule, Scene, rules::TABLE},
    model::{Body, Chain, Event, Record, Reference},
    state::State,
};

/// Findings by variant, and transactions, of one class.
#[derive(Default)]
struct Row {
    n: usize,
    by_variant: BTreeMap<String, usize>,
}

impl Row {
    fn fired(&self) -> usize {
        self.by_variant.values().sum()
    }

    fn share(&self) -> f64 {
        self.fired() as f64 / self.n.max(1) as f64
    }

    /// Fires of variants whose structure hardly leaves room for doubt: all outputs of a pool's
    /// size, or at least ten equal outputs to new SegWit scripts from as many inputs.
    fn unmistakable(&self) -> usize {
        let of = |variant: &str| self.by_variant.get(variant).copied().unwrap_or_default();
        of("whirlpool") + of("wasabi1") + of("wasabi2")
    }
}

fn each_transaction(path: &Path, mut visit: impl FnMut(&Event)) {
    let settings = Settings {
        format: Format::BitcoinEtl,
        chain: Chain::parse(Chain::BITCOIN).unwrap(),
        is_batch_allowed: false,
        limits: Limits::default(),
    };
    let mut batch = Batch::default();
    for line in BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines() {
        let line = line.unwrap();
        let record = Record { value: Some(line.as_bytes()), ..Record::default() };
        decode::decode(&settings, &record, &mut batch);
        assert_eq!(batch.events.len(), 1, "{:?}: {}", batch.parts, &line[..line.len().min(200)]);
        visit(&batch.events[0]);
    }
}

fn count(rule: &dyn Rule, path: &Path, mut class: impl FnMut(&Event) -> Option<String>) -> Table {
    let chain = Chain::parse(Chain::BITCOIN).unwrap();
    // The rule looks at nothing but the transaction: an empty state proves it.
    let state = State::new(chain.clone(), &Default::default(), 1);
    let reference = Reference::default();
    let mut table = Table::new();
    each_transaction(path, |event| {
        let Some(class) = class(event) else { return };
        let row = table.entry(class).or_default();
        row.n += 1;
        let signals = &[];
        let (state, reference) = (&state, &reference);
        let mut found = Vec::new();
        let scene = Scene { chain: &chain, event, signals, state, reference, features: None };
        rule.evaluate(&scene, &mut found);
        assert!(found.len() <= 1);
        for finding in found {
            let variant = finding.refs[0].strip_prefix("variant:").unwrap().to_owned();
            *row.by_variant.entry(variant).or_default() += 1;
        }
    });
    table
}

type Table = BTreeMap<String, Row>;

fn print(title: &str, table: &Table) {
    let mut err = std::io::stderr().lock();
    // A failed write to stderr must not fail the test.
    let _ = writeln!(err, "{title}\n{:<16}{:>7}{:>7}{:>8}  by variant", "class", "n", "fired", "%");
    for (class, row) in table {
        let Row { n, by_variant } = row;
        let percent = 100.0 * row.share();
        let _ = writeln!(err, "{class:<16}{n:>7}{:>7}{percent:>8.2}  {by_variant:?}", row.fired());
    }
}

fn rule() -> Box<dyn Rule> {
    let entry = TABLE.iter().find(|e| e.meta.id == "coinjoin").unwrap();
    (entry.build)(&Map::new()).unwrap()
}

#[test]
fn labelled_mixes_are_recognised() {
    let name = "coinjoin::labelled_mixes_are_recognised";
    let Some(path) = data::shared(name, "btc-coinjoin/transactions_dev.jsonl.gz") else { return };
    let labels = std::fs::read_to_string(path.with_file_name("labels_dev.csv")).unwrap();
    let labels: BTreeMap<&str, &str> = labels.lines().filter_map(|l| l.split_once(',')).collect();
    let table = count(&*rule(), &path, |event| {
        let Body::Tx(tx) = &event.body else { return None };
        Some((*labels.get(tx.id.hex().as_str())?).to_owned())
    });
    print("coinjoin on labelled transactions", &table);
    for class in ["whirlpool", "ww1", "ww2"] {
        assert!(table[class].n > 0 && table[class].share() == 1.0, "{class}");
    }
    assert!(table["tx0"].share() >= 0.99);
    // Three in four transactions labelled joinmarket have two equal outputs or equal dust: trades
    // of inscriptions, mostly. With the definition's three equal outputs above dust, 23 are left.
    assert!(table["joinmarket"].share() >= 0.09);
    // Spends after a mix are themselves mixes at times: remixes, and JoinMarket makers.
    let postmix = &table["postmix"];
    let is_mix = postmix.unmistakable() + postmix.by_variant["joinmarket"];
    let false_positives = postmix.fired() - is_mix;
    assert!(postmix.n > 1_000 && false_positives * 100 <= postmix.n, "{false_positives}");
}

#[test]
fn ordinary_blocks_hold_few_mixes() {
    let name = "coinjoin::ordinary_blocks_hold_few_mixes";
    let file = "bitcoin-etl/bitcoin_transactions.bitcoin-etl.jsonl.gz";
    let Some(path) = data::shared(name, file) else { return };
    let table = count(&*rule(), &path, |event| {
        Some(event.inclusion().map_or("pending".to_owned(), |i| format!("{:07}", i.height)))
    });
    print("coinjoin on whole blocks", &table);
    let n: usize = table.values().map(|row| row.n).sum();
    assert_eq!((n, table.len()), (7_815, 5));
    let doubtful: usize = table.values().map(|row| row.fired() - row.unmistakable()).sum();
    assert!(doubtful * 1_000 <= n, "{doubtful} of {n}");
}
