//! The engine as a fold: the same log gives the same actions, however it is cut and restored.

use txwarden::{
    decode::{Format, Settings},
    engine::{Action, Engine, Params, Setup},
    model::{Alert, Chain, Record, Status},
    pipeline::{Driver, Fits},
};

/// One ethereum-etl transaction line.
struct Line {
    n: u64,
    height: u64,
    block: u64,
    from: u64,
    to: u64,
    value: String,
}

impl Line {
    fn json(&self) -> String {
        format!(
            "{{\"type\": \"transaction\", \"hash\": \"0x{:064x}\", \"nonce\": {}, \
             \"transaction_index\": {}, \"from_address\": \"0x{:040x}\", \"to_address\": \
             \"0x{:040x}\", \"value\": {}, \"gas\": 21000, \"gas_price\": 20000000000, \"input\": \
             \"0x\", \"block_timestamp\": {}, \"block_number\": {}, \"block_hash\": \"0x{:064x}\"}}",
            self.n,
            self.n,
            self.n % 10,
            self.from,
            self.to,
            self.value,
            1_700_000_000 + self.height * 12,
            self.height,
            self.block
        )
    }
}

/// Ordinary traffic between 200 accounts, ten transactions a block, one large one in 400.
pub fn traffic(n: u64) -> Vec<String> {
    (1..=n)
        .map(|i| {
            let mixed = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            let value = match i % 400 {
                399 => "250000000000000000000".to_owned(),
                _ => format!("{}", 10_000_000_000_000_000 + mixed % 1_000_000_000_000_000_000),
            };
            let height = 1_000 + i / 10;
            let (from, to) = (1 + mixed % 200, 1 + (mixed / 200) % 200);
            Line { n: i, height, block: 0xb000_0000 + height, from, to, value }.json()
        })
        .collect()
}

pub fn setup() -> Setup {
    let mut params = Params { seed: 7, ..Params::default() };
    params.state.accounts_max = 10_000;
    params.state.transfers_max = 4_096;
    let large: txwarden::detect::DetectorSettings =
        serde_json::from_str("{\"severity\": \"medium\"}").unwrap();
    params.detect.rules.insert("large_native".to_owned(), large);
    Setup {
        params,
        config_hash: "test".to_owned(),
        ..Setup::new(Chain::parse(Chain::ETHEREUM).unwrap())
    }
}

pub fn settings() -> Settings {
    Settings::new(Format::EthereumEtl, Chain::parse(Chain::ETHEREUM).unwrap())
}

pub fn record(line: &str, offset: usize) -> Record<'_> {
    Record {
        topic: "eth",
        offset: offset as i64,
        value: Some(line.as_bytes()),
        ..Record::default()
    }
}

pub fn feed(driver: &mut Driver, lines: &[String], first_offset: usize) -> Vec<Action> {
    let (settings, mut actions) = (settings(), Vec::new());
    for (i, line) in lines.iter().enumerate() {
        driver.feed(&settings, record(line, first_offset + i), &mut actions);
    }
    actions
}

pub fn alerts(actions: &[Action]) -> Vec<&Alert> {
    actions
        .iter()
        .filter_map(|a| if let Action::Alert(a) = a { Some(&**a) } else { None })
        .collect()
}

pub fn json(actions: &[Action]) -> Vec<String> {
    alerts(actions).iter().map(|a| serde_json::to_string(a).unwrap()).collect()
}

#[test]
fn the_same_log_gives_the_same_bytes_with_fits_inline_or_in_the_background() {
    let lines = traffic(6_000);
    let run = |fits| {
        let mut driver = Driver::new(setup(), fits).unwrap();
        let alerts = json(&feed(&mut driver, &lines, 0));
        (alerts, driver.stats().clone())
    };
    let (background, stats) = run(Fits::Background);
    assert!(background.len() >= 10, "{} alerts", background.len());
    assert!(stats.n_fits >= 1, "no fit took over: the comparison would be empty");
    assert_eq!((background, stats), run(Fits::Inline));
}

#[test]
fn scores_are_told_only_when_asked_for_and_change_no_answer() {
    let lines = traffic(6_000);
    let run = |is_reporting_scores, is_value_blind| {
        let mut setup = Setup { is_reporting_scores, ..setup() };
        setup.params.detect.is_value_blind = is_value_blind;
        feed(&mut Driver::new(setup, Fits::Inline).unwrap(), &lines, 0)
    };
    let (told, untold) = (run(true, false), run(false, false));
    assert_eq!(json(&told), json(&untold));
    assert!(!untold.iter().any(|a| matches!(a, Action::Scored(_))));
    let scores = |actions: &[Action]| -> Vec<Option<f64>> {
        let scored = actions.iter().filter_map(|a| match a {
            Action::Scored(report) => Some(report.score),
            _ => None,
        });
        scored.collect()
    };
    let (all, blind) = (scores(&told), scores(&run(true, true)));
    assert_eq!((all.len(), blind.len()), (lines.len(), lines.len()));
    assert_eq!(all[0], None, "no model has an opinion on the first transaction");
    assert!(all[5_000..].iter().all(Option::is_some));
    assert_ne!(all, blind, "values were dropped without a trace");
}

