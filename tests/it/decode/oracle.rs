//! Real exports decode to counts and sums that are known exactly, without a single dead letter.

mod bitcoin;
mod evm;
mod roots;
mod table;

use crate::data;
use std::{collections::BTreeSet, io::Read, path::Path};
use txwarden::{
    decode::{self, Batch, Format, Settings},
    model::{
        Amount, Approval, BlockStep, Body, Chain, Event, EventId, EvmTx, OutcomeStatus, Record,
        Transfer, Tx, UtxoTx,
    },
};

/// Everything that a set of files decoded to.
#[derive(Default)]
struct Decoded {
    events: Vec<Event>,
}

impl Decoded {
    /// Decodes one record; a dead letter fails the test.
    fn add(&mut self, settings: &Settings, record: &Record<'_>) {
        let mut batch = Batch::default();
        decode::decode(settings, record, &mut batch);
        assert!(!batch.parts.is_empty());
        for part in &batch.parts {
            match &part.verdict {
                Ok(range) => assert!(!range.is_empty(), "accepted without events"),
                Err(refusal) => panic!("{refusal:?} for {:?}", record.value.map(<[u8]>::len)),
            }
        }
        self.events.append(&mut batch.events);
    }

    fn txs(&self) -> impl Iterator<Item = &Tx> {
        self.events.iter().filter_map(|e| match &e.body {
            Body::Tx(tx) => Some(&**tx),
            _ => None,
        })
    }

    fn evm(&self) -> impl Iterator<Item = (&Tx, &EvmTx)> {
        self.txs().map(|tx| (tx, tx.evm().unwrap()))
    }

    fn utxo(&self) -> impl Iterator<Item = &UtxoTx> {
        self.txs().map(|tx| tx.utxo().unwrap())
    }

    fn blocks(&self) -> impl Iterator<Item = &BlockStep> {
        self.events.iter().filter_map(|e| match &e.body {
            Body::Block(block) => Some(&**block),
            _ => None,
        })
    }

    fn transfers(&self) -> impl Iterator<Item = &Transfer> {
        self.events.iter().filter_map(|e| match &e.body {
            Body::Transfer(transfer) => Some(&**transfer),
            _ => None,
        })
    }

    fn transfer_ids(&self, chain: &str) -> BTreeSet<EventId> {
        let transfers = self.events.iter().filter(|e| matches!(e.body, Body::Transfer(_)));
        transfers.map(|e| e.id(chain)).collect()
    }

    fn approvals(&self) -> impl Iterator<Item = &Approval> {
        self.events.iter().filter_map(|e| match &e.body {
            Body::Approval(approval) => Some(&**approval),
            _ => None,
        })
    }
}

/// Reads a file whole, unpacking `.gz`.
fn read(path: &Path) -> String {
    let mut text = String::new();
    let mut file = std::fs::File::open(path).unwrap();
    if path.extension().is_some_and(|e| e == "gz") {
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    } else {
        file.read_to_string(&mut text).unwrap();
    }
    text
}

fn settings(chain: &str, format: Format) -> Settings {
    let chain = Chain::parse(chain).unwrap();
    Settings::new(format, chain)
}

/// Decodes files below the shared data; `None` when it is not there.
fn decode_files(test: &str, chain: &str, format: Format, files: &[&str]) -> Option<Decoded> {
    let settings = settings(chain, format);
    let mut all = Decoded::default();
    for file in files {
        let text = read(&data::shared(test, file)?);
        for line in text.lines().filter(|l| !l.trim().is_empty()) {
            all.add(&settings, &Record { value: Some(line.as_bytes()), ..Record::default() });
        }
    }
    Some(all)
}

fn ethereum(test: &str, files: &[&str]) -> Option<Decoded> {
    decode_files(test, Chain::ETHEREUM, Format::EthereumEtl, files)
}

fn sum(amounts: impl Iterator<Item = Amount>) -> String {
    amounts.fold(Amount::ZERO, Amount::saturating_add).to_string()
}

