//! `gas_price_anomaly`: an EVM transaction bids or pays far more for gas than anybody else.

use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{finding, money, parties},
    },
    model::{Amount, Band, Chain, EvmTx, Family, Finding, Reference, Severity, Subject, Tx},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

const WEI_PER_GWEI: f64 = 1e9;

/// Parameters of [`GasPriceAnomaly`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Least multiple of the 95th percentile of recent priority fees. Default: 10.
    #[schemars(range(min = 1.0, max = 1e9), extend("x-unit" = "multiple"))]
    pub priority_multiple_min: f64,
    /// Least priority fee, in gwei per gas. Default: 50.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "gwei per gas"))]
    pub priority_gwei_min: f64,
    /// Least share of the value that the fee eats. Default: 0.5.
    #[schemars(range(min = 0.0, max = 1e6), extend("x-unit" = "share"))]
    pub value_share_min: f64,
    /// Least value for the share test, in US dollars; needs a price. Default: 1,000.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub value_usd_min: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            priority_multiple_min: 10.0,
            priority_gwei_min: 50.0,
            value_share_min: 0.5,
            value_usd_min: 1_000.0,
        }
    }
}

/// The rule.
pub struct GasPriceAnomaly {
    params: Params,
}

impl Rule for GasPriceAnomaly {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "gas_price_anomaly",
        title: "Gas price out of all proportion",
        description: "The priority fee is at least 10 times the 95th percentile of recent \
                      transactions and at least 50 gwei; or the fee is at least half of a value \
                      of $1,000 or more (this half needs receipts and a price).",
        severity: Severity::Medium,
        families: &[Family::Evm],
        subject: "sender",
        needs: &[],
        false_positives: &["searchers who bid for the first place in a block"],
        references: &[
            "https://eips.ethereum.org/EIPS/eip-1559",
            "https://etherscan.io/tx/0x2c9931793876db33b1a9aad123ad4921dfb9cd5e59dbb78ce78f277759587115",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn misses(&self, chain: &Chain, _: &Reference) -> Option<Need> {
        // Mappings, which read the chains of all other namespaces, have no field for it.
        (!chain.id.starts_with("eip155:")).then_some(Need::GasPrices)
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((tx, body)) = parties::evm(scene) else { return };
        let paid = tx.outcome.as_ref().and_then(|o| o.effective_gas_price).or(body.gas_price);
        let Some(price) = paid.map(Amount::to_f64) else { return };
        let found = self.against_others(scene, body, price);
        out.extend(found.or_else(|| self.against_value(scene, tx, body, price)));
    }
}

impl GasPriceAnomaly {
    fn against_others(&self, scene: &Scene<'_>, body: &EvmTx, price: f64) -> Option<Finding> {
        let stats = scene.state.chain_stats();
        let p95 = stats.fee_p95.filter(|p95| *p95 >= 0.0)?;
        // Before EIP-1559, and where no block told one, the whole price is the priority fee.
        let base = stats.base_fee_per_gas.unwrap_or(0.0);
        // A pending body's price is a bid: the tip it names is the most it will pay above base.
        let bid = body.max_priority_fee_per_gas.map(Amount::to_f64);
        let over_base = (price - base).max(0.0);
        let priority = bid.map_or(over_base, |bid| bid.min(over_base)) / WEI_PER_GWEI;
        let floor = self.params.priority_gwei_min;
        let limit = (p95 / WEI_PER_GWEI * self.params.priority_multiple_min).max(floor);
        if priority < limit {
            return None;
        }
        Some(Finding {
            value: priority,
            expected: Band::below(limit),
            unit: Cow::Borrowed("gwei"),
            explanation: format!(
                "{} pays a priority fee of {} gwei per gas; the 95th percentile of recent \
                 transactions is {} gwei.",
                body.from,
                money::number_text(priority),
                money::number_text(p95 / WEI_PER_GWEI)
            ),
            quiet_if: format!("the priority fee were below {} gwei", money::number_text(limit)),
            ..finding(Self::META, Subject::Account(body.from.clone()))
        })
    }

    fn against_value(
        &self,
        scene: &Scene<'_>,
        tx: &Tx,
        body: &EvmTx,
        price: f64,
    ) -> Option<Finding> {
        let gas = tx.outcome.as_ref()?.gas_used? as f64;
        let usd = money::native_usd(scene, body.value)?;
        let value = body.value.to_f64();
        let share = gas * price / value.max(1.0);
        if usd < self.params.value_usd_min || share < self.params.value_share_min {
            return None;
        }
        let units = share * money::native_units(scene.chain, body.value);
        Some(Finding {
            value: share,
            expected: Band::below(self.params.value_share_min),
            unit: Cow::Borrowed("of value"),
            explanation: format!(
                "{} pays a fee of {} to move {} ({}): {} the value.",
                body.from,
                money::native_units_text(scene.chain, units),
                money::native_text(scene.chain, body.value),
                money::usd_text(usd),
                money::share_text(share)
            ),
            quiet_if: format!(
                "the fee were below {:.0} % of the value",
                self.params.value_share_min * 100.0
            ),
            ..finding(Self::META, Subject::Account(body.from.clone()))
        })
    }
}
