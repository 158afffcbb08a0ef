//! What must not be told: nonces that are none, rules that can never fire, sentences about nothing.

use crate::{
    detect::{fixture, rules},
    engine::fold::settings,
};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};
use txwarden::{
    config::load_mapping,
    decode::{self, Batch, Checks, Format, Limits, Policy, Refusal, Settings},
    detect::{Need, rules::TABLE},
    engine::{Action, Engine, Params, Setup},
    model::{Body, Chain, EventTime, Family, Label, LabelKind, Price, Record, Reference},
    pipeline::{Driver, Fits},
    sim::{Evm, Scenario, Utxo},
};

/// Returns the nonces that a record's transactions are read with.
fn nonces(format: Format, chain: &str, mapping: Option<&str>, record: &str) -> Vec<Option<u64>> {
    let path = |name: &str| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("config/mappings").join(format!("{name}.yaml"))
    };
    let checks = Checks { hash: Policy::Ignore, merkle: Policy::Ignore, ..Checks::default() };
    let settings = Settings {
        is_batch_allowed: false,
        limits: Limits { checks, ..Limits::default() },
        mapping: mapping.map(|name| load_mapping(&path(name)).unwrap()),
        ..Settings::new(format, Chain::parse(chain).unwrap())
    };
    let mut batch = Batch::default();
    let record = Record { value: Some(record.as_bytes()), ..Record::default() };
    decode::decode(&settings, &record, &mut batch);
    // The head of a table is a part that is skipped.
    let is_read = |part: &decode::Part| !matches!(part.verdict, Err(Refusal::DeadLetter { .. }));
    assert!(batch.parts.iter().all(is_read), "{chain}: {:?}", batch.parts);
    let nonce = |event: &txwarden::model::Event| match &event.body {
        Body::Tx(tx) => tx.evm().map(|evm| evm.nonce),
        _ => None,
    };
    batch.events.iter().filter_map(nonce).collect()
}

const SENDER: &str = "0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const NOBODY: &str = "0x0000000000000000000000000000000000000000";

#[test]
fn what_an_account_does_not_count_is_no_nonce_in_any_format() {
    let etl = |from: &str, kind: u32, nonce: u32| {
        format!(
            r#"{{"type": "transaction", "hash": "0x{:064x}", "nonce": {nonce}, "transaction_index": 0,
            "from_address": "{from}", "to_address": "{SENDER}", "value": 1, "gas": 1, "gas_price": 0,
            "input": "0x", "block_number": 5, "block_timestamp": 1700000000,
            "transaction_type": {kind}}}"#,
            kind + 1
        )
    };
    let rpc = |kind: &str, nonce: &str| {
        format!(
            r#"{{"jsonrpc": "2.0", "method": "eth_subscription", "params": {{"subscription": "0x1",
            "result": {{"hash": "0x{:064x}", "nonce": "{nonce}", "from": "{SENDER}",
            "to": "{SENDER}", "value": "0x1", "gas": "0x0", "gasPrice": "0x0", "input": "0x",
            "type": "{kind}", "v": "0x0", "r": "0x0", "s": "0x0", "blockHash": null,
            "blockNumber": null}}}}}}"#,
            9
        )
    };
    let xrpl = |sequence: u32| {
        format!(
            r#"{{"validated": true, "ledger_index": 88000000, "ledger_hash": "{:064x}",
            "transaction": {{"hash": "{:064x}", "TransactionType": "Payment",
            "Account": "rnXyVQzgxZe7TR1EPzTkGj2jxH4LMJYh66",
            "Destination": "rPT1Sjq2YGrBMTttX4GZHjKu9dyfzbpAYe", "date": 771315200,
            "Sequence": {sequence}, "Amount": "1000000"}},
            "meta": {{"delivered_amount": "5000000", "TransactionResult": "tesSUCCESS",
            "TransactionIndex": 3}}}}"#,
            100, 1
        )
    };
    let csv = |kind: u32| {
        format!(
            "hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,value,\
             gas,gas_price,input,block_timestamp,transaction_type\n0x{:064x},0,0x{:064x},5,0,\
             {SENDER},{SENDER},1,1,0,0x,1700000000,{kind}\n",
            1, 2
        )
    };
    let (rows, row, node) = (Format::EthereumEtlCsv, Format::EthereumEtl, Format::EvmRpc);
    let xrp = Some("xrpl");
    let cases = [
        (row, "eip155:10", None, etl(SENDER, 126, 0), None),
        (row, "eip155:42161", None, etl(SENDER, 105, 0), None),
        (row, "eip155:324", None, etl(SENDER, 255, 912), None),
        (row, "eip155:137", None, etl(NOBODY, 0, 0), None),
        (row, "eip155:137", None, etl(SENDER, 127, 0), None),
        (rows, "eip155:8453", None, csv(126), None),
        (node, "eip155:42161", None, rpc("0x64", "0x0"), None),
        (node, "eip155:42161", None, rpc("0x6a", "0x0"), None),
        (node, "eip155:534352", None, rpc("0x7e", "0x51"), None),
        (node, "eip155:728126428", None, rpc("0x0", "0x0"), None),
        (node, "eip155:3448148188", None, rpc("0x0", "0x0"), None),
        (Format::Mapped, "xrpl:0", xrp, xrpl(0), None),
        // What counts stays.
        (Format::Mapped, "xrpl:0", xrp, xrpl(77), Some(77)),
        (row, "eip155:10", None, etl(SENDER, 2, 0), Some(0)),
        (rows, "eip155:8453", None, csv(2), Some(0)),
        (node, "eip155:42161", None, rpc("0x78", "0x3"), Some(3)),
    ];
    for (format, chain, mapping, record, nonce) in cases {
        let read = nonces(format, chain, mapping, &record);
        assert_eq!(read, [nonce], "{format:?} {chain} {record}");
    }
}

