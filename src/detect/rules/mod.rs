//! The rule table: one file and one line a rule.
//!
//! A new rule is a file with a [`Rule`] in it, its `mod` and its line in [`TABLE`] here, and a
//! folder of its name in `fixtures/rules` with cases in which it fires and stays quiet. Lists,
//! metrics, the check of a configuration and the manual's table follow from its metadata. A rule
//! that is not part of the program is registered in the parameters' [`Registry`].

pub mod age;
mod chain;
mod definition;
mod evidence;
mod evm;
pub mod flow;
pub mod money;
mod own;
pub mod parties;
mod registry;
mod utxo;

use definition::entry;
pub use definition::{Built, BuiltinMeta, Evaluate, Rule, RuleEntry, RuleMeta};
pub use evidence::{REFS_MAX, bounded, finding, has_price, missing};
pub use registry::{Duplicate, Enabled, Registered, Registry, build};

/// Every rule, by id in alphabetical order.
pub const TABLE: &[RuleEntry] = &[
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
