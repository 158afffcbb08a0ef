//! The canonical model: what a record says happened, whatever format carried it.

pub(super) mod execution;
pub(super) mod node;
pub(super) mod nonce;
pub(super) mod utxo;

use super::{
    account::Address,
    asset::{
        amount::Amount,
        token::{Approval, Log, Transfer, TransferSource},
    },
    id::{BlockHash, EventId, Hash32, TxId, to_hex},
    time::EventTime,
};
use execution::{AssetFacts, Trace, TracePath, TxOutcome};
use node::{BlockStep, Notice, Observation, Step};
use serde::{Deserialize, Serialize};

/// One fact (or one transaction with its facts) from the bus.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    pub time: EventTime,
    pub clock: Clock,
    pub quality: Quality,
    #[serde(flatten)]
    pub body: Body,
}

/// Whose clock the event time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    Block,
    Node,
    Venue,
    Kafka,
}

bitflags::bitflags! {
    /// What is known to be weak (or verified) about an event.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Quality: u16 {
        const HASH_VERIFIED = 1;
        const SENDER_VERIFIED = 1 << 1;
        const AMOUNT_LOSSY = 1 << 2;
        const UNIT_INFERRED = 1 << 3;
        const TIME_INFERRED = 1 << 4;
        const TIME_SUSPECT = 1 << 5;
        const PARTIAL = 1 << 6;
        const TRUNCATED = 1 << 7;
        const UNKNOWN_TYPE = 1 << 8;
        const ID_COMPUTED = 1 << 9;
        const SANITISED = 1 << 10;
        const LATE = 1 << 11;
        const CHECK_FAILED = 1 << 12;
        /// A block's lists are those that its header commits to.
        const CONTENT_VERIFIED = 1 << 13;
        /// Its block contradicts the blocks known, or is not verified where one that is stands:
        /// it proves nothing about the chain.
        const MISPLACED = 1 << 14;
        /// Its id is a hash whose recipe is not known here: of this chain, or of a fork to come.
        const UNVERIFIED = 1 << 15;
    }
}

impl Serialize for Quality {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.iter_names().map(|(name, _)| name))
    }
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// A transaction: its body, and where known its inclusion and outcome.
    #[serde(rename = "tx_body")]
    Tx(Box<Tx>),
    Transfer(Box<Transfer>),
    Approval(Box<Approval>),
    Log(Box<Log>),
    #[serde(rename = "block_step")]
    Block(Box<BlockStep>),
    #[serde(rename = "tx_observation")]
    Observation(Box<Observation>),
    #[serde(rename = "tx_outcome")]
    Outcome(Box<TxOutcome>),
    Trace(Box<Trace>),
    Asset(Box<AssetFacts>),
    Notice(Box<Notice>),
}

/// A transaction with the facts that arrived with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tx {
    pub id: TxId,
    pub body: TxBody,
    pub inclusion: Option<Inclusion>,
    pub outcome: Option<Outcome>,
}

/// The part of a transaction that depends on the account model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a transaction is always boxed inside its event")]
pub enum TxBody {
    Evm(EvmTx),
    Utxo(UtxoTx),
}

/// An EVM transaction.
///
/// # Units
/// `value` and all fees per gas in wei.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvmTx {
    pub from: Address,
    /// `None` creates a contract.
    pub to: Option<Address>,
    pub value: Amount,
    pub nonce: Option<u64>,
    pub gas_limit: Option<u64>,
    /// The bid while pending, the effective price once mined.
    pub gas_price: Option<Amount>,
    pub max_fee_per_gas: Option<Amount>,
    pub max_priority_fee_per_gas: Option<Amount>,
    /// The bid for blob gas (EIP-4844).
    pub max_fee_per_blob_gas: Option<Amount>,
    /// Blobs carried, accounts that get code (EIP-7702), addresses declared (EIP-2930).
    pub n_blobs: u32,
    pub n_authorizations: u32,
    pub n_access_entries: u32,
    /// EIP-2718 type, where given.
    pub tx_type: Option<u8>,
    pub input: Calldata,
    /// What the payer's client calls the payment, of which it orders one only (venues).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Hash32>,
}