#[test]
fn a_restored_engine_goes_on_as_if_nothing_had_happened() {
    let lines = traffic(5_000);
    let mut undisturbed = Driver::new(setup(), Fits::Inline).unwrap();
    feed(&mut undisturbed, &lines[..3_000], 0);
    let snapshot = undisturbed.freeze().encode().unwrap();
    let expected = json(&feed(&mut undisturbed, &lines[3_000..], 3_000));

    let mut engine = Engine::restore(setup(), &snapshot).unwrap();
    assert_eq!(engine.freeze().encode().unwrap(), snapshot, "a restore must change nothing");
    let mut restored = Driver::over(engine, Fits::Inline);
    assert_eq!(json(&feed(&mut restored, &lines[3_000..], 3_000)), expected);
    assert!(!expected.is_empty());

    // Control: an engine that has forgotten its past answers differently.
    let mut fresh = Driver::new(setup(), Fits::Inline).unwrap();
    assert_ne!(json(&feed(&mut fresh, &lines[3_000..], 3_000)), expected);
}

#[test]
fn a_snapshot_of_another_setup_is_refused() {
    let snapshot = Driver::new(setup(), Fits::Inline).unwrap().freeze().encode().unwrap();
    let other = Setup { config_hash: "other".to_owned(), ..setup() };
    let error = Engine::restore(other, &snapshot).err().unwrap();
    assert_eq!(error.to_string(), "snapshot was made with another configuration");
    assert!(Engine::restore(setup(), &snapshot[..snapshot.len() / 2]).is_err());
}

#[test]
fn a_reorg_retracts_and_re_inclusion_reinstates() {
    let mut lines = traffic(200);
    let loud = |height, block| {
        let value = "300000000000000000000".to_owned();
        Line { n: 9_000, height, block, from: 5, to: 6, value }.json()
    };
    lines.push(loud(1_021, 0xaaaa));
    // Another block at the same height, then the same transaction one block later.
    let other = |n, height, block| {
        let value = "1".to_owned();
        Line { n, height, block, from: 8, to: 9, value }.json()
    };
    lines.push(other(9_001, 1_021, 0xbbbb));
    lines.push(loud(1_022, 0xcccc));
    lines.extend((0..20).map(|i| other(9_100 + i, 1_023 + i, 0xd000 + i)));
    let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
    let actions = feed(&mut driver, &lines, 0);
    assert_eq!(driver.stats().n_reorgs, 1);
    let story: Vec<_> = alerts(&actions)
        .into_iter()
        .filter(|a| a.tx.as_ref().is_some_and(|tx| tx.value.units(18) == 300.0))
        .map(|a| (a.revision, a.status, a.alert_id.clone()))
        .collect();
    let id = story[0].2.clone();
    assert_eq!(
        story,
        [
            (1, Status::Provisional, id.clone()),
            (2, Status::Retracted, id.clone()),
            (3, Status::Provisional, id.clone()),
            (4, Status::Confirmed, id),
        ]
    );
}

#[test]
fn duplicates_change_nothing_and_every_part_is_accounted_for() {
    let lines = traffic(1_000);
    let doubled: Vec<String> = lines.iter().flat_map(|l| [l.clone(), l.clone()]).collect();
    let bodies = |lines: &[String]| {
        let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
        let actions = feed(&mut driver, lines, 0);
        let bodies: Vec<String> =
            alerts(&actions).iter().map(|a| a.canonical_body().unwrap()).collect();
        (bodies, driver.stats().clone())
    };
    let (clean, _) = bodies(&lines);
    let (twice, stats) = bodies(&doubled);
    assert!(!clean.is_empty());
    assert_eq!(clean, twice);
    assert_eq!(stats.skipped.get("duplicate"), Some(&1_000));
    assert_eq!(stats.n_transactions, 1_000);

    let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
    let bad = ["{\"type\": \"transaction\"}".to_owned(), "[]".to_owned(), "\u{0}".to_owned()];
    let actions = feed(&mut driver, &bad, 0);
    let letters = actions.iter().filter(|a| matches!(a, Action::DeadLetter(_))).count();
    let stats = driver.stats();
    assert_eq!(stats.n_parts, letters as u64 + stats.skipped.values().sum::<u64>());
    assert!(letters >= 2, "{stats:?}");
}

#[test]
fn transactions_without_an_account_have_none_in_common() {
    let line = |n: u64, outputs: &str| {
        format!(
            r#"{{"type": "transaction", "hash": "{n:064x}", "is_coinbase": false, "inputs": [{{
            "index": 0, "spent_transaction_hash": "{:064x}", "spent_output_index": 0,
            "sequence": 4294967295, "type": null, "addresses": [], "value": null}}],
            "outputs": [{outputs}], "block_timestamp": 1700000000, "block_number": 800000,
            "block_hash": "{:064x}", "index": {n}, "version": 2, "lock_time": 0}}"#,
            n + 500,
            9
        )
    };
    let data = r#"{"index": 0, "script_hex": "6a", "type": "nulldata", "addresses": [],
                   "value": 7}"#;
    let paid = data
        .replace("[]", r#"["bc1qpaid"]"#)
        .replace("nulldata", "witness_v0_keyhash")
        .replace("6a", "");
    let chain = Chain::parse(Chain::BITCOIN).unwrap();
    let settings = Settings { format: Format::BitcoinEtl, chain: chain.clone(), ..settings() };
    let setup = Setup { chain, is_reporting_scores: true, ..setup() };
    let mut driver = Driver::new(setup, Fits::Inline).unwrap();
    let mut actions = Vec::new();
    for (n, outputs) in (1..).zip([data, data, &paid, &paid]) {
        driver.feed(&settings, record(&line(n, outputs), n as usize), &mut actions);
    }
    let accounts: Vec<_> = actions
        .iter()
        .filter_map(|a| if let Action::Scored(r) = a { Some(r.account) } else { None })
        .collect();
    let [first, second, third, fourth] = accounts[..] else { panic!("{accounts:?}") };
    assert_ne!(first, second);
    assert_eq!(third, fourth);
}
