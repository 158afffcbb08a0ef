//! Accounts have one name: every spelling of a list, a label or a record means the same account.

use crate::data;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path, process::Command, sync::Arc};
use txwarden::{
    config::{Config, load_mapping},
    decode::{
        Format, Limits, Mapping, Settings,
        account::{Misfit, canonical, parse},
    },
    engine::Action,
    model::{Chain, Record, Severity},
    runtime::{Driver, Fits},
};

const BCH: &str = "bip122:000000000000000000651ef99cb9fcbe";
const LTC: &str = "bip122:12a765e31ffd4059bada1e25190f6e98";
const DOGE: &str = "bip122:1a91e3dace36e2be3bf030a65679fe82";
const ZEC: &str = "bip122:00040fe8ec8471911baa1db1266ea15d";
const BSV: &str = "bip122:000000000000000001d956714215d96f";
const XEC: &str = "bip122:0000000000000000004626ff6e3b9369";
const DASH: &str = "bip122:00000ffd590b1485b3caadc19b22e637";
const BTG: &str = "bip122:bitcoin-gold";
const DGB: &str = "bip122:7497ea1b465eb39f1c8f507bc877078f";
const NMC: &str = "bip122:000000000062b72c5e2ceb45fbc8587e";
const XVG: &str = "bip122:00000fc63692467faeb20cdb3b53200d";
const TRON: &str = "tron:0x2b6653dc";
const TRON_EVM: &str = "eip155:728126428";
const SOLANA: &str = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp";
const XRPL: &str = "xrpl:0";
const VENUE: &str = "venue:house";

fn chain(id: &str) -> Chain {
    Chain::parse(id).unwrap()
}