#[test]
fn ethereum_transactions_without_receipts() {
    let Some(all) = ethereum(
        "oracle::ethereum_transactions",
        &["ethereum-etl/ethereum_transactions.ethereum-etl.jsonl.gz"],
    ) else {
        return;
    };
    let count = |is: &dyn Fn(&EvmTx) -> bool| all.evm().filter(|(_, tx)| is(tx)).count();
    let ids: BTreeSet<_> = all.txs().map(|tx| tx.id).collect();
    let nonces: BTreeSet<_> = all.evm().map(|(_, tx)| (&tx.from, tx.nonce)).collect();
    assert_eq!((all.events.len(), ids.len(), nonces.len()), (24_342, 24_342, 24_342));
    assert_eq!(sum(all.evm().map(|(_, tx)| tx.value)), "254658995379442165199155");
    assert_eq!(count(&|tx| tx.value.is_zero()), 7_743);
    assert_eq!(count(&|tx| tx.value >= Amount::from_u64(1 << 53)), 11_168);
    assert_eq!(count(&|tx| tx.value >= Amount::from_u128(1 << 64)), 299);
    let types = [0, 1, 2, 3].map(|t| count(&|tx| tx.tx_type == Some(t)));
    assert_eq!(types, [12_124, 28, 12_182, 8]);
    assert_eq!(count(&|tx| tx.to.is_none()), 33);
    assert_eq!(count(&|tx| tx.gas_price == Some(Amount::ZERO)), 664);
    assert_eq!(all.evm().filter_map(|(_, tx)| tx.gas_limit).sum::<u64>(), 2_911_996_904);
    assert_eq!(all.txs().filter(|tx| tx.outcome.is_some()).count(), 0);
}

#[test]
fn ethereum_blocks() {
    let Some(all) = ethereum(
        "oracle::ethereum_blocks",
        &["ethereum-etl/ethereum_blocks.ethereum-etl.jsonl.gz"],
    ) else {
        return;
    };
    assert_eq!(all.blocks().count(), 85);
    assert_eq!(all.blocks().filter(|b| b.n_transactions == Some(0)).count(), 1);
    assert_eq!(all.blocks().filter_map(|b| b.n_transactions).sum::<u32>(), 24_342);
    assert_eq!(all.blocks().filter_map(|b| b.gas_used).sum::<u64>(), 1_263_307_241);
    assert_eq!(all.blocks().filter(|b| b.base_fee_per_gas.is_none()).count(), 40);
    assert_eq!(all.transfers().count(), 432);
    assert_eq!(sum(all.transfers().map(amount)), "72876654373000000000");
}

/// Returns a transfer's number, whatever it means.
fn amount(transfer: &Transfer) -> Amount {
    use txwarden::model::TokenAmount::{Amount, AmountOrId, TokenId};
    match transfer.amount {
        Amount(n) | TokenId(n) | AmountOrId(n) => n,
    }
}

#[test]
fn ethereum_stream_of_two_whole_blocks() {
    const TEST: &str = "oracle::ethereum_stream";
    const FOLDER: &str = "ethereum-etl/test_stream/blocks_17173049_17173050";
    let file = |name: &str| format!("{FOLDER}/expected_{name}.json");
    let Some(txs) = ethereum(TEST, &[&file("transactions")]) else { return };
    assert_eq!(txs.txs().count(), 298);
    assert_eq!(txs.evm().filter(|(_, tx)| tx.tx_type == Some(2)).count(), 250);
    assert_eq!(txs.txs().filter(|tx| tx.is_failed()).count(), 9);
    assert_eq!(sum(txs.evm().map(|(_, tx)| tx.value)), "82692008376751083333");
    let failed = txs.evm().filter(|(tx, _)| tx.is_failed()).map(|(_, tx)| tx.value);
    assert_eq!(sum(failed), "445753333389270321");
    let outcomes = || txs.txs().map(|tx| tx.outcome.as_ref().unwrap());
    assert_eq!(outcomes().map(|o| o.gas_used.unwrap()).sum::<u64>(), 25_246_518);
    let fee = outcomes().map(|o| {
        let price = o.effective_gas_price.unwrap().0;
        Amount(price * Amount::from_u64(o.gas_used.unwrap()).0)
    });
    assert_eq!(sum(fee), "2362878739684767282");

    let blocks = ethereum(TEST, &[&file("blocks")]).unwrap();
    assert_eq!((blocks.blocks().count(), blocks.transfers().count()), (2, 32));
    assert_eq!(sum(blocks.transfers().map(amount)), "430048384000000000");
    check_stream_logs(&ethereum(TEST, &[&file("logs")]).unwrap());
    check_stream_transfers(
        &ethereum(TEST, &[&file("token_transfers")]).unwrap(),
        &ethereum(TEST, &[&file("logs")]).unwrap(),
    );
}

