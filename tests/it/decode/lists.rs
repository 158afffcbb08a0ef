//! Label and watch lists: every entry is an account of the chain, counted as another's, or named
//! with its line; and the Treasury's lists are matched whole.

use crate::{
    data,
    decode::accounts::{BCH, BSV, BTG, DASH, LTC, TRON, TRON_EVM, XRPL, XVG, ZEC, chain},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path, process::Command, sync::Arc};
use txwarden::{
    config::{Config, load_mapping},
    decode::{Format, Mapping, Settings, account::parse},
    engine::Action,
    model::{Chain, Record, Severity},
    pipeline::{Driver, Fits},
};

/// A configuration in a folder of its own.
struct Folder(tempfile::TempDir);

impl Folder {
    /// With one input of this chain, and reference data as this YAML says.
    fn new(chain: &str, reference: &str, files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let text = format!(
            "version: 1\ninputs:\n  - {{ topic: a, format: {}, chain: {chain:?} }}\n\
             reference:\n{reference}",
            if chain.starts_with("bip122") { "bitcoind" } else { "evm_rpc" }
        );
        fs::write(folder.path("c.yaml"), text).unwrap();
        files.iter().for_each(|(name, text)| fs::write(folder.path(name), text).unwrap());
        folder
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// The exit code of `check`, and all that it says, with file names only.
    fn check(&self) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_txwarden"));
        let config = self.path("c.yaml");
        command.args(["check", "--no-environment", "-c"]).arg(config).env_remove("TXWARDEN_CONFIG");
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let dir = format!("{}/", self.0.path().display());
        (output.status.code(), String::from_utf8(said).unwrap().replace(&dir, ""))
    }
}

