//! The rule table: one file and one line a rule.

pub mod age;
mod chain;
mod definition;
mod evm;
pub mod flow;
pub mod money;
mod own;
pub mod parties;
mod utxo;

use super::{Need, RuleMeta};
pub use definition::{
    Build, Definition, Enabled, REFS_MAX, bounded, build, finding, first_missing, has_price,
    missing,
};
use definition::{build_one, defaults_of};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

/// A line of the rule table.
pub struct Entry {
    pub meta: &'static RuleMeta,
    /// Data without which it runs and says less.
    pub helped_by: &'static [Need],
    pub build: Build,
    /// The default parameters as JSON, with every field.
    pub defaults: fn() -> Value,
    /// The JSON Schema of its parameters: what each is, its range and its unit.
    pub shape: fn(&mut SchemaGenerator) -> Schema,
}

/// Makes the table line of a rule.
const fn entry<R: Definition>() -> Entry {
    Entry {
        meta: R::META,
        helped_by: R::HELPED_BY,
        build: build_one::<R>,
        defaults: defaults_of::<R>,
        shape: <R::Params as JsonSchema>::json_schema,
    }
}

/// Every rule, by id in alphabetical order.
pub const TABLE: &[Entry] = &[
    // Keep one line a rule.
    entry::<flow::batch_disperse::BatchDisperse>(),
    entry::<utxo::coinjoin::CoinJoin>(),
    entry::<flow::dormant_wake::DormantWake>(),
    entry::<chain::double_spend_attempt::DoubleSpendAttempt>(),
    entry::<utxo::dusting::Dusting>(),
    entry::<evm::failed_tx_storm::FailedTxStorm>(),
    entry::<flow::fan_in::FanIn>(),
    entry::<flow::fan_out::FanOut>(),
    entry::<utxo::fee_fat_finger::FeeFatFinger>(),
    entry::<flow::frequency_spike::FrequencySpike>(),
    entry::<evm::gas_price_anomaly::GasPriceAnomaly>(),
    entry::<flow::key_sweep::KeySweep>(),
    entry::<flow::large_native::LargeNative>(),
    entry::<chain::nonce_replaced::NonceReplaced>(),
    entry::<flow::pass_through::PassThrough>(),
    entry::<utxo::peel_chain::PeelChain>(),
    entry::<evm::poison_lookalike::PoisonLookalike>(),
    entry::<evm::poison_zero::PoisonZero>(),
    entry::<chain::reorg_depth::ReorgDepth>(),
    entry::<flow::round_trip::RoundTrip>(),
    entry::<own::sanctioned::Sanctioned>(),
    entry::<flow::structuring::Structuring>(),
];
