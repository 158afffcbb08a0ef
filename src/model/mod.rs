//! The vocabulary every other module speaks: chains, accounts, amounts, time, events, alerts.

mod account;
mod alert;
mod amount;
mod chain;
mod coin;
mod event;
mod execution;
mod finding;
mod id;
mod node;
mod nonce;
mod record;
mod reference;
mod signal;
mod stablecoin;
mod time;
mod token;
mod utxo;
mod verdict;

pub use account::{AccountHasher, AccountKey, Address};
pub use alert::{
    Alert, Corroboration, Evidence, EvidenceFeature, Links, Method, Priority, Provenance, Related,
    Retraction, RetractionReason, Status, TxBlock, TxSummary,
};
pub use amount::Amount;
pub use chain::{Asset, Chain, ChainError, Family};
pub use coin::{COINS, Coin, HeaderRecipe, Hiding, TxRecipe};
pub use event::{
    Body, Calldata, Clock, Event, EvmTx, Inclusion, OutPoint, Outcome, OutcomeStatus, Quality,
    ScriptType, Tx, TxBody, TxIn, TxOut, UtxoTx,
};
pub use execution::{AssetFacts, CallKind, Trace, TracePath, TxOutcome};
pub use finding::{Band, DetectorKind, Finding, Lane, Severity, Subject};
pub use id::{AlertId, BlockHash, EventId, Hash32, TxId};
pub use node::{BlockStep, Notice, Observation, Phase, Step};
pub use nonce::{drop_false_nonces, has_nonces};
pub use record::Record;
pub use reference::{Label, LabelKind, Price, Reference, WatchEntry};
pub use signal::{CLAIMS_PER_TX_MAX, Conflict, ConflictKey, ConflictKind, Reorg, Signal};
pub use stablecoin::{Stablecoin, is_listed_token, stablecoin};
pub use time::EventTime;
pub use token::{Approval, Log, TokenAmount, TokenStandard, Transfer, TransferSource};
pub use verdict::{Judgement, VERDICT_BYTES_MAX, Verdict, VerdictError};