/// A chain, the reference that names the file, the file, what is in it, and what is said of it.
type Mistake = (&'static str, String, &'static str, String, &'static str);

/// Days that the calendar does not have are none, in whatever file they stand.
#[test]
fn a_day_that_is_none_is_a_mistake() {
    let list = |day: &str| {
        format!(
            "  labels:\n    - {{ file: x.txt, kind: scam, expires: \"{day}\" }}\n  prices: p.yaml\n"
        )
    };
    let check = |expires: &str, from: &str| {
        let prices = format!("ETH:\n  - {{ from: \"{from}\", usd: 1 }}\n");
        let files = [("x.txt", "# nobody\n"), ("p.yaml", prices.as_str())];
        Folder::new(Chain::ETHEREUM, &list(expires), &files).check()
    };
    assert_eq!(check("2028-02-29", "2024-02-29").0, Some(0));
    for day in ["2024-02-31", "2023-02-29", "2024-01-32", "0000-01-01", "2024-13-01", "2024-1-001"]
    {
        let (code, said) = check(day, day);
        assert_eq!(code, Some(78), "{day}: {said}");
        let place = format!("expires: {day:?} is no day of the calendar");
        assert!(
            said.contains(&place) && said.contains(&format!("ETH: {day:?} is no day")),
            "{said}"
        );
    }
    for day in ["10000-01-01", "2024-01-01T24:00:00Z"] {
        let (code, said) = check(day, "2024-01-01");
        assert!(code == Some(78) && said.contains("labels.0.expires: "), "{day}: {said}");
    }
}

/// Entries that are no accounts.
fn bad_entries() -> Vec<Mistake> {
    let watch = "  watch: watch.yaml\n";
    let list = |file: &str| format!("  labels:\n    - {{ file: {file}, kind: sanctioned }}\n");
    let good = "0x751e76e8199196d454941c45d1b3a323f1433bd6";
    vec![
        (
            Chain::ETHEREUM,
            watch.to_owned(),
            "watch.yaml",
            format!("- {{ address: \"{good}\" }}\n- address: \"0xdeadbeef\"\n  name: hot wallet\n"),
            "watch.yaml:2: \"0xdeadbeef\"",
        ),
        (
            BCH,
            watch.to_owned(),
            "watch.yaml",
            "# ours\n\n- { address: \"qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2q\" }\n".to_owned(),
            "watch.yaml:3: \"qp63",
        ),
        (TRON, watch.to_owned(), "watch.yaml", "- { address: TLeU }\n".to_owned(), "watch.yaml:1:"),
        (
            Chain::ETHEREUM,
            list("x.txt"),
            "x.txt",
            format!("# list\n{good}\n{good} Lazarus\n"),
            "x.txt:3: ",
        ),
        (
            Chain::ETHEREUM,
            list("x.csv"),
            "x.csv",
            format!("name,address\n\"two\nlines\",{good}\nx,0xdead\n"),
            "x.csv:4: \"0xdead\"",
        ),
        (
            Chain::BITCOIN,
            list("x.json"),
            "x.json",
            "[\n  \"1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH\",\n  {\"address\": \"1BgG\"}\n]".to_owned(),
            "x.json:3: \"1BgG\"",
        ),
    ]
}

/// Files whose form hides entries.
fn bad_files() -> Vec<Mistake> {
    let watch = "  watch: watch.yaml\n";
    let list = |file: &str| format!("  labels:\n    - {{ file: {file}, kind: sanctioned }}\n");
    let good = "0x751e76e8199196d454941c45d1b3a323f1433bd6";
    vec![
        // The first line of CSV names the columns: an account there would go unread.
        (
            Chain::ETHEREUM,
            list("x.csv"),
            "x.csv",
            format!("{good},a\n{good},b\n"),
            "x.csv: line 1 is",
        ),
        (
            Chain::ETHEREUM,
            list("x.csv"),
            "x.csv",
            format!("address,name\n{good},\"open\n{good},b\n"),
            "x.csv: line 2: a quote is never closed",
        ),
        // A quote within a cell is a sign like others: the row behind it is read.
        (
            Chain::ETHEREUM,
            list("x.csv"),
            "x.csv",
            format!("# exported\naddress, name\n{good},12\" discs\n0xdead,b\n"),
            "x.csv:4: \"0xdead\"",
        ),
        (
            Chain::ETHEREUM,
            list("x.json"),
            "x.json",
            "[{\"wallet\": \"0x1\"}]".to_owned(),
            "x.json: none of 1 entries has an address",
        ),
        (
            Chain::ETHEREUM,
            watch.to_owned(),
            "watch.yaml",
            "- address: vitalik.eth\n".to_owned(),
            "known (names are not resolved",
        ),
    ]
}

#[test]
fn an_entry_that_is_no_account_is_named_with_its_line() {
    for (chain, reference, file, text, place) in bad_entries().into_iter().chain(bad_files()) {
        let folder = Folder::new(chain, &reference, &[(file, &text)]);
        let (code, said) = folder.check();
        assert_eq!(code, Some(78), "{file}: {said}");
        assert!(said.contains(place), "{place}: {said}");
    }
}

/// What is of another chain is counted, whether its form or the list says so.
#[test]
fn an_entry_of_another_chain_is_counted() {
    let list = |file: &str, more: &str| {
        format!("  labels:\n    - {{ file: {file}, kind: sanctioned{more} }}\n")
    };
    let mixed = "0x751e76e8199196d454941c45d1b3a323f1433bd6\nTLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf\n\
                 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH\n";
    let column = "asset,address\nETH,0x751e76e8199196d454941c45d1b3a323f1433bd6\nNEO,AxyZ\n";
    for (chain, reference, file, text, n, note) in [
        (Chain::ETHEREUM, list("x.txt", ""), "x.txt", mixed, 1, "(1 of BTC, 1 of TRON)"),
        // Twenty bytes are an account of TRON, too: here the same one.
        (TRON, list("x.txt", ""), "x.txt", mixed, 1, "1 are accounts of other chains (1 of BTC)"),
        (Chain::ETHEREUM, list("x.csv", ""), "x.csv", column, 1, "(1 of NEO)"),
        (Chain::ETHEREUM, list("x.txt", ", asset: XMR"), "x.txt", "5be5\n", 0, "(1 of XMR)"),
        (
            ZEC,
            list("x.txt", ""),
            "x.txt",
            "zs1w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw508v50cqcq",
            0,
            "1 are addresses that no record shows",
        ),
    ] {
        let folder = Folder::new(chain, &reference, &[(file, text)]);
        let (code, said) = folder.check();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&format!("{n} labelled accounts")), "{said}");
        assert!(said.contains("warning: ") && said.contains(note), "{note}: {said}");
    }
    // The list says that it is of this chain: then the entry is a mistake.
    let folder =
        Folder::new(Chain::BITCOIN, &list("x.csv", ""), &[("x.csv", "asset,address\nXBT,AxyZ\n")]);
    let (code, said) = folder.check();
    assert!(code == Some(78) && said.contains("x.csv:2: \"AxyZ\""), "{said}");
}

