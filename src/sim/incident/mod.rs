//! Planted incidents: one function and one table line each, with what should notice it.

mod evm_attack;
mod evm_fee;
mod evm_flow;
mod utxo_flow;
mod utxo_pattern;

use super::{evm, utxo};
use crate::model::Family;

/// Puts an incident's transactions into a world's plan.
#[derive(Clone, Copy)]
pub(super) enum Plant {
    Evm(fn(&mut evm::EvmPlanner<'_>)),
    Utxo(fn(&mut utxo::UtxoPlanner<'_>)),
}

/// A line of the incident table.
pub struct Incident {
    pub name: &'static str,
    /// One sentence for people.
    pub story: &'static str,
    /// Rule ids that should notice it, one being enough; `score` is the statistical lane.
    pub detectors: &'static [&'static str],
    /// How long it takes from its first record to its last.
    pub(super) span_secs: i64,
    pub(super) plant: Plant,
}

impl Incident {
    /// Returns the account model it happens on.
    pub fn family(&self) -> Family {
        match self.plant {
            Plant::Evm(_) => Family::Evm,
            Plant::Utxo(_) => Family::Utxo,
        }
    }
}

const HOUR: i64 = 3_600;

/// Every incident.
#[rustfmt::skip]
pub const TABLE: &[Incident] = &[
    evm("fan_out", "a thief splits its loot into 49 equal parts", &["fan_out"], HOUR, evm_flow::fan_out),
    evm("fan_in", "a collection account gathers from 30 payers and forwards", &["fan_in"], 6 * HOUR, evm_flow::fan_in),
    evm("pass_through", "a mule forwards what it got within minutes", &["pass_through"], HOUR, evm_flow::pass_through),
    evm("round_trip", "money returns to its owner over three mules", &["round_trip"], 4 * HOUR, evm_flow::round_trip),
    evm("structuring", "five payments just below 10,000 USD", &["structuring"], 5 * HOUR, evm_flow::structuring),
    evm("large_native", "1,500 ETH at once", &["large_native"], 60, evm_flow::large_native),
    evm("sanctioned", "a user pays a sanctioned account", &["sanctioned"], 60, evm_flow::sanctioned),
    evm("key_sweep", "stolen keys: twelve accounts emptied into one", &["key_sweep"], 3 * HOUR, evm_attack::key_sweep),
    evm("poison_lookalike", "dust from an address that looks like a counterparty", &["poison_lookalike"], HOUR, evm_attack::poison_lookalike),
    evm("poison_zero", "transfers of nothing in other people's names", &["poison_zero"], 60, evm_attack::poison_zero),
    evm("phishing_campaign", "many small first payments into a young account", &["score", "fan_in"], 10 * HOUR, evm_attack::phishing_campaign),
    evm("token_phishing", "many small first payments in tokens into a young account", &["score"], 10 * HOUR, evm_attack::token_phishing),
    evm("failed_tx_storm", "80 failing calls to one contract in a minute", &["failed_tx_storm"], 120, evm_fee::failed_tx_storm),
    evm("frequency_spike", "a bot repeats itself 60 times in ten minutes", &["frequency_spike"], HOUR, evm_fee::frequency_spike),
    evm("gas_price_anomaly", "a priority fee thousands of times too high", &["gas_price_anomaly"], 60, evm_fee::gas_price_anomaly),
    evm("nonce_replaced", "a pending payment is redirected before it is mined", &["nonce_replaced"], 120, evm_fee::nonce_replaced),
    evm("reorg_evm", "two blocks are replaced", &["reorg_depth"], 120, evm_fee::reorg),
    utxo("peel_chain", "a hoard is peeled off in 22 hops", &["peel_chain"], 6 * HOUR, utxo_flow::peel_chain),
    utxo("sanctioned_utxo", "coins are sent to a sanctioned wallet", &["sanctioned"], HOUR, utxo_flow::sanctioned),
    utxo("double_spend_attempt", "an unconfirmed payment is taken back", &["double_spend_attempt"], 2 * HOUR, utxo_flow::double_spend),
    utxo("fee_fat_finger", "a fee larger than the payment", &["fee_fat_finger"], HOUR, utxo_flow::fee_fat_finger),
    utxo("reorg_utxo", "two blocks are replaced", &["reorg_depth"], 2 * HOUR, utxo_flow::reorg),
    utxo("dusting", "dust to eighty used addresses", &["dusting"], HOUR, utxo_pattern::dusting),
    utxo("coinjoin_wasabi", "a mix with equal denominations", &["coinjoin"], HOUR, utxo_pattern::wasabi),
    utxo("coinjoin_whirlpool", "five equal inputs, five equal outputs", &["coinjoin"], HOUR, utxo_pattern::whirlpool),
];

const fn evm(
    name: &'static str,
    story: &'static str,
    detectors: &'static [&'static str],
    span_secs: i64,
    plant: fn(&mut evm::EvmPlanner<'_>),
) -> Incident {
    Incident { name, story, detectors, span_secs, plant: Plant::Evm(plant) }
}

const fn utxo(
    name: &'static str,
    story: &'static str,
    detectors: &'static [&'static str],
    span_secs: i64,
    plant: fn(&mut utxo::UtxoPlanner<'_>),
) -> Incident {
    Incident { name, story, detectors, span_secs, plant: Plant::Utxo(plant) }
}
