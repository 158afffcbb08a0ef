//! The vocabulary every other module speaks: chains, accounts, amounts, time, events, alerts.

mod account;
mod alert;
mod asset;
mod chain;
mod detector;
mod event;
mod finding;
mod id;
mod partition;
mod record;
mod reference;
mod signal;
mod time;
mod verdict;

pub use account::{AccountHasher, AccountKey, Address};
pub use alert::{
    Alert, Corroboration, Evidence, Method, Priority, Provenance, Related, Retraction,
    RetractionReason, Status, TxBlock, TxSummary,
};
pub use asset::amount::Amount;
pub use asset::coin::{COINS, Coin, HeaderRecipe, Hiding, TxRecipe};
pub use asset::stablecoin::{Stablecoin, is_listed_token, stablecoin};
pub use asset::token::{Approval, Log, TokenAmount, TokenStandard, Transfer, TransferSource};
pub use chain::{Asset, Chain, ChainError, Family};
pub use detector::DetectorId;
pub use event::execution::{AssetFacts, CallKind, Trace, TracePath, TxOutcome};
pub use event::node::{BlockStep, Notice, Observation, Phase, Step};
pub use event::nonce::{drop_false_nonces, has_nonces};
pub use event::{
    Body, Calldata, Clock, Event, EvmTx, Inclusion, OutPoint, Outcome, OutcomeStatus, Quality,
    ScriptType, Tx, TxBody, TxIn, TxOut, UtxoTx,
};
pub use finding::{Band, DetectorKind, Finding, Lane, Severity, Subject};
pub use id::{AlertId, BlockHash, EventId, Hash32, TxId};
pub use partition::{GroupPartition, Start, TopicPartition};
pub use record::{Record, Stamp};
pub use reference::{Label, LabelKind, Price, Reference, WatchEntry};
pub use signal::{CLAIMS_PER_TX_MAX, Conflict, ConflictKey, ConflictKind, Reorg, Signal};
pub use time::EventTime;
pub use verdict::{Judgement, VERDICT_BYTES_MAX, Verdict, VerdictError};
