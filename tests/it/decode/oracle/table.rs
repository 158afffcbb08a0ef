//! All real data as one table: what is known of each file, what was decoded, and what was not.
//!
//! `cargo test --test it oracle::table -- --nocapture` prints it.

use super::{Recorded, read, settings};
use crate::data;
use serde_json::Value;
use std::{fs, io::Read, path::Path};
use txwarden::{
    config::load_mapping,
    decode::{Batch, Format, Refusal, Settings, decode},
    files::records::Records,
    model::{Body, Chain, Record},
};

const DOGE: &str = "bip122:1a91e3dace36e2be3bf030a65679fe82";
const ZEC: &str = "bip122:00040fe8ec8471911baa1db1266ea15d";
const TESTNET: &str = "bip122:000000000933ea01ad0ee984209779ba";
const HOLESKY: &str = "eip155:560048";

/// How a file is cut into records.
#[derive(Clone, Copy)]
enum Cut {
    Lines,
    Whole,
    /// Lines with the topic's record in a field.
    Recorded,
    /// Behind a field's name, to the end of the line.
    Message,
    /// The second column of vectors, or the third of a CSV file with a header.
    Second,
    Third,
    /// The transactions of an engine call.
    Payload,
    /// As `replay` reads them.
    Replay,
}

/// What is counted.
#[derive(Clone, Copy)]
enum Unit {
    Events,
    Txs,
    Blocks,
    Receipts,
    Traces,
}

struct Row {
    format: Format,
    chain: &'static str,
    mapping: Option<&'static str>,
    /// A file, or a folder of which all files with the ending count.
    path: &'static str,
    ending: &'static str,
    cut: Cut,
    unit: Unit,
    oracle: usize,
    dead: usize,
}

const fn row(format: Format, path: &'static str, cut: Cut, unit: Unit, oracle: usize) -> Row {
    let chain = match format {
        Format::BitcoinEtl | Format::Bitcoind | Format::BitcoinRaw => Chain::BITCOIN,
        _ => Chain::ETHEREUM,
    };
    Row { format, chain, mapping: None, path, ending: "", cut, unit, oracle, dead: 0 }
}

impl Row {
    const fn chain(self, chain: &'static str) -> Self {
        Self { chain, ..self }
    }

    const fn all(self, ending: &'static str) -> Self {
        Self { ending, ..self }
    }

    const fn dead(self, dead: usize) -> Self {
        Self { dead, ..self }
    }

    const fn mapped(self, mapping: &'static str) -> Self {
        Self { mapping: Some(mapping), ..self }
    }
}

const ETL: &str = "ethereum-etl/test_stream/blocks_17173049_17173050";

fn rows() -> Vec<Row> {
    use Cut::*;
    use Format::*;
    use Unit::*;
    let stream = |name: &str| -> &'static str {
        match name {
            "transactions" => concat_path(ETL, "expected_transactions.json"),
            "blocks" => concat_path(ETL, "expected_blocks.json"),
            "logs" => concat_path(ETL, "expected_logs.json"),
            _ => concat_path(ETL, "expected_token_transfers.json"),
        }
    };
    let txs = "ethereum-etl/ethereum_transactions.ethereum-etl.jsonl.gz";
    let old = "ethereum-etl/test_stream/blocks_2112234_2112234/expected_traces.json";
    let older = "ethereum-etl/test_stream/blocks_508110_508110/expected_traces.json";
    let receipts =
        "ethereum-etl/test_export_receipts_job/receipts_with_logs/expected_receipts.json";
    let mut rows = vec![
        row(EthereumEtl, txs, Lines, Txs, 24_342),
        row(EthereumEtl, "ethereum-etl/ethereum_blocks.ethereum-etl.jsonl.gz", Lines, Blocks, 85),
        row(EthereumEtl, stream("transactions"), Lines, Txs, 298),
        row(EthereumEtl, stream("blocks"), Lines, Blocks, 2),
        row(EthereumEtl, stream("logs"), Lines, Events, 681),
        row(EthereumEtl, stream("token_transfers"), Lines, Events, 291),
        row(EthereumEtl, old, Lines, Events, 2),
        row(EthereumEtl, older, Lines, Events, 4),
        row(EthereumEtl, receipts, Lines, Receipts, 4),
        row(EvmRpc, "evm-rpc-blocks", Whole, Txs, 13_083).all("json"),
        row(EvmRpc, "evm-rpc-blocks/rise", Whole, Txs, 578).all("json").chain("eip155:4153"),
        row(EvmRpc, "evm-raw/tenderly.sepolia.json", Whole, Txs, 94).chain("eip155:11155111"),
        row(EvmRpc, "devchain/mempool.jsonl.gz", Message, Events, 5_642).chain("eip155:20261"),
        row(EvmBlock, "evm-traces", Whole, Receipts, 1_295).all("gz"),
        row(EvmBlock, "evm-traces", Whole, Traces, 6_603).all("gz"),
        row(EvmRaw, "evm-raw/engine_payload", Payload, Txs, 130).all("json").chain(HOLESKY),
        row(EvmRaw, "evm-raw/reth_new_block_network_rlp.hex", Whole, Txs, 121).chain("eip155:56"),
        row(EvmRaw, "evm-raw/reth_new_pooled_transactions_network_rlp.hex", Whole, Events, 896),
    ];
    for (topic, n) in
        [("transactions", 1_706), ("blocks", 1_176), ("logs", 812), ("token_transfers", 736)]
    {
        let path = concat_path("devchain", &format!("{topic}.jsonl.gz"));
        let unit = match topic {
            "transactions" => Txs,
            "blocks" => Blocks,
            _ => Events,
        };
        rows.push(row(EthereumEtl, path, Recorded, unit, n).chain("eip155:20261"));
    }
    rows.extend(utxo());
    rows.extend(mapped());
    rows
}