/// The lists of the Treasury, and on which chain the accounts of each are looked for.
const OFAC: [(&str, &[&str]); 17] = [
    ("ARB", &["eip155:42161"]),
    ("BCH", &[BCH]),
    ("BSC", &["eip155:56"]),
    ("BSV", &[BSV]),
    ("BTG", &[BTG]),
    ("DASH", &[DASH]),
    ("ETC", &["eip155:61"]),
    ("ETH", &["eip155:1"]),
    ("LTC", &[LTC]),
    ("TRX", &[TRON, TRON_EVM]),
    ("USDC", &["eip155:1"]),
    // Ethereum, TRON, and Bitcoin for Omni.
    ("USDT", &["eip155:1", TRON, Chain::BITCOIN]),
    // One of its entries is an account of TRON.
    ("XBT", &[Chain::BITCOIN, TRON]),
    // Amounts and accounts of Monero are not public: no record could name one.
    ("XMR", &[]),
    ("XRP", &[XRPL]),
    ("XVG", &[XVG]),
    ("ZEC", &[ZEC]),
];

/// What is read and may still be a mistake is told with its line.
#[test]
fn a_doubtful_entry_is_read_and_told() {
    let good = "0x751e76e8199196d454941c45d1b3a323f1433bd6";
    let list = |file: &str| format!("  labels:\n    - {{ file: {file}, kind: sanctioned }}\n");
    for (file, text, n, note) in [
        (
            "x.txt",
            "# mixed\n0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD\n".to_owned(),
            1,
            "line 2: upper",
        ),
        (
            "x.txt",
            format!("{good}\r\n{}\r\n", good.to_uppercase()),
            1,
            "line 2: the account stands",
        ),
        ("x.txt", "\u{feff}# nobody\n".to_owned(), 0, "x.txt: holds no entries"),
        ("x.csv", "address,name\n".to_owned(), 0, "x.csv: holds no entries"),
        ("x.json", "[]".to_owned(), 0, "x.json: holds no entries"),
    ] {
        let (code, said) = Folder::new(Chain::ETHEREUM, &list(file), &[(file, &text)]).check();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&format!("{n} labelled accounts")), "{said}");
        assert!(said.contains("warning: ") && said.contains(note), "{note}: {said}");
    }
    // A plain list is no reason for words.
    let text =
        "\u{feff}\"address\" , \"name\"\r\n \"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\" ,a\r\n";
    let (code, said) = Folder::new(Chain::ETHEREUM, &list("x.csv"), &[("x.csv", text)]).check();
    assert!(code == Some(0) && said.contains("1 labelled accounts"), "{said}");
    assert!(!said.contains("x.csv"), "{said}");
}

/// A record that pays an account of a list, as exporters of the chain write it.
fn payment(id: &str, to: &str, n: usize) -> (Format, Value) {
    let tx = format!("{:064x}", n + 1);
    if id.starts_with("bip122") {
        let tx = json!({
            "txid": tx, "vin": [], "time": 1_718_000_000 + n,
            "vout": [{"n": 0, "value": 0.5, "scriptPubKey": {"address": to, "type": "pubkeyhash"}}],
        });
        return (Format::Bitcoind, tx);
    }
    let payer = |text: &str| text.to_owned();
    match id {
        TRON => {
            let payer = payer("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8");
            let record = json!({
                "triggerName": "transactionTrigger", "contractType": "TransferContract",
                "transactionId": tx, "blockHash": format!("{:064x}", 7), "blockNumber": 62_000_000,
                "timeStamp": 1_718_000_000_000_u64, "result": "SUCCESS", "assetAmount": 12_000_000,
                "fromAddress": payer, "toAddress": to,
            });
            (Format::Mapped, record)
        }
        XRPL => {
            let record = json!({
                "validated": true, "ledger_index": 90_000_000, "ledger_hash": format!("{:064X}", 7),
                "meta": {"delivered_amount": "5000000", "TransactionResult": "tesSUCCESS"},
                "transaction": {
                    "TransactionType": "Payment", "hash": tx, "date": 771_000_000, "Sequence": 7,
                    "Account": payer("rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMH"), "Destination": to,
                },
            });
            (Format::Mapped, record)
        }
        _ => {
            // Nodes answer in 20 bytes, whatever a list writes.
            let to = parse(to, &chain(id)).unwrap().to_string();
            let record = json!({
                "type": "transaction", "hash": format!("0x{tx}"), "nonce": n, "value": "5",
                "from_address": format!("0x{:040x}", 7), "to_address": to, "input": "0x",
                "gas": 21_000, "gas_price": 1, "block_number": 20_000_000,
                "block_timestamp": 1_718_000_000,
            });
            (Format::EthereumEtl, record)
        }
    }
}