/// Returns what the rules that can never fire on a chain miss, input aside.
fn silent(chain: &str, reference: Reference) -> BTreeMap<&'static str, Need> {
    let setup = Setup {
        reference: Arc::new(reference),
        config_hash: "test".to_owned(),
        ..Setup::new(Chain::parse(chain).unwrap())
    };
    let engine = Engine::new(setup).unwrap();
    let silent = engine.not_evaluable().into_iter();
    silent.filter(|(_, need)| !matches!(need, Need::Logs | Need::Outcomes)).collect()
}

#[test]
fn a_rule_that_can_never_fire_on_a_chain_says_what_it_wants() {
    let priced = |assets: &[(&str, f64)]| Reference {
        prices: assets
            .iter()
            .map(|(asset, usd)| {
                ((*asset).to_owned(), vec![Price { from: EventTime::default(), usd: *usd }])
            })
            .collect(),
        ..Reference::default()
    };
    let listed = |address: &str| {
        let label = Label {
            kind: LabelKind::Sanctioned,
            name: "listed".to_owned(),
            source: "test".to_owned(),
            confidence: 1.0,
            expires: None,
        };
        let address = txwarden::model::Address::parse(address).unwrap();
        Reference { labels: BTreeMap::from([(address, vec![label])]), ..Reference::default() }
    };
    let (price, labels) = (Need::NativePrice, Need::Labels(LabelKind::Sanctioned));
    let ethereum = silent("eip155:1", priced(&[("ETH", 3_000.0)]));
    assert_eq!(ethereum, BTreeMap::from([("sanctioned", labels)]));
    let mantle = silent("eip155:5000", priced(&[("ETH", 3_000.0)]));
    let wanted = [
        ("dormant_wake", Need::Threshold),
        ("large_native", Need::Threshold),
        ("pass_through", price),
        ("poison_zero", Need::DollarToken),
        ("sanctioned", labels),
        ("structuring", price),
    ];
    assert_eq!(mantle, BTreeMap::from(wanted));
    let symbol = Chain::parse("eip155:5000").unwrap().native.symbol;
    let dollar = "0x201eba5cc46d216ce6dc03f6a759e8e766e956ae";
    let mantle = silent("eip155:5000", priced(&[(&symbol, 0.7), (dollar, 1.0)]));
    assert_eq!(mantle, BTreeMap::from([("sanctioned", labels)]));
    // A list of another chain's accounts labels nobody.
    assert!(!silent("eip155:1", listed(SENDER)).contains_key("sanctioned"));
    assert!(silent("eip155:1", listed("bc1qlisted")).contains_key("sanctioned"));
    assert!(silent(Chain::BITCOIN, listed(SENDER)).contains_key("sanctioned"));
    let of = |chain: &str| silent(chain, Reference::default());
    let (tron, ripple, solana) =
        (of("tron:0x2b6653dc"), of("xrpl:0"), of("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"));
    for (chain, rule, need) in [
        (&tron, "nonce_replaced", Need::Nonces),
        (&solana, "double_spend_attempt", Need::Nonces),
        (&tron, "gas_price_anomaly", Need::GasPrices),
        (&ripple, "poison_lookalike", Need::HexAddresses),
        (&ripple, "reorg_depth", Need::Levels),
        (&solana, "large_native", Need::Threshold),
        (&of("bip122:1a91e3dace36e2be3bf030a65679fe82"), "dusting", Need::Dust),
        (&of("bip122:12a765e31ffd4059bada1e25190f6e98"), "dusting", Need::Dust),
        (&of("bip122:12a765e31ffd4059bada1e25190f6e98"), "dormant_wake", Need::Threshold),
    ] {
        assert_eq!(chain.get(rule), Some(&need), "{rule}: {chain:?}");
    }
    assert!(!ripple.contains_key("nonce_replaced"), "sequences are nonces");
    let bitcoin = of(Chain::BITCOIN);
    assert_eq!(bitcoin, BTreeMap::from([("sanctioned", labels)]));
}