/// What is kept of calldata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Calldata {
    pub n_bytes: u32,
    /// The first four bytes, when there are four.
    #[serde(serialize_with = "as_hex")]
    pub selector: Option<[u8; 4]>,
    /// A 64-bit digest of the whole (SipHash-1-3, zero key); 0 when empty.
    pub digest: u64,
}

/// Writes bytes as hex with `0x`.
pub(super) fn as_hex<S: serde::Serializer, const N: usize>(
    bytes: &Option<[u8; N]>,
    s: S,
) -> Result<S::Ok, S::Error> {
    bytes.map(|b| format!("0x{}", to_hex(&b))).serialize(s)
}

/// A UTXO transaction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UtxoTx {
    pub inputs: Vec<TxIn>,
    pub outputs: Vec<TxOut>,
    pub is_coinbase: bool,
    pub version: Option<i32>,
    pub lock_time: Option<u32>,
    /// Size in bytes, where given.
    pub size: Option<u32>,
    /// Virtual size in vbytes, where given.
    pub virtual_size: Option<u32>,
    /// Values that nobody shows take part: shielded, confidential, in an extension block. The sums
    /// of what is shown then prove nothing, and there is no fee.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_hidden_value: bool,
}

/// A reference to an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OutPoint {
    pub tx: TxId,
    pub index: u32,
}

/// A transaction input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TxIn {
    /// `None` for shielded inputs, which spend no outpoint.
    pub outpoint: Option<OutPoint>,
    pub sequence: Option<u32>,
    /// Satoshi, where the exporter enriched it.
    pub value: Option<u64>,
    pub address: Option<Address>,
    pub script_type: ScriptType,
}

/// A transaction output.
#[derive(Clone, Debug, PartialEq)]
pub struct TxOut {
    pub index: u32,
    /// Satoshi; 0 where it is hidden.
    pub value: u64,
    /// `None` for data carriers and scripts that pay nobody.
    pub address: Option<Address>,
    pub script_type: ScriptType,
    /// SipHash-1-3 (zero key) of the script, 0 when the script is not given.
    pub script_digest: u64,
    pub script_len: u32,
}

/// The closed list of output script types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptType {
    Pubkey,
    PubkeyHash,
    ScriptHash,
    WitnessV0KeyHash,
    WitnessV0ScriptHash,
    WitnessV1Taproot,
    Multisig,
    NullData,
    Shielded,
    #[default]
    Other,
}

/// Where a transaction was included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inclusion {
    pub height: u64,
    pub block: Option<BlockHash>,
    pub index: Option<u32>,
}

/// What execution of an EVM transaction did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    pub status: OutcomeStatus,
    pub gas_used: Option<u64>,
    /// Wei per gas actually paid.
    pub effective_gas_price: Option<Amount>,
    pub created: Option<Address>,
    /// Wei paid for data on the layer below, for rollups.
    pub l1_fee: Option<Amount>,
}

/// Whether a transaction succeeded; receipts before Byzantium do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeStatus {
    Ok,
    Failed,
    Unknown,
}

impl Event {
    /// Returns the inclusion of whatever the event is about.
    pub fn inclusion(&self) -> Option<Inclusion> {
        match &self.body {
            Body::Tx(tx) => tx.inclusion,
            Body::Transfer(t) => t.inclusion,
            Body::Approval(a) => a.inclusion,
            Body::Log(l) => l.inclusion,
            Body::Block(b) if b.step == Step::Committed => {
                Some(Inclusion { height: b.height?, block: Some(b.hash), index: None })
            }
            Body::Outcome(o) => o.inclusion,
            Body::Trace(t) => t.inclusion,
            Body::Asset(a) => a.inclusion,
            // What left the chain is in no block.
            Body::Block(_) | Body::Observation(_) | Body::Notice(_) => None,
        }
    }

    /// Returns the transaction the event belongs to.
    pub fn tx_id(&self) -> Option<TxId> {
        match &self.body {
            Body::Tx(tx) => Some(tx.id),
            Body::Transfer(t) => t.tx,
            Body::Approval(a) => Some(a.tx),
            Body::Log(l) => Some(l.tx),
            Body::Observation(o) => Some(o.tx),
            Body::Outcome(o) => Some(o.tx),
            Body::Trace(t) => t.tx,
            Body::Block(_) | Body::Asset(_) | Body::Notice(_) => None,
        }
    }

