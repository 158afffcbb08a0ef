//! The same for the formats of UTXO chains: exports, node answers and raw bytes agree.

use super::{Decoded, decode_files, settings};
use crate::data;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
};
use txwarden::{
    decode::{Batch, Format, Refusal, decode},
    model::{Chain, Quality, Record, ScriptType, Tx, UtxoTx},
};

const DOGE: &str = "bip122:1a91e3dace36e2be3bf030a65679fe82";
const ZEC: &str = "bip122:00040fe8ec8471911baa1db1266ea15d";
const TESTNET: &str = "bip122:000000000933ea01ad0ee984209779ba";

fn bitcoin(test: &str, files: &[&str]) -> Option<Decoded> {
    decode_files(test, Chain::BITCOIN, Format::BitcoinEtl, files)
}

/// Sums outputs, of all or only of transparent ones.
fn output_sum(all: &Decoded, is_shielded_counted: bool) -> u64 {
    all.utxo()
        .flat_map(|tx| &tx.outputs)
        .filter(|o| is_shielded_counted || o.script_type != ScriptType::Shielded)
        .map(|o| o.value)
        .sum()
}

#[test]
fn bitcoin_transactions_of_five_whole_blocks() {
    let Some(all) = bitcoin(
        "oracle::bitcoin_transactions",
        &["bitcoin-etl/bitcoin_transactions.bitcoin-etl.jsonl.gz"],
    ) else {
        return;
    };
    let inputs = || all.utxo().flat_map(|tx| &tx.inputs);
    let blocks: BTreeSet<_> = all.txs().map(|tx| tx.inclusion.unwrap().block).collect();
    let outpoints: BTreeSet<_> = inputs().map(|i| i.outpoint.unwrap()).collect();
    assert_eq!((all.events.len(), blocks.len()), (7_815, 5));
    assert_eq!((inputs().count(), outpoints.len()), (24_221, 24_221));
    assert_eq!(all.utxo().map(|tx| tx.outputs.len()).sum::<usize>(), 18_987);
    assert_eq!(output_sum(&all, true), 5_199_266_505_676);
    assert_eq!(inputs().filter(|i| i.value.is_some()).count(), 1_682);
    assert_eq!(inputs().filter_map(|i| i.value).sum::<u64>(), 469_988_186_042);
    assert_eq!(all.utxo().filter(|tx| tx.signals_rbf()).count(), 535);
    assert_eq!(all.utxo().filter(|tx| tx.is_coinbase).count(), 5);
    let ids: BTreeSet<_> = all.txs().map(|tx| tx.id).collect();
    let is_chained =
        |tx: &&UtxoTx| tx.inputs.iter().any(|i| i.outpoint.is_some_and(|o| ids.contains(&o.tx)));
    assert_eq!(all.utxo().filter(is_chained).count(), 1_626);
    assert!(all.utxo().all(|tx| tx.inputs.iter().all(|i| !tx.is_coinbase || i.value.is_none())));
}

#[test]
fn bitcoin_exports_recompute_what_the_exporter_got_wrong() {
    const TEST: &str = "oracle::bitcoin_exports";
    const FOLDER: &str = "bitcoin-etl/test_export_blocks_job/bitcoin";
    let file = |name: &str| format!("{FOLDER}/{name}/expected_transactions.json");
    let Some(enriched) = bitcoin(TEST, &[&file("stream_50001_50002")]) else { return };
    assert_eq!((enriched.txs().count(), output_sum(&enriched, true)), (4, 25_000_000_000));
    let fees = |all: &Decoded| -> Vec<Option<u64>> {
        all.utxo().filter(|tx| !tx.is_coinbase).map(|tx| tx.fee()).collect()
    };
    assert_eq!(fees(&enriched), [Some(0), Some(0)]);
    let bare = bitcoin(TEST, &[&file("block_with_transactions")]).unwrap();
    assert_eq!((bare.txs().count(), fees(&bare)), (4, vec![None, None]));
}

#[test]
fn bitcoin_blocks_of_all_chains_with_odd_nonces() {
    const FOLDER: &str = "bitcoin-etl/test_export_blocks_job";
    let files = [
        "bitcoin/stream_50001_50002",
        "bitcoin_cash/block_with_duplicate_txid",
        "dogecoin/block_with_float_precision_loss",
        "zcash/block_with_value_balance",
    ]
    .map(|name| format!("{FOLDER}/{name}/expected_blocks.json"));
    let files = files.each_ref().map(String::as_str);
    let Some(all) = bitcoin("oracle::bitcoin_blocks", &files) else { return };
    let counts: Vec<_> = all.blocks().map(|b| b.n_transactions.unwrap()).collect();
    assert_eq!(counts, [3, 1, 1, 6, 10]);
}