/// Returns what reads badly in a sentence: amounts of nothing, parts of things, one of many.
fn flaw(text: &str) -> Option<String> {
    const THINGS: [&str; 22] = [
        "accounts",
        "alerts",
        "blocks",
        "calls",
        "changes",
        "coins",
        "contracts",
        "days",
        "hops",
        "inputs",
        "logs",
        "new",
        "nodes",
        "others",
        "outputs",
        "payments",
        "recipients",
        "receivers",
        "senders",
        "spends",
        "transactions",
        "transfers",
    ];
    const ASSETS: [&str; 12] =
        ["AVAX", "BNB", "BTC", "DOGE", "ETH", "FTM", "LTC", "NATIVE", "POL", "SOL", "TRX", "XRP"];
    let trim = |word: &str| -> String {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        word.chars().filter(|c| *c != ',').collect()
    };
    // A gap may be nothing, but not the time within which something happens.
    if let Some(bad) = ["within 0 s", " 0 s before"].iter().find(|bad| text.contains(*bad)) {
        return Some((*bad).to_owned());
    }
    let words: Vec<String> = text.split_whitespace().map(trim).collect();
    let bad = words.windows(2).find(|pair| {
        let Ok(n) = pair[0].parse::<f64>() else { return false };
        let is_thing = THINGS.contains(&&*pair[1]);
        let is_asset = ASSETS.contains(&&*pair[1]);
        // A share that people would write as a multiple.
        let is_odd = n >= 10_000.0 && pair[1].is_empty();
        // Of times there may be a part, but one is once.
        let is_once = n == 1.0 && pair[1] == "times";
        n == 0.0 && is_asset
            || is_once
            || is_odd
            || is_thing && (n.fract() != 0.0 || n == 1.0 && pair[1] != "new")
    })?;
    Some(bad.join(" "))
}

#[test]
fn bad_sentences_are_told_from_good_ones() {
    for bad in [
        "The original paid 0 ETH to somebody.",
        "The sender sent 20.3467 transactions within 10 min.",
        "It paid 20 accounts, about 0 ETH each.",
        "At least 1 blocks were replaced.",
        "(0 BTC) are spent",
        "Repeated 1 times",
        "1 coins worth 3 BTC",
        "paid out 0 s before",
        "is 19999900.0 % of the 0.00001 BTC",
    ] {
        assert!(flaw(bad).is_some(), "{bad}");
    }
    for good in ["1 coin worth 0.5 BTC", "20 transactions, 0.17 usual", "about 1 wei each, 10 ETH"]
    {
        assert_eq!(flaw(good), None, "{good}");
    }
}

#[test]
fn every_sentence_about_the_demo_and_the_fixtures_reads_well() {
    let mut n_read: BTreeMap<String, usize> = BTreeMap::new();
    let mut flaws = Vec::new();
    let mut read = |detector: &str, texts: [&str; 2]| {
        *n_read.entry(detector.to_owned()).or_default() += 1;
        for text in texts {
            flaws.extend(flaw(text).map(|bad| format!("{detector}: {bad:?} in {text}")));
        }
    };
    for entry in TABLE {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rules");
        for file in fs::read_dir(folder.join(entry.meta.id)).unwrap() {
            let fixture = fixture::read(&file.unwrap().path(), entry.meta.families[0]);
            let rule = (entry.build)(&fixture.params).unwrap();
            for finding in rules::fold(&*rule, &fixture).findings {
                read(finding.detector.as_str(), [&finding.explanation, &finding.quiet_if]);
            }
        }
    }
    let evm = Evm { n_blocks: 2_160, block_secs: 60, txs_per_block: 4.0, ..Evm::default() };
    let scenario = Scenario::new(7).evm(evm).utxo(Utxo { n_blocks: 216, ..Utxo::default() });
    let (lines, _) = scenario.generate();
    for (family, chain) in [(Family::Evm, Chain::ETHEREUM), (Family::Utxo, Chain::BITCOIN)] {
        let setup = Setup {
            params: Params { seed: 7, ..Params::default() },
            config_hash: "test".to_owned(),
            is_reporting_findings: true,
            ..Setup::new(Chain::parse(chain).unwrap())
        };
        let format = match family {
            Family::Evm => Format::EthereumEtl,
            Family::Utxo => Format::BitcoinEtl,
        };
        let settings = Settings { format, chain: setup.chain.clone(), ..settings() };
        let mut driver = Driver::new(setup, Fits::Inline).unwrap();
        for (line, offset) in lines.iter().filter(|l| l.family == family).zip(0..) {
            let value = Some(line.json.as_bytes());
            let record = Record { topic: "demo", offset, value, ..Record::default() };
            let mut actions = Vec::new();
            driver.feed(&settings, record, &mut actions);
            for action in &actions {
                match action {
                    Action::Finding(report) => {
                        let found = &report.finding;
                        read(found.detector.as_str(), [&found.explanation, &found.quiet_if]);
                    }
                    Action::Alert(alert) => read("alert", [&alert.reason, &alert.title]),
                    _ => {}
                }
            }
        }
    }
    // Most models and all rules have spoken.
    assert!(n_read.len() >= TABLE.len() + 6 && n_read["alert"] > 20, "{n_read:?}");
    assert!(flaws.is_empty(), "{}: {:#?}", flaws.len(), &flaws[..flaws.len().min(40)]);
}