fn utxo() -> Vec<Row> {
    use Cut::*;
    use Format::*;
    use Unit::*;
    const JOB: &str = "bitcoin-etl/test_export_blocks_job";
    let txs = "expected_transactions.json";
    let etl = |folder: &str, n| {
        let path = concat_path(JOB, &format!("{folder}/{txs}"));
        row(BitcoinEtl, path, Lines, Txs, n)
    };
    let zec = "zcash/block_with_value_balance";
    let answer = concat_path(
        JOB,
        &format!(
            "{zec}/rpc_response_getblock_00000000010678b861c9ce9ba435ba413ea6e89b9a0f8781629453c6b40d389e_2.json"
        ),
    );
    vec![
        row(
            BitcoinEtl,
            "bitcoin-etl/bitcoin_transactions.bitcoin-etl.jsonl.gz",
            Lines,
            Txs,
            7_815,
        ),
        row(BitcoinEtl, "btc-coinjoin/transactions_dev.jsonl.gz", Lines, Txs, 3_099),
        etl("bitcoin/stream_50001_50002", 4),
        etl("bitcoin_cash/block_with_duplicate_txid", 1),
        etl("dogecoin/block_with_float_precision_loss", 6).chain(DOGE),
        etl("zcash/block_with_shielded_addresses", 4).chain(ZEC),
        etl(zec, 10).chain(ZEC),
        row(Bitcoind, answer, Whole, Txs, 10).chain(ZEC),
        row(BitcoinRaw, "bitcoin-raw", Whole, Txs, 7_815).all("block of mainnet"),
        row(
            BitcoinRaw,
            "bitcoin-raw/testnet_block_000000000000045e0b1660b6445b5e5c5ab63c9a4f956be7e1e69be04fa4497b.raw",
            Whole,
            Txs,
            15,
        )
        .chain(TESTNET),
        row(BitcoinRaw, "bitcoin-raw/megatx.bin.bz2", Whole, Txs, 1),
        row(BitcoinRaw, "bitcoin-raw/stale-headers-sample.csv", Third, Blocks, 13),
        row(BitcoinRaw, "bitcoin-raw/vectors/tx_valid.json", Second, Txs, 121),
        row(BitcoinRaw, "bitcoin-raw/vectors/tx_invalid.json", Second, Txs, 90).dead(3),
    ]
}

fn mapped() -> Vec<Row> {
    use Cut::Replay;
    use Unit::Txs;
    let stream = "eth-phish-stream/transactions_to_2017.csv.xz";
    vec![row(Format::Mapped, stream, Replay, Txs, 121_155).mapped("ethereum_csv")]
}

/// Joins a path that lives as long as the test binary.
fn concat_path(folder: &str, name: &str) -> &'static str {
    Box::leak(format!("{folder}/{name}").into_boxed_str())
}

/// Returns the bytes of a file, unpacked.
fn bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).unwrap();
    match path.extension().and_then(|e| e.to_str()) {
        Some("gz") => flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap(),
        Some("bz2") => bzip2::read::BzDecoder::new(file).read_to_end(&mut bytes).unwrap(),
        _ => fs::read(path).map(|all| bytes = all).map(|()| bytes.len()).unwrap(),
    };
    bytes
}