/// A chain, the one name of an account of it, and other spellings of that account. All hold the
/// hash of the key whose secret is 1.
const SPELLINGS: &[(&str, &str, &[&str])] = &[
    (
        Chain::BITCOIN,
        "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
        &[
            "bitcoin:1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
            "BITCOIN:1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH?amount=1&label=x",
            "bitcoin://1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
            "bip122:000000000019d6689c085ae165831e93:1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
            "bitcoincash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h",
            " 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH ",
        ],
    ),
    (
        Chain::BITCOIN,
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        &[
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "bitcoin:BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "BITCOIN:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4?amount=0.1",
        ],
    ),
    (
        BCH,
        "bitcoincash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h",
        &[
            "qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h",
            "BITCOINCASH:QP63UAHGRXGED4Z5JSWYT5DN5V3LZSEM6CY4SPDC2H",
            "zp63uahgrxged4z5jswyt5dn5v3lzsem6crlrlr74y",
            "bitcoincash:zp63uahgrxged4z5jswyt5dn5v3lzsem6crlrlr74y",
            "bitcoincash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h?amount=1",
            "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
        ],
    ),
    (
        BCH,
        "bitcoincash:pp63uahgrxged4z5jswyt5dn5v3lzsem6cnsdw2m32",
        &[
            "rp63uahgrxged4z5jswyt5dn5v3lzsem6c567syawe",
            "bitcoincash:rp63uahgrxged4z5jswyt5dn5v3lzsem6c567syawe",
            "3CNHUhP3uyB9EUtRLsmvFUmvGdjGdkTxJw",
        ],
    ),
    (BSV, "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", &["qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h"]),
    (
        XEC,
        "ecash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cacy2kzvq",
        &[
            "qp63uahgrxged4z5jswyt5dn5v3lzsem6cacy2kzvq",
            "ecash:zp63uahgrxged4z5jswyt5dn5v3lzsem6c6jh5cynn",
            "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
        ],
    ),
    (
        LTC,
        "MJaRnao1s62a2zAKSkmG582KbLKianqb7v",
        &["3CNHUhP3uyB9EUtRLsmvFUmvGdjGdkTxJw", "litecoin:3CNHUhP3uyB9EUtRLsmvFUmvGdjGdkTxJw"],
    ),
    (
        LTC,
        "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
        &["LTC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KGMN4N9"],
    ),
    (DOGE, "DFpN6QqFfUm3gKNaxN6tNcab1FArL9cZLE", &["dogecoin:DFpN6QqFfUm3gKNaxN6tNcab1FArL9cZLE"]),
    (
        ZEC,
        "t1UYsZVJkLPeMjxEtACvSxfWuNmddpWfxzs",
        &[
            "zcash:t1UYsZVJkLPeMjxEtACvSxfWuNmddpWfxzs?amount=1",
            "tex1w508d6qejxtdg4y5r3zarvary0c5xw7kccm6wm",
        ],
    ),
    (DASH, "XmN7PQYWKn5MJFna5fRYgP6mxT2F7xpekE", &["dash:XmN7PQYWKn5MJFna5fRYgP6mxT2F7xpekE"]),
    (BTG, "btg1qw508d6qejxtdg4y5r3zarvary0c5xw7k6w057a", &[]),
    (DGB, "SXyGazfm6S3xfcySmD6QNkZYmtfysC2jvc", &["3CNHUhP3uyB9EUtRLsmvFUmvGdjGdkTxJw"]),
    (NMC, "N7FdkoPbHSxKfrSVVbRu3NZtrLqc1oKpAR", &["namecoin:N7FdkoPbHSxKfrSVVbRu3NZtrLqc1oKpAR"]),
    (XVG, "DFpN6QqFfUm3gKNaxN6tNcab1FArL9cZLE", &[]),
    (
        Chain::ETHEREUM,
        "0x751e76e8199196d454941c45d1b3a323f1433bd6",
        &[
            "0x751E76E8199196D454941c45d1B3A323F1433BD6",
            "0X751E76E8199196D454941C45D1B3A323F1433BD6",
            "751e76e8199196d454941c45d1b3a323f1433bd6",
            "eip155:1:0x751e76e8199196d454941c45d1b3a323f1433bd6",
            "ethereum:0x751e76e8199196d454941c45d1b3a323f1433bd6@1?value=1e18",
            "ethereum:pay-0x751e76e8199196d454941c45d1b3a323f1433bd6",
            "eth:0x751e76e8199196d454941c45d1b3a323f1433bd6",
            "xdc751e76e8199196d454941c45d1b3a323f1433bd6",
        ],
    ),
    (
        TRON,
        "TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf",
        &[
            "41751e76e8199196d454941c45d1b3a323f1433bd6",
            "0x41751e76e8199196d454941c45d1b3a323f1433bd6",
            "0x751e76e8199196d454941c45d1b3a323f1433bd6",
            "tron:TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf",
            "tron:0x2b6653dc:TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf",
        ],
    ),
    (
        TRON_EVM,
        "0x751e76e8199196d454941c45d1b3a323f1433bd6",
        &[
            "TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf",
            "41751e76e8199196d454941c45d1b3a323f1433bd6",
            "0x41751E76e8199196d454941c45d1b3a323f1433bd6",
        ],
    ),
    (
        XRPL,
        "rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMH",
        &[
            "XVhLjQePBhtPRN5YjpjeZQtfYp3m5Vgh4GKJ2UWCkPXB7NM",
            "XVhLjQePBhtPRN5YjpjeZQtfYp3m5Vmy9uNPxzZdNrZpMdP",
            "ripple:rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMH",
            "xrpl:0:rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMH",
        ],
    ),
    (
        SOLANA,
        "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM",
        &[
            "solana:9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM",
            "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM",
        ],
    ),
    (VENUE, "account:u-7", &["venue:house:account:u-7"]),
    (
        VENUE,
        "0x751e76e8199196d454941c45d1b3a323f1433bd6",
        &["0x751E76E8199196D454941c45d1B3A323F1433BD6"],
    ),
    (
        VENUE,
        "bitcoincash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h",
        &["qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h"],
    ),
    ("bip122:nothing-is-known", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", &[]),
];

#[test]
fn every_spelling_of_an_account_is_the_account() {
    for (id, name, others) in SPELLINGS {
        let chain = chain(id);
        let of_record = canonical(name, &chain);
        assert_eq!(of_record.to_string(), *name, "{id}: a record names it so");
        for text in others.iter().chain([name]) {
            let read = parse(text, &chain);
            assert_eq!(read.as_ref(), Ok(&of_record), "{id}: {text}");
            // Records name no chains, amounts and schemes.
            let is_bare = !text.contains([':', ' ']) || text.contains("cash:");
            if is_bare && !text.contains('?') && !text.starts_with("xdc") {
                assert_eq!(canonical(text, &chain), of_record, "{id}: {text} in a record");
            }
        }
    }
}

/// What is no account of a chain: of another, of none that records show, or of nobody.
#[test]
fn what_is_no_account_is_told_apart() {
    let of = |whose: &str| Misfit::Foreign(whose.to_owned());
    for (id, text, expected) in [
        (Chain::ETHEREUM, "0xdeadbeef", Misfit::Unreadable),
        (Chain::ETHEREUM, "0x751e76e8199196d454941c45d1b3a323f1433bdg", Misfit::Unreadable),
        (Chain::ETHEREUM, "", Misfit::Unreadable),
        (Chain::ETHEREUM, "hot wallet", Misfit::Unreadable),
        (Chain::ETHEREUM, "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", of("BTC")),
        (Chain::ETHEREUM, "TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf", of("TRON")),
        (Chain::ETHEREUM, "rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMH", of("the XRP Ledger")),
        (Chain::ETHEREUM, "eip155:56:0x751e76e8199196d454941c45d1b3a323f1433bd6", of("eip155:56")),
        (Chain::ETHEREUM, "bnb:0x751e76e8199196d454941c45d1b3a323f1433bd6", of("eip155:56")),
        (
            Chain::ETHEREUM,
            "cosmos1w508d6qejxtdg4y5r3zarvary0c5xw7k6ah60c",
            of("another chain (bech32)"),
        ),
        (Chain::ETHEREUM, "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM", of("Solana")),
        // One digit is another one: the checksum tells.
        (Chain::BITCOIN, "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ", Misfit::Unreadable),
        (Chain::BITCOIN, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", Misfit::Unreadable),
        (Chain::BITCOIN, "litecoin:MJaRnao1s62a2zAKSkmG582KbLKianqb7v", of("LTC")),
        (Chain::BITCOIN, "LVuDpNCSSj6pQ7t9Pv6d6sUkLKoqDEVUnJ", of("LTC")),
        (Chain::BITCOIN, "0x751e76e8199196d454941c45d1b3a323f1433bd6", of("EVM chains")),
        (Chain::BITCOIN, "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", of("a test network")),
        (BCH, "bitcoincash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2q", Misfit::Unreadable),
        (BCH, "bchtest:qp63uahgrxged4z5jswyt5dn5v3lzsem6cq85x00dt", of("a test network")),
        (BCH, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", of("BTC")),
        (
            ZEC,
            "zs1w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw508v50cqcq",
            Misfit::Hidden,
        ),
        (
            LTC,
            "ltcmweb1qw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxt\
             dg4y5r3zarvary0c5xw7kw508d6qejydr32aj",
            Misfit::Hidden,
        ),
        (TRON, "TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8ug", Misfit::Unreadable),
        (XRPL, "rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMJ", Misfit::Unreadable),
        (SOLANA, "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL", Misfit::Unreadable),
        (VENUE, "two words", Misfit::Unreadable),
    ] {
        assert_eq!(parse(text, &chain(id)), Err(expected), "{id}: {text:?}");
    }
}

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

#[test]
fn an_entry_that_is_no_account_is_named_with_its_line() {
    let watch = "  watch: watch.yaml\n";
    let list = |file: &str| format!("  labels:\n    - {{ file: {file}, kind: sanctioned }}\n");
    let good = "0x751e76e8199196d454941c45d1b3a323f1433bd6";
    for (chain, reference, file, text, place) in [
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
    ] {
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
        let settings = Settings {
            format,
            chain: chain.clone(),
            is_batch_allowed: true,
            limits: Limits::default(),
            mapping: mapping(id),
            envelope: Default::default(),
        };
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
    let Some(dir) = data::shared("accounts::ofac", "labels/ofac") else { return };
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
