//! How long one record takes to decode, from bytes to events, on one core.
//!
//! The records have the shape and size of real exports: ids and amounts from a fixed seed.

#![allow(missing_docs)]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use flate2::{Compression, write::GzEncoder};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256StarStar;
use serde_json::{Value, json};
use std::{hint::black_box, io::Write, sync::Arc};
use txwarden::{
    config::{load_mapping, load_schemas},
    decode::{
        Batch, Checks, Envelope, Format, Limits, Mapping, Policy, Settings, Wrapping, decode,
        envelope::Layer,
    },
    model::{Chain, Record},
};

/// Records that a bench cycles through: more than the branch predictor learns by heart.
const N_RECORDS: usize = 256;
/// Mean calldata of a mainnet transaction, in bytes.
const CALLDATA_BYTES: usize = 200;

fn hex(rng: &mut Xoshiro256StarStar, n_bytes: usize) -> String {
    (0..n_bytes).map(|_| format!("{:02x}", rng.r#gen::<u8>())).collect()
}

/// Writes a transaction as ethereum-etl streams it, with the receipt's fields.
fn ethereum_transaction(rng: &mut Xoshiro256StarStar, n_input: usize) -> String {
    let (hash, block) = (hex(rng, 32), hex(rng, 32));
    let (from, to, input) = (hex(rng, 20), hex(rng, 20), hex(rng, n_input));
    let value = u128::from(rng.r#gen::<u64>()) * 1_000;
    let (nonce, index) = (rng.r#gen::<u16>(), rng.gen_range(0..300));
    format!(
        "{{\"type\": \"transaction\", \"hash\": \"0x{hash}\", \"nonce\": {nonce}, \
         \"transaction_index\": {index}, \"from_address\": \"0x{from}\", \
         \"to_address\": \"0x{to}\", \"value\": {value}, \"gas\": 250000, \
         \"gas_price\": 80869370967, \"input\": \"0x{input}\", \"block_timestamp\": 1683029999, \
         \"block_number\": 17173049, \"block_hash\": \"0x{block}\", \
         \"max_fee_per_gas\": 120869370967, \"max_priority_fee_per_gas\": 1500000000, \
         \"transaction_type\": 2, \"receipt_cumulative_gas_used\": 9755040, \
         \"receipt_gas_used\": 121632, \"receipt_contract_address\": null, \
         \"receipt_root\": null, \"receipt_status\": 1, \
         \"receipt_effective_gas_price\": 80869370967, \"item_id\": \"transaction_0x{hash}\", \
         \"item_timestamp\": \"2023-05-02T12:19:59Z\", \"receipt_l1_fee\": null, \
         \"receipt_l1_gas_used\": null, \"receipt_l1_gas_price\": null, \
         \"receipt_l1_fee_scalar\": null}}"
    )
}

/// Writes an ERC-20 `Transfer` log.
fn ethereum_log(rng: &mut Xoshiro256StarStar) -> String {
    let (tx, block, token, data) = (hex(rng, 32), hex(rng, 32), hex(rng, 20), hex(rng, 32));
    let (from, to, zeros) = (hex(rng, 20), hex(rng, 20), "0".repeat(24));
    format!(
        "{{\"type\": \"log\", \"log_index\": 7, \"transaction_hash\": \"0x{tx}\", \
         \"transaction_index\": 0, \"address\": \"0x{token}\", \"data\": \"0x{data}\", \
         \"topics\": [\"0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef\", \
         \"0x{zeros}{from}\", \"0x{zeros}{to}\"], \"block_number\": 17173049, \
         \"block_timestamp\": 1683029999, \"block_hash\": \"0x{block}\", \
         \"item_id\": \"log_0x{tx}_7\", \"item_timestamp\": \"2023-05-02T12:19:59Z\"}}"
    )
}

/// Writes an enriched Bitcoin transaction of two inputs and two outputs.
fn bitcoin_transaction(rng: &mut Xoshiro256StarStar) -> String {
    let put = |rng: &mut _, i: usize| {
        let (tx, script, key) = (hex(rng, 32), hex(rng, 107), hex(rng, 19));
        format!(
            "{{\"index\":{i},\"spent_transaction_hash\":\"{tx}\",\"spent_output_index\":{i},\
             \"script_asm\":\"{script}\",\"script_hex\":\"{script}\",\"sequence\":4294967293,\
             \"required_signatures\":null,\"type\":\"witness_v0_keyhash\",\
             \"addresses\":[\"bc1q{key}\"],\"value\":500000}}"
        )
    };
    let pay = |rng: &mut _, i: usize| {
        let (script, key) = (hex(rng, 22), hex(rng, 19));
        format!(
            "{{\"index\":{i},\"script_asm\":\"0 {script}\",\"script_hex\":\"{script}\",\
             \"required_signatures\":null,\"type\":\"witness_v0_keyhash\",\
             \"addresses\":[\"bc1q{key}\"],\"value\":499000}}"
        )
    };
    let (hash, block) = (hex(rng, 32), hex(rng, 32));
    let (in0, in1, out0, out1) = (put(rng, 0), put(rng, 1), pay(rng, 0), pay(rng, 1));
    format!(
        "{{\"type\":\"transaction\",\"hash\":\"{hash}\",\"size\":370,\"virtual_size\":208,\
         \"version\":2,\"lock_time\":0,\"block_number\":700000,\"block_hash\":\"{block}\",\
         \"block_timestamp\":1631333672,\"is_coinbase\":false,\"index\":3,\
         \"inputs\":[{in0},{in1}],\"outputs\":[{out0},{out1}],\"input_count\":2,\
         \"output_count\":2,\"input_value\":1000000,\"output_value\":998000,\"fee\":2000,\
         \"item_id\":\"transaction_{hash}\"}}"
    )
}

/// Writes the same transaction as a node shows it, without its bytes.
fn bitcoind_transaction(rng: &mut Xoshiro256StarStar) -> String {
    let put = |rng: &mut _, i: usize| {
        let (tx, witness) = (hex(rng, 32), hex(rng, 71));
        format!(
            "{{\"txid\":\"{tx}\",\"vout\":{i},\"scriptSig\":{{\"asm\":\"\",\"hex\":\"\"}},\
             \"txinwitness\":[\"{witness}\"],\"sequence\":4294967293}}"
        )
    };
    let pay = |rng: &mut _, i: usize| {
        let (script, key) = (hex(rng, 22), hex(rng, 19));
        format!(
            "{{\"value\":0.00499000,\"n\":{i},\"scriptPubKey\":{{\"asm\":\"0 {script}\",\
             \"hex\":\"{script}\",\"address\":\"bc1q{key}\",\"type\":\"witness_v0_keyhash\"}}}}"
        )
    };
    let hash = hex(rng, 32);
    let (in0, in1, out0, out1) = (put(rng, 0), put(rng, 1), pay(rng, 0), pay(rng, 1));
    format!(
        "{{\"txid\":\"{hash}\",\"hash\":\"{hash}\",\"version\":2,\"size\":370,\"vsize\":208,\
         \"weight\":832,\"locktime\":0,\"vin\":[{in0},{in1}],\"vout\":[{out0},{out1}]}}"
    )
}

/// Writes the hex of a transaction with two inputs, two outputs and witnesses.
fn bitcoin_raw_transaction(rng: &mut Xoshiro256StarStar) -> String {
    let (tx0, tx1) = (hex(rng, 32), hex(rng, 32));
    let (key0, key1, witness0, witness1) = (hex(rng, 20), hex(rng, 20), hex(rng, 71), hex(rng, 71));
    format!(
        "02000000000102{tx0}0000000000fdffffff{tx1}0100000000fdffffff02\
         b80b000000000000160014{key0}b80b000000000000160014{key1}0147{witness0}0147{witness1}00000000"
    )
}

/// Returns a record of the fixtures, which are signed.
fn fixture(lines: &str, name: &str) -> String {
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let found = lines.into_iter().find(|line| line["name"] == name).unwrap_or_default();
    found["payload"].as_str().unwrap_or_default().replace('\'', "\"")
}

fn bench(
    c: &mut Criterion,
    name: &str,
    format: Format,
    make: impl Fn(&mut Xoshiro256StarStar) -> String,
) {
    let mut rng = Xoshiro256StarStar::seed_from_u64(1);
    let records: Vec<Vec<u8>> = (0..N_RECORDS).map(|_| make(&mut rng).into_bytes()).collect();
    measure(c, name, &settings(name, format), &records);
}

/// Measures payments inside an envelope, by a mapping.
fn bench_envelope(c: &mut Criterion, layer: Layer, wrap: impl Fn(Vec<u8>) -> Vec<u8>) {
    let mut rng = Xoshiro256StarStar::seed_from_u64(1);
    let payments = (0..N_RECORDS).map(|_| tron_payment(&mut rng).into_bytes());
    let records: Vec<Vec<u8>> = payments.map(wrap).collect();
    let mut settings = settings(layer.as_str(), Format::Mapped);
    settings.envelope.wrapping = Wrapping::Layers(vec![layer]);
    measure(c, layer.as_str(), &settings, &records);
}

/// Measures a record of the fixtures in a registry's wire format: schema id, then Avro, Protobuf or
/// JSON.
fn bench_registry(c: &mut Criterion, name: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/decode/envelope/schemas");
    let wrapping = Wrapping::Layers(vec![Layer::Confluent]);
    let schemas = load_schemas(&wrapping, Some(folder.as_ref()));
    let schemas = schemas.unwrap_or_else(|e| unreachable!("{e}"));
    let mapping = serde_json::from_value(json!({"records": [{
        "kind": "payment",
        "id": {"path": "id", "form": "text"},
        "from": {"prefix": "house"},
        "to": {"paths": ["to", "kind", "id"]},
        "amount": {"path": "amount", "decimals": 18},
    }]}));
    let mut settings = settings(name, Format::Mapped);
    settings.mapping = Some(Arc::new(mapping.unwrap_or_else(|e| unreachable!("{e}"))));
    settings.envelope = Envelope { wrapping, schemas };
    let lines = include_str!("../fixtures/decode/envelope/registry.jsonl").lines();
    let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let line = lines.find(|line| line["name"] == name).unwrap_or_default();
    let payload = STANDARD.decode(line["payload_b64"].as_str().unwrap_or_default());
    let payload = payload.unwrap_or_default();
    measure(c, &format!("confluent {name}"), &settings, &vec![payload; N_RECORDS]);
}

fn gzip(bytes: Vec<u8>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(&bytes).and_then(|()| encoder.finish());
    packed.unwrap_or_else(|e| unreachable!("{e}"))
}

fn settings(name: &str, format: Format) -> Settings {
    let chain = Chain::parse(format.default_chain()).unwrap_or_else(|e| unreachable!("{e}"));
    let mut limits = Limits::default();
    if name.ends_with("_unchecked") {
        let (hash, sender) = (Policy::Ignore, Policy::Ignore);
        limits.checks = Checks { hash, sender, ..Checks::default() };
    } else if name.ends_with("_unsigned") {
        limits.checks.sender = Policy::Ignore;
    }
    let mapping = match (format, name) {
        (Format::Mapped, "ethereum_csv") => Some(mapping("ethereum_csv")),
        (Format::Mapped, _) => Some(mapping("tron")),
        _ => None,
    };
    let envelope = Default::default();
    Settings { limits, mapping, envelope, ..Settings::new(format, chain) }
}

fn measure(c: &mut Criterion, name: &str, settings: &Settings, records: &[Vec<u8>]) {
    let mut group = c.benchmark_group(format!("decode/{}", settings.format.as_str()));
    let n_bytes = records.iter().map(Vec::len).sum::<usize>() / N_RECORDS;
    // One element an iteration: the time shown is nanoseconds an event.
    group.throughput(Throughput::Bytes(n_bytes as u64));
    let mut batch = Batch::default();
    let mut next = (0..N_RECORDS).cycle();
    group.bench_function(name, |b| {
        b.iter_batched(
            || &records[next.next().unwrap_or_default()],
            |value| {
                let record = Record { value: Some(value), ..Record::default() };
                decode(settings, black_box(&record), &mut batch);
                assert!(batch.parts[0].verdict.is_ok());
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn mapping(name: &str) -> Arc<Mapping> {
    let path = format!("{}/config/mappings/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    load_mapping(path.as_ref()).unwrap_or_else(|e| unreachable!("{e}"))
}

/// Writes a row of values in ether, as data sets of research have them.
fn ether_row(rng: &mut Xoshiro256StarStar) -> String {
    let (tx, from, to) = (hex(rng, 32), hex(rng, 20), hex(rng, 20));
    let value = rng.r#gen::<u32>();
    format!("4370000,1508131331,0x{tx},0x{from},0x{to},0.{value},0x")
}

/// Writes the hex of what a node says when a transaction enters its memory pool.
fn mempool_message(rng: &mut Xoshiro256StarStar) -> String {
    let (tx, sequence) = (hex(rng, 32), hex(rng, 8));
    format!("{tx}41{sequence}")
}

/// Writes a TRON payment as the event plugin does.
fn tron_payment(rng: &mut Xoshiro256StarStar) -> String {
    let (tx, block, from, to) = (hex(rng, 32), hex(rng, 32), hex(rng, 20), hex(rng, 20));
    let amount = rng.r#gen::<u32>();
    format!(
        "{{\"timeStamp\":1700000000000,\"triggerName\":\"transactionTrigger\",\
         \"transactionId\":\"{tx}\",\"blockHash\":\"{block}\",\"blockNumber\":56000000,\
         \"energyUsage\":0,\"netUsage\":268,\"result\":\"SUCCESS\",\
         \"contractType\":\"TransferContract\",\"fromAddress\":\"41{from}\",\
         \"toAddress\":\"41{to}\",\"assetName\":\"trx\",\"assetAmount\":{amount}}}"
    )
}

fn all(c: &mut Criterion) {
    use Format::{
        BitcoinEtl, BitcoinRaw, BitcoinZmq, Bitcoind, EthereumEtl, EthereumEtlCsv, EvmBlock,
        EvmRaw, EvmRpc, Mapped,
    };
    bench(c, "transaction", EthereumEtl, |rng| ethereum_transaction(rng, CALLDATA_BYTES));
    bench(c, "transfer", EthereumEtl, |rng| ethereum_transaction(rng, 0));
    bench(c, "calldata_128k", EthereumEtl, |rng| ethereum_transaction(rng, 128 << 10));
    bench(c, "log", EthereumEtl, ethereum_log);
    bench(c, "transaction", BitcoinEtl, bitcoin_transaction);
    let rpc = include_str!("../fixtures/decode/evm_rpc/valid.jsonl");
    for name in ["transaction", "transaction_unsigned", "transaction_unchecked"] {
        bench(c, name, EvmRpc, |_| fixture(rpc, "mined transaction"));
    }
    bench(c, "log", EvmRpc, |_| fixture(rpc, "token transfer"));
    bench(c, "receipt", EvmRpc, |_| fixture(rpc, "receipt with a log"));
    bench(c, "traces", EvmRpc, |_| fixture(rpc, "traces"));
    let block = include_str!("../fixtures/decode/evm_block/valid.jsonl");
    bench(c, "bundle_unsigned", EvmBlock, |_| fixture(block, "block beside its receipts"));
    let raw = include_str!("../fixtures/decode/evm_raw/valid.jsonl");
    bench(c, "transaction", EvmRaw, |_| fixture(raw, "hex text"));
    let csv = include_str!("../fixtures/decode/ethereum_etl_csv/valid.jsonl");
    bench(c, "transaction", EthereumEtlCsv, |_| fixture(csv, "transaction"));
    bench(c, "transaction", Bitcoind, bitcoind_transaction);
    bench(c, "transaction", BitcoinRaw, bitcoin_raw_transaction);
    bench(c, "message", BitcoinZmq, mempool_message);
    bench(c, "tron", Mapped, tron_payment);
    bench(c, "ethereum_csv", Mapped, ether_row);
    bench_envelope(c, Layer::Gzip, gzip);
    bench_envelope(c, Layer::Zstd, |value| {
        zstd::bulk::compress(&value, 3).unwrap_or_else(|e| unreachable!("{e}"))
    });
    bench_envelope(c, Layer::Connect, |value| {
        [b"{\"schema\":{\"type\":\"struct\"},\"payload\":", &value[..], b"}"].concat()
    });
    bench_envelope(c, Layer::Debezium, |value| {
        [b"{\"op\":\"c\",\"before\":null,\"after\":", &value[..], b"}"].concat()
    });
    bench_envelope(c, Layer::Cloudevents, |value| {
        let head =
            b"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data\":";
        [&head[..], &value[..], b"}"].concat()
    });
    for name in ["avro", "pb [1]", "json"] {
        bench_registry(c, name);
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