fn check_stream_logs(logs: &Decoded) {
    use txwarden::model::TokenStandard::{Erc20, Erc721, Erc1155};
    assert_eq!(logs.events.len(), 681);
    let standard = |s| logs.transfers().filter(|t| t.standard == s).count();
    assert_eq!((standard(Erc20), standard(Erc721), standard(Erc1155)), (282, 9, 1));
    let limited = logs.approvals().filter(|a| a.amount.is_some()).count();
    let unlimited = logs.approvals().filter(|a| a.amount.is_none()).count();
    assert_eq!((limited, unlimited), (84 + 2, 2));
    let huge = Amount::from_u64(1).0 << 255;
    assert_eq!(logs.approvals().filter(|a| a.amount.is_some_and(|n| n.0 >= huge)).count(), 39);
}

fn check_stream_transfers(rows: &Decoded, logs: &Decoded) {
    assert_eq!(rows.transfers().count(), 291);
    assert_eq!(sum(rows.transfers().map(amount)), "18038949443500091328294109550989");
    let big = rows.transfers().filter(|t| amount(t) >= Amount::from_u128(1 << 64)).count();
    assert_eq!(big, 75);
    // A row and the log with the same index are one fact.
    let of_rows = rows.transfer_ids(Chain::ETHEREUM);
    assert_eq!(of_rows.len(), 291);
    // The exporter has no row for the one ERC-1155 transfer.
    let of_logs = logs.transfer_ids(Chain::ETHEREUM);
    assert_eq!(of_logs.len(), 292);
    assert!(of_rows.is_subset(&of_logs));
}

#[test]
fn ethereum_before_byzantium() {
    const TEST: &str = "oracle::ethereum_before_byzantium";
    const FOLDER: &str = "ethereum-etl/test_stream/blocks_1755634_1755635";
    let file = |name: &str| format!("{FOLDER}/expected_{name}.json");
    let Some(txs) = ethereum(TEST, &[&file("transactions")]) else { return };
    assert_eq!(txs.txs().count(), 2);
    // A state root instead of a status: nobody knows whether it succeeded.
    let status = |tx: &Tx| tx.outcome.as_ref().unwrap().status;
    assert!(txs.txs().all(|tx| status(tx) == OutcomeStatus::Unknown));
    let logs = ethereum(TEST, &[&file("logs")]).unwrap();
    assert_eq!((logs.events.len(), logs.transfers().count()), (2, 1));
    let rows = ethereum(TEST, &[&file("token_transfers")]).unwrap();
    assert_eq!(sum(rows.transfers().map(amount)), "5000000000000000000");
    assert_eq!(ethereum(TEST, &[&file("blocks")]).unwrap().blocks().count(), 2);
}

/// One line of the exporter's topics as it was recorded on a chain of our own.
#[derive(serde::Deserialize)]
struct Recorded {
    ts: i64,
    payload: String,
}

#[test]
fn devchain_topics_as_the_exporter_wrote_them() {
    const TEST: &str = "oracle::devchain";
    let read_topic = |topic: &str| -> Option<Decoded> {
        let text = read(&data::shared(TEST, &format!("devchain/{topic}.jsonl.gz"))?);
        let recorded = text.lines().map(|l| serde_json::from_str::<Recorded>(l).unwrap());
        let settings = settings("eip155:20261", Format::EthereumEtl);
        let mut all = Decoded::default();
        for line in recorded {
            let value = Some(line.payload.as_bytes());
            all.add(&settings, &Record { kafka_ms: Some(line.ts), value, ..Record::default() });
        }
        Some(all)
    };
    let Some(txs) = read_topic("transactions") else { return };
    assert!(txs.txs().count() > 1_000);
    assert!(txs.txs().all(|tx| tx.outcome.is_some() && tx.inclusion.is_some()));
    assert!(txs.events.iter().all(|e| e.quality.is_empty()));
    assert!(read_topic("blocks").unwrap().blocks().count() >= 1_153);
    // Each row of the exporter is one of the transfers that its log topic shows.
    let (rows, logs) = (read_topic("token_transfers").unwrap(), read_topic("logs").unwrap());
    assert!(rows.transfers().count() > 100);
    assert!(logs.approvals().count() > 0);
    let ids = |all: &Decoded| all.transfer_ids("eip155:20261");
    assert!(ids(&rows).is_subset(&ids(&logs)));
}