fn mapping(id: &str) -> Option<Arc<Mapping>> {
    let name = match id {
        TRON => "tron",
        XRPL => "xrpl",
        _ => return None,
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Some(load_mapping(&root.join("config/mappings").join(format!("{name}.yaml"))).unwrap())
}

/// Loads a list for a chain, pays every account of it, and returns how many entries it loaded and
/// how many of them a critical finding of `sanctioned` names.
fn load_and_pay(list: &Path, id: &str, entries: &[&str]) -> (usize, usize) {
    let chain = chain(id);
    let reference = format!("  labels:\n    - {{ file: {list:?}, kind: sanctioned }}\n");
    let folder = Folder::new(id, &reference, &[]);
    let config = Config::load(&folder.path("c.yaml")).unwrap();
    let mut setup = config.engine_setup(&chain);
    setup.is_reporting_findings = true;
    let labels = setup.reference.labels.len();
    let mut driver = Driver::new(setup, Fits::Inline).unwrap();
    let own = entries.iter().filter(|entry| parse(entry, &chain).is_ok());
    let mut found = BTreeSet::new();
    for (n, entry) in own.enumerate() {
        let (format, record) = payment(id, entry, n);
        let settings = Settings { mapping: mapping(id), ..Settings::new(format, chain.clone()) };
        let text = record.to_string();
        let offset = i64::try_from(n).unwrap();
        let record = Record {
            topic: "t",
            offset,
            kafka_ms: Some(1_718_000_000_000),
            value: Some(text.as_bytes()),
            ..Record::default()
        };
        let mut actions = Vec::new();
        driver.feed(&settings, record, &mut actions);
        for action in actions {
            match action {
                Action::Finding(report)
                    if report.finding.detector == "sanctioned"
                        && report.finding.severity == Severity::Critical =>
                {
                    let name = parse(entry, &chain).unwrap().to_string();
                    assert!(report.finding.explanation.contains(&name), "{id}: {entry}");
                    found.insert(name);
                }
                Action::DeadLetter(letter) => panic!("{id}: {entry}: {}", letter.detail),
                _ => {}
            }
        }
    }
    (labels, found.len())
}

#[test]
fn the_treasurys_lists_are_loaded_and_matched_whole() {
    let Some(dir) = data::shared("lists::ofac", "labels/ofac") else { return };
    let mut n_files = 0;
    eprintln!("list chain entries loaded matched");
    for file in fs::read_dir(&dir).unwrap() {
        let path = file.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let name = stem.rsplit('_').next().unwrap();
        let (_, chains) = OFAC.iter().find(|(list, _)| *list == name).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let entries: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        let mut accounted: BTreeSet<&str> = BTreeSet::new();
        for id in *chains {
            let of_chain = |entry: &&&str| parse(entry, &chain(id)).is_ok();
            let own: Vec<&str> = entries.iter().filter(of_chain).copied().collect();
            let n_own: BTreeSet<_> = own.iter().map(|e| parse(e, &chain(id)).unwrap()).collect();
            let (loaded, matched) = load_and_pay(&path, id, &entries);
            eprintln!("{name} {id} {} {loaded} {matched}", own.len());
            assert!(loaded > 0, "{name}: {id}");
            assert_eq!((loaded, matched), (n_own.len(), n_own.len()), "{name}: {id}");
            accounted.extend(own);
        }
        if chains.is_empty() {
            eprintln!("{name} - {} 0 0 (no public accounts)", entries.len());
            let reference =
                format!("  labels:\n    - {{ file: {path:?}, kind: sanctioned, asset: XMR }}\n");
            let (code, said) = Folder::new(Chain::BITCOIN, &reference, &[]).check();
            let note = format!("of {0} entries {0} are accounts of other chains", entries.len());
            assert!(code == Some(0) && said.contains(&note), "{said}");
        } else {
            let left: Vec<_> = entries.iter().filter(|e| !accounted.contains(**e)).collect();
            assert!(left.is_empty(), "{name}: {left:?} on no chain");
        }
        n_files += 1;
    }
    assert_eq!(n_files, OFAC.len());
}