    /// Returns the identity of the event's main fact on `chain`, of its natural key.
    ///
    /// A transaction's is its body: the same for a pending and a confirmed sighting. Coinbase
    /// bodies add the block, because two of them share an id (BIP 30).
    pub fn id(&self, chain: &str) -> EventId {
        let block = self.inclusion().and_then(|i| i.block).unwrap_or_default();
        let of_log = |kind: &str, tx: &TxId, index: u32| {
            EventId::of(chain, kind, &[&block.0, &tx.0, &index.to_le_bytes()])
        };
        let of_trace = |kind: &str, tx: Option<TxId>, path: &TracePath| {
            let tx = tx.unwrap_or_default();
            EventId::of(chain, kind, &[&block.0, &tx.0, b"trace", &path.bytes()])
        };
        match &self.body {
            Body::Tx(tx) => match &tx.body {
                TxBody::Utxo(utxo) if utxo.is_coinbase => {
                    EventId::of(chain, "tx_body", &[&tx.id.0, &block.0])
                }
                _ => EventId::of(chain, "tx_body", &[&tx.id.0]),
            },
            Body::Transfer(t) => match &t.source {
                TransferSource::Log(index) => of_log("transfer", &t.tx.unwrap_or_default(), *index),
                TransferSource::Withdrawal(index) => {
                    EventId::of(chain, "withdrawal", &[&block.0, &index.to_le_bytes()])
                }
                TransferSource::Trace(path) => of_trace("transfer", t.tx, path),
                TransferSource::Reward => EventId::of(chain, "reward", &[&block.0, t.to.bytes()]),
            },
            Body::Approval(a) => of_log("approval", &a.tx, a.log_index),
            Body::Log(l) => of_log("log", &l.tx, l.log_index),
            Body::Block(b) => {
                EventId::of(chain, "block_step", &[&b.hash.0, b.step.as_str().as_bytes()])
            }
            Body::Outcome(o) => EventId::of(chain, "tx_outcome", &[&o.tx.0, &block.0]),
            Body::Trace(t) => of_trace("trace", t.tx, &t.path),
            Body::Asset(a) => EventId::of(chain, "asset", &[&block.0, a.address.bytes()]),
            Body::Notice(n) => EventId::of(chain, "notice", &[&n.id.0]),
            Body::Observation(o) => {
                let at = o.mempool_seq.unwrap_or_else(|| self.time.micros().cast_unsigned());
                let phase = o.phase.as_str().as_bytes();
                let node = o.node.as_deref().unwrap_or_default().as_bytes();
                EventId::of(chain, "tx_observation", &[&o.tx.0, node, phase, &at.to_le_bytes()])
            }
        }
    }

    /// Returns the identity of the inclusion fact, where the event carries one.
    pub fn inclusion_id(&self, chain: &str) -> Option<EventId> {
        let Body::Tx(tx) = &self.body else { return None };
        let block = tx.inclusion?.block.unwrap_or_default();
        Some(EventId::of(chain, "tx_inclusion", &[&tx.id.0, &block.0]))
    }
}

impl Tx {
    /// Returns the EVM body, if it is one.
    pub fn evm(&self) -> Option<&EvmTx> {
        match &self.body {
            TxBody::Evm(tx) => Some(tx),
            TxBody::Utxo(_) => None,
        }
    }

    /// Returns the UTXO body, if it is one.
    pub fn utxo(&self) -> Option<&UtxoTx> {
        match &self.body {
            TxBody::Utxo(tx) => Some(tx),
            TxBody::Evm(_) => None,
        }
    }

    /// Returns whether it is known how the transaction ended.
    pub fn is_outcome_known(&self) -> bool {
        self.outcome.as_ref().is_some_and(|o| o.status != OutcomeStatus::Unknown)
    }

    /// Returns whether the transaction is known to have failed: it then moved nothing.
    pub fn is_failed(&self) -> bool {
        self.outcome.as_ref().is_some_and(|o| o.status == OutcomeStatus::Failed)
    }
}
