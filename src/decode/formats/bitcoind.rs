//! Verbose JSON of Bitcoin Core and its relatives: `getblock` 1, 2 and 3,
//! `getrawtransaction`.

mod block;
mod shielded;
mod transaction;

use crate::{
    decode::{
        Reason, Refusal, SkipReason,
        json::{
            JsonScanner,
            field::{Reader, refuse},
            keys::{Field, Fields, Keys},
        },
        record::ReadFailure,
    },
    model::Event,
};

/// Declares the fields of both answers.
macro_rules! fields {
    ($($id:ident $name:literal),* $(,)?) => {
        #[derive(Clone, Copy)]
        enum BitcoindKey { $($id),* }
        static KEYS: Keys<{ [$($name),*].len() }> = Keys::new([$($name),*]);
    };
}

fields! {
    Txid "txid", Hash "hash", Hex "hex", Version "version", Size "size", VirtualSize "vsize",
    LockTime "locktime", Vin "vin", Vout "vout", BlockHash "blockhash", Height "height",
    Time "time", BlockTime "blocktime", Confirmations "confirmations",
    Previous "previousblockhash", MerkleRoot "merkleroot", Txs "tx", NTx "nTx",
    JoinSplits "vjoinsplit", ValueBalance "valueBalance", ValueBalanceZat "valueBalanceZat",
    ShieldedSpends "vShieldedSpend", ShieldedOutputs "vShieldedOutput", Orchard "orchard",
    Kernels "vkern",
    Bits "bits", Nonce "nonce", Error "error",
}

/// The fields of one answer.
struct BitcoindItem<'a>(Fields<'a, { KEYS.names.len() }>);

impl<'a> BitcoindItem<'a> {
    fn at(&self, key: BitcoindKey) -> Field<'a> {
        self.0.at(key as usize)
    }

    fn has(&self, key: BitcoindKey) -> bool {
        self.0.has(key as usize)
    }
}

/// Reads one answer: a transaction, or a block with what is in it.
pub(in crate::decode) fn read(
    scanner: &mut JsonScanner<'_, '_>,
    depth: usize,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), ReadFailure> {
    if scanner.peek() != Some(b'{') {
        let is_null = matches!(scanner.value(depth)?, crate::decode::json::Value::Null);
        return Err(ReadFailure::Part(if is_null {
            // What a node answers for a block or a transaction that it does not know.
            Refusal::Skip(SkipReason::NullResult)
        } else {
            refuse(Reason::BadField, "an answer is no JSON object")
        }));
    }
    let mut item = BitcoindItem(Fields::new(&KEYS));
    scanner.object(depth, |hash, key, value| item.0.put(hash, key, value))?;
    if let Some(flaw) = scanner.take_flaw() {
        return Err(ReadFailure::Part(flaw.into()));
    }
    if item.has(BitcoindKey::Txid) {
        return Ok(transaction::read(&item, reader, events)?);
    }
    if item.has(BitcoindKey::Hash) && (item.has(BitcoindKey::Height) || item.has(BitcoindKey::Txs))
    {
        return Ok(block::read(&item, reader, events)?);
    }
    if item.has(BitcoindKey::Error) {
        return Err(Refusal::Skip(SkipReason::NodeError).into());
    }
    Err(refuse(Reason::MissingField, "neither a txid nor a block's hash and height").into())
}
