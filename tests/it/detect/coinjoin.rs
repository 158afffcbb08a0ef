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
    decode::{self, Batch, Format, Settings},
    detect::{Evaluate, Scene, rules::TABLE},
    feature,
    model::{Body, Chain, Event, Record, Reference, TxBody},
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
}

fn each_transaction(path: &Path, mut visit: impl FnMut(&Event)) {
    let settings = Settings {
        is_batch_allowed: false,
        ..Settings::new(Format::BitcoinEtl, Chain::parse(Chain::BITCOIN).unwrap())
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

fn count(
    rule: &dyn Evaluate,
    path: &Path,
    mut class: impl FnMut(&Event) -> Option<String>,
) -> Table {
    let chain = Chain::parse(Chain::BITCOIN).unwrap();
    // An empty state: what the rule finds here, it finds in the transaction alone.
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
        let parties = feature::parties(event, state);
        let scene =
            Scene { chain: &chain, event, signals, state, reference, parties, features: None };
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

/// What a class is to reach: a share that fires, at least or at most.
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// A class, its goal, and the bound that the rule is held to: where it differs from the goal, the
/// goal is missed and the reason stands beside it.
const LABELLED: &[(&str, Goal, f64)] = &[
    ("whirlpool", Goal::AtLeast(1.0), 1.0),
    ("ww1", Goal::AtLeast(1.0), 1.0),
    ("ww2", Goal::AtLeast(1.0), 1.0),
    // Below 546 sat, and spends of Whirlpool coins: left out on purpose.
    ("joinmarket", Goal::AtLeast(0.6), 0.9),
    // 62 of 370 are no tx0 but mixes with an output to a multisig wallet. So are 61 of the class
    // postmix: what tells the two apart is not in the transaction. See `whirlpool_p2wpkh_only`.
    ("tx0", Goal::AtLeast(0.99), 0.8),
    ("postmix", Goal::AtMost(0.01), 0.01),
];

fn print(title: &str, table: &Table) {
    let mut err = std::io::stderr().lock();
    // A failed write to stderr must not fail the test.
    let _ = writeln!(
        err,
        "{title}\n{:<18}{:>6}{:>7}{:>8}{:>10}  by variant",
        "class", "n", "fired", "%", "goal %"
    );
    for (class, row) in table {
        let name = class.split(' ').next().unwrap_or_default();
        let goal = LABELLED.iter().find(|(class, ..)| *class == name);
        let goal = goal.map_or(String::new(), |(_, goal, _)| match goal {
            Goal::AtLeast(share) => format!(">= {:.0}", share * 100.0),
            Goal::AtMost(share) => format!("<= {:.0}", share * 100.0),
        });
        let Row { n, by_variant } = row;
        let percent = 100.0 * row.share();
        let fired = row.fired();
        let _ =
            writeln!(err, "{class:<18}{n:>6}{fired:>7}{percent:>8.2}{goal:>10}  {by_variant:?}");
    }
}

fn rule() -> Box<dyn Evaluate> {
    let entry = TABLE.iter().find(|e| e.meta.id == "coinjoin").unwrap();
    (entry.build)(&Map::new()).unwrap()
}

#[test]
fn labelled_mixes_are_recognised() {
    let name = "coinjoin::labelled_mixes_are_recognised";
    let Some(path) = data::shared(name, "btc-coinjoin/transactions_dev.jsonl.gz") else { return };
    let labels = std::fs::read_to_string(path.with_file_name("labels_dev.csv")).unwrap();
    let labels: BTreeMap<&str, &str> = labels.lines().filter_map(|l| l.split_once(',')).collect();
    // Two halves by the parity of the id: the definitions are published ones, so both must agree.
    let table = count(&*rule(), &path, |event| {
        let Body::Tx(tx) = &event.body else { return None };
        let id = tx.id.hex();
        let is_even = id.ends_with(['0', '2', '4', '6', '8', 'a', 'c', 'e']);
        let half = if is_even { "even" } else { "odd" };
        Some(format!("{} {half}", labels.get(id.as_str())?))
    });
    print("coinjoin on labelled transactions", &table);
    for (class, goal, bound) in LABELLED {
        for half in ["even", "odd"] {
            let row = &table[&format!("{class} {half}")];
            assert!(row.n > 0, "{class} {half}");
            let share = row.share();
            let is_reached = match goal {
                Goal::AtLeast(_) => share >= *bound,
                Goal::AtMost(_) => share <= *bound,
            };
            assert!(is_reached, "{class} {half}: {share}, bound {bound}");
        }
    }
}

#[test]
fn ordinary_blocks_hold_few_mixes() {
    let name = "coinjoin::ordinary_blocks_hold_few_mixes";
    let file = "bitcoin-etl/bitcoin_transactions.bitcoin-etl.jsonl.gz";
    let Some(path) = data::shared(name, file) else { return };
    let table = count(&*rule(), &path, |event| {
        Some(event.inclusion().map_or("pending".to_owned(), |i| format!("{:07}", i.height)))
    });
    print("coinjoin on whole blocks (goal: 0.10 % false positives)", &table);
    let n: usize = table.values().map(|row| row.n).sum();
    let fired: usize = table.values().map(Row::fired).sum();
    assert_eq!((n, table.len()), (7_815, 5));
    // The blocks have no labels. Seven of the ten have five inputs and five outputs of exactly a
    // pool size, one has 60 equal outputs of 0.109 BTC, in the year of the labelled ones.
    assert!((1..=10).contains(&fired), "{fired} of {n}");
}

#[test]
fn mixes_unite_no_entities() {
    let name = "coinjoin::mixes_unite_no_entities";
    let Some(path) = data::shared(name, "btc-coinjoin/transactions_dev.jsonl.gz") else { return };
    let labels = std::fs::read_to_string(path.with_file_name("labels_dev.csv")).unwrap();
    let labels: BTreeMap<&str, &str> = labels.lines().filter_map(|l| l.split_once(',')).collect();
    // By class: transactions with several inputs, and those that may be signed by several owners.
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let chain = Chain::parse(Chain::BITCOIN).unwrap();
    let mut state = State::new(chain, &Default::default(), 1);
    let mut n_largest = 0;
    each_transaction(&path, |event| {
        let Body::Tx(tx) = &event.body else { return };
        let TxBody::Utxo(body) = &tx.body else { return };
        let Some(class) = labels.get(tx.id.hex().as_str()) else { return };
        let (n, n_joint) = counts.entry(class).or_default();
        *n += usize::from(body.inputs.len() > 1);
        *n_joint += usize::from(body.may_be_joint());
        state.admit(event);
        state.apply(event);
        for input in &body.inputs {
            let key = input.address.as_ref().map(|address| state.key(address));
            let entity = key.and_then(|key| state.entity(key, event.time));
            n_largest = n_largest.max(entity.map_or(1, |entity| entity.n_members));
        }
    });
    let n_united = state.n_united_accounts();
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "of several inputs, joint: {counts:?}");
    let _ = writeln!(err, "united accounts: {n_united}, largest entity: {n_largest}");
    for class in ["whirlpool", "ww1", "ww2", "joinmarket"] {
        let (n, n_joint) = counts[class];
        assert!(n > 0 && n == n_joint, "{class}: {n_joint} of {n}");
    }
    // Spends after a mix join their own coins: the gate must leave something to learn.
    let (n, n_joint) = counts["postmix"];
    assert!(n_united > 100 && n_joint * 2 < n, "{n_united} united, {n_joint} of {n} gated");
}