#[test]
fn other_utxo_chains() {
    const TEST: &str = "oracle::other_utxo_chains";
    let read = |chain: &str, name: &str| {
        let file = format!("bitcoin-etl/test_export_blocks_job/{name}/expected_transactions.json");
        decode_files(TEST, chain, Format::BitcoinEtl, &[&file])
    };
    let sums = |all: Decoded| (all.txs().count(), output_sum(&all, true), output_sum(&all, false));
    let same = |n, sum| (n, sum, sum);
    let Some(cash) = read(Chain::BITCOIN, "bitcoin_cash/block_with_duplicate_txid") else { return };
    assert_eq!(sums(cash), same(1, 5_000_000_000));
    let doge = |name: &str| sums(read(DOGE, &format!("dogecoin/{name}")).unwrap());
    assert_eq!(doge("block_with_float_precision_loss"), same(6, 9_623_711_599_182_957));
    assert_eq!(doge("block_without_transactions"), same(1, 72_975_200_000_000));
    let zec = |name: &str| sums(read(ZEC, &format!("zcash/{name}")).unwrap());
    assert_eq!(zec("block_0"), same(1, 0));
    assert_eq!(zec("block_with_shielded_addresses"), (4, 110_216_166, 89_976_166));
    assert_eq!(zec("block_with_value_balance"), (10, 152_400_371_495, 152_314_081_495));
}

#[test]
fn coinjoins_with_every_input_valued() {
    let Some(all) = bitcoin("oracle::btc_coinjoin", &["btc-coinjoin/transactions_dev.jsonl.gz"])
    else {
        return;
    };
    assert_eq!(all.txs().count(), 3_099);
    assert_eq!(all.utxo().map(|tx| tx.inputs.len()).sum::<usize>(), 31_546);
    let input_sum = all.utxo().map(|tx| tx.input_value().unwrap()).sum::<u64>();
    assert_eq!(input_sum, 3_838_533_466_832);
    assert_eq!(all.utxo().map(|tx| tx.outputs.len()).sum::<usize>(), 28_415);
    assert_eq!(output_sum(&all, true), 3_838_466_941_856);
    assert!(all.utxo().all(|tx| tx.fee().is_some()));
}

/// Decodes files whole, each as one record.
fn whole_files(test: &str, chain: &str, format: Format, files: &[&str]) -> Option<Decoded> {
    let settings = settings(chain, format);
    let mut all = Decoded::default();
    for file in files {
        let path = data::shared(test, file)?;
        let mut bytes = fs::read(&path).unwrap();
        if file.ends_with(".bz2") {
            let packed = std::mem::take(&mut bytes);
            bzip2::read::BzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        }
        all.add(&settings, &Record { value: Some(&bytes), ..Record::default() });
    }
    Some(all)
}

const BLOCKS: [&str; 5] = [
    "bitcoin-raw/277647.dat.bz2",
    "bitcoin-raw/block-0000000000000000001602407ac49862a7bca9d00f7f402db20b7be2f5de59d2.blk",
    "bitcoin-raw/block-00000000000000000021868c2cefc52a480d173c849412fe81c4e5ab806f94ab.blk",
    "bitcoin-raw/mainnet_block_000000000000000000000c835b2adcaedc20fdf6ee440009c249452c726dafae.raw",
    "bitcoin-raw/mainnet_block_413567.raw",
];

#[test]
fn raw_blocks_hold_what_the_exports_say() {
    const TEST: &str = "oracle::bitcoin_raw_blocks";
    let Some(raw) = whole_files(TEST, Chain::BITCOIN, Format::BitcoinRaw, &BLOCKS) else { return };
    let exports =
        bitcoin(TEST, &["bitcoin-etl/bitcoin_transactions.bitcoin-etl.jsonl.gz"]).unwrap();
    assert_eq!((raw.blocks().count(), raw.txs().count()), (5, 7_815));
    // Header, Merkle root and witness commitment: every hash of every block.
    assert!(raw.events.iter().all(|e| e.quality == Quality::HASH_VERIFIED));
    let n_coinbases = raw.utxo().filter(|tx| tx.is_coinbase).count();
    let n_inputs: usize = raw.utxo().map(|tx| tx.inputs.len()).sum();
    assert_eq!((n_inputs, n_coinbases), (24_221, 5));
    assert_eq!(raw.utxo().filter(|tx| tx.virtual_size < tx.size).count(), 3_510);
    let by_id =
        |all: &Decoded| -> BTreeMap<_, Tx> { all.txs().map(|tx| (tx.id, tx.clone())).collect() };
    let said = by_id(&exports);
    for (id, tx) in by_id(&raw) {
        let said = &said[&id];
        let place = said.inclusion.unwrap();
        let exact = tx.inclusion.unwrap();
        assert_eq!((exact.height, exact.block), (place.height, place.block), "{id}");
        let facts = |tx: &UtxoTx| {
            let spent: Vec<_> = tx.inputs.iter().map(|i| (i.outpoint, i.sequence)).collect();
            let paid: Vec<_> = tx
                .outputs
                .iter()
                .map(|o| (o.index, o.value, o.script_digest, o.script_len))
                .collect();
            (spent, paid, tx.is_coinbase, tx.version, tx.lock_time)
        };
        assert_eq!(facts(tx.utxo().unwrap()), facts(said.utxo().unwrap()), "{id}");
        for (exact, said) in tx.utxo().unwrap().outputs.iter().zip(&said.utxo().unwrap().outputs) {
            if said.address.is_some() && said.script_type != ScriptType::Pubkey {
                assert_eq!(exact.address, said.address, "{id}");
            }
        }
    }
}

