//! The rule table: one file and one line a rule.

pub mod age;
mod batch_disperse;
mod definition;
mod failed_tx_storm;
mod fan_in;
mod fan_out;
mod frequency_spike;
mod key_sweep;
mod large_native;
pub mod money;
pub mod moves;
pub mod parties;
mod pass_through;
mod poison_lookalike;
mod poison_zero;
mod round_trip;
mod structuring;

use super::RuleMeta;
pub use definition::{Build, Definition, Enabled, REFS_MAX, bounded, build, finding, missing};
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
    entry::<failed_tx_storm::FailedTxStorm>(),
    entry::<fan_in::FanIn>(),
    entry::<fan_out::FanOut>(),
    entry::<frequency_spike::FrequencySpike>(),
    entry::<key_sweep::KeySweep>(),
    entry::<large_native::LargeNative>(),
    entry::<pass_through::PassThrough>(),
    entry::<poison_lookalike::PoisonLookalike>(),
    entry::<poison_zero::PoisonZero>(),
    entry::<round_trip::RoundTrip>(),
    entry::<structuring::Structuring>(),
];
