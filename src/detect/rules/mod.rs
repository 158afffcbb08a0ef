//! The rule table: one file and one line a rule.

pub mod age;
mod batch_disperse;
mod claims;
mod coinjoin;
mod definition;
mod dormant_wake;
mod double_spend_attempt;
mod dusting;
mod failed_tx_storm;
mod fan_in;
mod fan_out;
mod fee_fat_finger;
mod frequency_spike;
mod gas_price_anomaly;
mod key_sweep;
mod large_native;
pub mod money;
pub mod moves;
mod nonce_replaced;
pub mod parties;
mod pass_through;
mod peel_chain;
mod poison_lookalike;
mod poison_zero;
mod reorg_depth;
mod round_trip;
mod sanctioned;
mod structuring;

use super::RuleMeta;
pub use definition::{
    Build, Definition, Enabled, REFS_MAX, bounded, build, finding, has_price, missing,
};
use definition::{build_one, defaults_of};
use serde_json::Value;

/// A line of the rule table.
pub struct Entry {
    pub meta: &'static RuleMeta,
    pub build: Build,
    /// The default parameters as JSON, with every field.
    pub defaults: fn() -> Value,
}

/// Makes the table line of a rule.
const fn entry<R: Definition>() -> Entry {
    Entry { meta: R::META, build: build_one::<R>, defaults: defaults_of::<R> }
}

/// Every rule, by id in alphabetical order.
pub const TABLE: &[Entry] = &[
    // Keep one line a rule.
    entry::<batch_disperse::BatchDisperse>(),
    entry::<coinjoin::CoinJoin>(),
    entry::<dormant_wake::DormantWake>(),
    entry::<double_spend_attempt::DoubleSpendAttempt>(),
    entry::<dusting::Dusting>(),
    entry::<failed_tx_storm::FailedTxStorm>(),
    entry::<fan_in::FanIn>(),
    entry::<fan_out::FanOut>(),
    entry::<fee_fat_finger::FeeFatFinger>(),
    entry::<frequency_spike::FrequencySpike>(),
    entry::<gas_price_anomaly::GasPriceAnomaly>(),
    entry::<key_sweep::KeySweep>(),
    entry::<large_native::LargeNative>(),
    entry::<nonce_replaced::NonceReplaced>(),
    entry::<pass_through::PassThrough>(),
    entry::<peel_chain::PeelChain>(),
    entry::<poison_lookalike::PoisonLookalike>(),
    entry::<poison_zero::PoisonZero>(),
    entry::<reorg_depth::ReorgDepth>(),
    entry::<round_trip::RoundTrip>(),
    entry::<sanctioned::Sanctioned>(),
    entry::<structuring::Structuring>(),
];