#[test]
fn raw_transactions_and_headers() {
    const TEST: &str = "oracle::bitcoin_raw";
    let read = |chain: &str, file: &str| {
        whole_files(TEST, chain, Format::BitcoinRaw, &[&format!("bitcoin-raw/{file}")])
    };
    let test_block =
        "testnet_block_000000000000045e0b1660b6445b5e5c5ab63c9a4f956be7e1e69be04fa4497b.raw";
    let Some(testnet) = read(TESTNET, test_block) else { return };
    assert_eq!((testnet.txs().count(), output_sum(&testnet, true)), (15, 21_397_492_046));
    let mega = read(Chain::BITCOIN, "megatx.bin.bz2").unwrap();
    let n_inputs: usize = mega.utxo().map(|tx| tx.inputs.len()).sum();
    assert_eq!((mega.txs().count(), n_inputs, output_sum(&mega, true)), (1, 5_569, 5_569_000));
    let huge = read(Chain::BITCOIN, "huge_witness.hex").unwrap();
    assert_eq!(
        (huge.txs().count(), huge.events[0].quality),
        (1, { Quality::ID_COMPUTED | Quality::TIME_INFERRED | Quality::TIME_SUSPECT })
    );
    let text =
        fs::read_to_string(data::shared(TEST, "bitcoin-raw/stale-headers-sample.csv").unwrap())
            .unwrap();
    let settings = settings(Chain::BITCOIN, Format::BitcoinRaw);
    let mut headers = Decoded::default();
    for line in text.lines().skip(1) {
        let [_, hash, header] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        headers.add(&settings, &Record { value: Some(header.as_bytes()), ..Record::default() });
        assert_eq!(headers.blocks().last().unwrap().hash.hex(), hash);
    }
    let hashes: BTreeSet<_> = headers.blocks().map(|b| b.hash).collect();
    let is_linked = |parent: &Option<_>| parent.is_some_and(|p| hashes.contains(&p));
    let n_linked = headers.blocks().filter(|b| is_linked(&b.parent)).count();
    assert_eq!((headers.blocks().count(), n_linked), (13, 8));
}

#[test]
fn consensus_vectors_parse() {
    const TEST: &str = "oracle::bitcoin_vectors";
    let judge = |file: &str| -> Option<BTreeMap<String, usize>> {
        let text = fs::read_to_string(data::shared(TEST, file)?).unwrap();
        let lines: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let settings = settings(Chain::BITCOIN, Format::BitcoinRaw);
        let mut counts = BTreeMap::new();
        for tx in lines.iter().filter_map(|line| line.get(1)?.as_str()) {
            let mut batch = Batch::default();
            let value = Some(tx.as_bytes());
            decode(&settings, &Record { value, ..Record::default() }, &mut batch);
            let name = match &batch.parts[0].verdict {
                Ok(_) => "accept".to_owned(),
                Err(Refusal::Skip(_)) => "skip".to_owned(),
                Err(Refusal::DeadLetter { reason, .. }) => reason.as_str().to_owned(),
            };
            *counts.entry(name).or_default() += 1;
        }
        Some(counts)
    };
    let Some(valid) = judge("bitcoin-raw/vectors/tx_valid.json") else { return };
    assert_eq!(valid, BTreeMap::from([("accept".to_owned(), 121)]));
    let invalid = judge("bitcoin-raw/vectors/tx_invalid.json").unwrap();
    assert_eq!(
        invalid,
        BTreeMap::from([("accept".to_owned(), 90), ("amount_out_of_range".to_owned(), 3)])
    );
}