/// Cuts a file into records, with their Kafka time where it was recorded.
fn records(cut: Cut, path: &Path) -> Vec<(Option<i64>, Vec<u8>)> {
    let plain = |text: &str| (None, text.as_bytes().to_vec());
    let lines = |text: String| -> Vec<String> {
        text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    };
    match cut {
        Cut::Whole => vec![(None, bytes(path))],
        Cut::Lines => lines(read(path)).iter().map(|line| plain(line)).collect(),
        Cut::Recorded => lines(read(path))
            .iter()
            .map(|line| serde_json::from_str::<Recorded>(line).unwrap())
            .map(|line| (Some(line.ts), line.payload.into_bytes()))
            .collect(),
        Cut::Message => lines(read(path))
            .iter()
            .map(|line| plain(&line[line.find("\"msg\":").unwrap() + 6..line.len() - 1]))
            .collect(),
        Cut::Third => {
            let third = |line: &String| plain(line.split(',').nth(2).unwrap());
            lines(read(path)).iter().skip(1).map(third).collect()
        }
        Cut::Second => {
            let vectors: Vec<Value> = serde_json::from_str(&read(path)).unwrap();
            vectors.iter().filter_map(|v| Some(plain(v.get(1)?.as_str()?))).collect()
        }
        Cut::Payload => {
            let call: Value = serde_json::from_str(&read(path)).unwrap();
            let txs = call["newPayload"]["payload"]["transactions"].as_array().unwrap();
            txs.iter().map(|tx| plain(tx.as_str().unwrap())).collect()
        }
        Cut::Replay => {
            let (mut records, mut all) = (Records::open(path).unwrap(), Vec::new());
            while let Some(line) = records.next_record().unwrap() {
                all.push((None, line.to_vec()));
            }
            all
        }
    }
}

/// Returns the files of a row.
fn files(row: &Row) -> Option<Vec<std::path::PathBuf>> {
    let path = data::shared("oracle::table", row.path)?;
    if row.ending.is_empty() {
        return Some(vec![path]);
    }
    let is_one = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        if row.ending == "block of mainnet" {
            return name == "277647.dat.bz2"
                || name.starts_with("block-")
                || name.starts_with("mainnet_block_");
        }
        path.is_file() && name.ends_with(&format!(".{}", row.ending))
    };
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| is_one(path)).collect();
    files.sort();
    Some(files)
}

impl Unit {
    fn is(self, body: &Body) -> bool {
        match self {
            Self::Events => true,
            Self::Txs => matches!(body, Body::Tx(_)),
            Self::Blocks => matches!(body, Body::Block(_)),
            Self::Receipts => matches!(body, Body::Outcome(_)),
            Self::Traces => matches!(body, Body::Trace(_) | Body::Transfer(_)),
        }
    }
}

#[test]
fn every_format_decodes_all_that_is_known_of_the_data() {
    let mut shown = format!(
        "{:<16} {:<60} {:>8} {:>8} {:>8} {:>5}\n",
        "format", "shared file", "records", "decoded", "oracle", "dead"
    );
    let mut wrong = Vec::new();
    for row in rows() {
        let Some(files) = files(&row) else { return };
        let mut settings: Settings = settings(row.chain, row.format);
        settings.mapping = row.mapping.map(|name| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            load_mapping(&root.join(format!("config/mappings/{name}.yaml"))).unwrap()
        });
        let (mut n_records, mut n_decoded, mut n_dead) = (0, 0, 0);
        let mut batch = Batch::default();
        for (kafka_ms, value) in files.iter().flat_map(|path| records(row.cut, path)) {
            n_records += 1;
            let record = Record { kafka_ms, value: Some(&value), ..Record::default() };
            decode(&settings, &record, &mut batch);
            n_decoded += batch.events.iter().filter(|event| row.unit.is(&event.body)).count();
            let is_dead = |part: &&txwarden::decode::Part| {
                matches!(part.verdict, Err(Refusal::DeadLetter { .. }))
            };
            n_dead += batch.parts.iter().filter(is_dead).count();
        }
        let path = row.path.chars().rev().take(60).collect::<Vec<_>>();
        let path: String = path.into_iter().rev().collect();
        let line = format!(
            "{:<16} {path:<60} {n_records:>8} {n_decoded:>8} {:>8} {n_dead:>5}\n",
            row.format.as_str(),
            row.oracle
        );
        if (n_decoded, n_dead) != (row.oracle, row.dead) {
            wrong.push(line.clone());
        }
        shown.push_str(&line);
    }
    eprintln!("{shown}");
    assert!(wrong.is_empty(), "these differ:\n{}", wrong.concat());
}