/// Node answers and the exports made from them: the same transactions.
#[test]
fn node_answers_hold_what_the_exports_say() {
    const TEST: &str = "oracle::bitcoind";
    let folders = [
        (
            Chain::BITCOIN,
            "bitcoin/block_0",
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f_2",
        ),
        (
            Chain::BITCOIN,
            "bitcoin/block_1",
            "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048_2",
        ),
        (
            Chain::BITCOIN,
            "bitcoin/stream_50001_50002",
            "000000001c920d495e1eeef2452b6d1c6c229a919b28196c103ecffebabee141_2",
        ),
        (
            Chain::BITCOIN,
            "bitcoin/stream_50001_50002",
            "000000002066d7f9b134c30b5005b7bf5fbfa52f279883f1fde793dcdc964266_2",
        ),
        (
            ZEC,
            "zcash/block_0",
            "00040fe8ec8471911baa1db1266ea15dd06b4a8a5c453883c000b031973dce08_2",
        ),
        (
            ZEC,
            "zcash/block_with_shielded_addresses",
            "000000124b0ed07b3dc5fb8ac4ab6b488120e95cfad8d4f7e4488e03e993203d_2",
        ),
        (
            ZEC,
            "zcash/block_with_value_balance",
            "00000000010678b861c9ce9ba435ba413ea6e89b9a0f8781629453c6b40d389e_2",
        ),
    ];
    let mut sums = Vec::new();
    for (chain, folder, hash) in folders {
        let folder = format!("bitcoin-etl/test_export_blocks_job/{folder}");
        let file = format!("{folder}/rpc_response_getblock_{hash}.json");
        let Some(rpc) = whole_files(TEST, chain, Format::Bitcoind, &[&file]) else { return };
        let rows = format!("{folder}/expected_transactions.json");
        let rows = decode_files(TEST, chain, Format::BitcoinEtl, &[&rows]).unwrap();
        let rows: BTreeMap<_, _> = rows.txs().map(|tx| (tx.id, tx.clone())).collect();
        for tx in rpc.txs() {
            let row = &rows[&tx.id];
            assert_eq!(tx.inclusion.unwrap().block, row.inclusion.unwrap().block);
            assert_eq!(tx.utxo().unwrap().output_value(), row.utxo().unwrap().output_value());
            let outpoints =
                |tx: &Tx| tx.utxo().unwrap().inputs.iter().map(|i| i.outpoint).collect::<Vec<_>>();
            assert_eq!(outpoints(tx), outpoints(row), "{}", tx.id);
        }
        sums.push((rpc.txs().count(), output_sum(&rpc, true), output_sum(&rpc, false)));
        let is_verified = rpc.events.iter().all(|e| e.quality.contains(Quality::HASH_VERIFIED));
        assert_eq!(is_verified, chain == Chain::BITCOIN, "{file}");
    }
    let expected = [
        (1, 5_000_000_000, 5_000_000_000),
        (1, 5_000_000_000, 5_000_000_000),
        (3, 20_000_000_000, 20_000_000_000),
        (1, 5_000_000_000, 5_000_000_000),
        (1, 0, 0),
        (4, 110_216_166, 89_976_166),
        (10, 152_400_371_495, 152_314_081_495),
    ];
    assert_eq!(sums, expected);
}

#[test]
fn single_node_answers_hash_to_their_ids() {
    const TEST: &str = "oracle::bitcoind_transactions";
    let mut n = 0;
    for (chain, name) in [
        (
            Chain::BITCOIN,
            "bitcoin/stream_50001_50002/rpc_response_getrawtransaction_0d37522b89f991f8433b80f709ad31862a54435cd003f25732fe405e9db93216",
        ),
        (
            Chain::BITCOIN,
            "bitcoin/stream_50001_50002/rpc_response_getrawtransaction_0dd0394c6240355f4e4b3c88028f678ed746cebee3b3e8509620733f018914c9",
        ),
        (
            Chain::BITCOIN,
            "bitcoin/stream_50001_50002/rpc_response_getrawtransaction_76a8d70a757be5055f60be076b683897cadaad6b7bdf78c43e39b9d59cb4a6ea",
        ),
        (
            Chain::BITCOIN,
            "bitcoin_cash/block_with_duplicate_txid/rpc_response_getrawtransaction_e3bf3d07d4b0375638d5f1db5255fe07ba2c4cb067cd81b84ee974b6585fb468",
        ),
        (
            DOGE,
            "dogecoin/block_without_transactions/rpc_response_getrawtransaction_3b14b76d22a3f2859d73316002bc1b9bfc7f37e2c3393be9b722b62bbd786983",
        ),
    ] {
        let file = format!("bitcoin-etl/test_export_blocks_job/{name}.json");
        let Some(all) = whole_files(TEST, chain, Format::Bitcoind, &[&file]) else { return };
        assert!(all.events.iter().all(|e| e.quality.contains(Quality::HASH_VERIFIED)), "{name}");
        n += all.txs().count();
    }
    assert_eq!(n, 5);
}
