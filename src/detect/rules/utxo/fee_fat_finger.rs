//! `fee_fat_finger`: a UTXO transaction pays a fee that nobody would pay on purpose.

use crate::{
    detect::{
        BuiltinMeta, Rule, Scene,
        rules::{finding, money, parties},
    },
    model::{Amount, Band, Family, Finding, Severity, Subject, Tx, UtxoTx},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// Parameters of [`FeeFatFinger`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Least fee as a share of the outputs. Default: 0.1.
    #[schemars(range(min = 0.0, max = 1e6), extend("x-unit" = "share"))]
    pub output_share_min: f64,
    /// Least fee in US dollars, where the price is known. Default: 1,000.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub fee_usd_min: f64,
    /// Least fee in whole units by symbol, where it is not. Default: BTC 0.02.
    #[schemars(extend("additionalProperties" = {"type": "number", "minimum": 0, "maximum": 1e15, "x-unit": "whole units of the asset"}, "maxProperties" = 1_000))]
    pub fee_units_min: BTreeMap<String, f64>,
    /// Least multiple of the 95th percentile of recent fee rates. Default: 20.
    #[schemars(range(min = 1.0, max = 1e9), extend("x-unit" = "multiple"))]
    pub rate_multiple_min: f64,
    /// Least fee in satoshi for the fee-rate test: on an empty chain 20 × nothing is nothing.
    /// Default: 500,000.
    #[schemars(range(min = 0, max = 2_100_000_000_000_000_i64), extend("x-unit" = "satoshi"))]
    pub rate_fee_min: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            output_share_min: 0.1,
            fee_usd_min: 1_000.0,
            fee_units_min: BTreeMap::from([("BTC".to_owned(), 0.02)]),
            rate_multiple_min: 20.0,
            rate_fee_min: 500_000,
        }
    }
}

/// The rule.
pub struct FeeFatFinger {
    params: Params,
}

impl Rule for FeeFatFinger {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "fee_fat_finger",
        title: "Fat-finger fee",
        description: "The fee is at least a tenth of what the outputs hold and at least $1,000, \
                      or its rate is at least 20 times the 95th percentile of recent \
                      transactions. The fee is known only where every input's value is.",
        severity: Severity::High,
        families: &[Family::Utxo],
        subject: "transaction",
        needs: &[],
        false_positives: &["consolidations of many small coins at a time of high fees"],
        references: &[
            "https://mempool.space/tx/d5392d474b4c436e1c9d1f4ff4be5f5f9bb0eb2e26b61d2781751474b7e870fd",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((tx, body)) = parties::utxo(scene) else { return };
        let Some(fee) = fee(scene, body) else { return };
        let found = self.against_outputs(scene, tx, body, fee);
        out.extend(found.or_else(|| self.against_rates(scene, tx, body, fee)));
    }
}

impl FeeFatFinger {
    fn against_outputs(
        &self,
        scene: &Scene<'_>,
        tx: &Tx,
        body: &UtxoTx,
        fee: u64,
    ) -> Option<Finding> {
        let sum = body.output_value();
        let share = fee as f64 / sum.max(1) as f64;
        let amount = Amount::from_u64(fee);
        let usd = money::native_usd(scene, amount);
        let is_much = match usd {
            Some(usd) => usd >= self.params.fee_usd_min,
            None => {
                let least = self.params.fee_units_min.get(&*scene.chain.native.symbol)?;
                money::native_units(scene.chain, amount) >= *least
            }
        };
        if !is_much || share < self.params.output_share_min {
            return None;
        }
        let fee = money::native_text(scene.chain, amount);
        let worth = usd.map(|usd| format!(" ({})", money::usd_text(usd))).unwrap_or_default();
        Some(Finding {
            value: share,
            expected: Band::below(self.params.output_share_min),
            unit: Cow::Borrowed("of outputs"),
            explanation: match sum {
                0 => format!("The fee of {fee}{worth} is all: the outputs hold nothing."),
                _ => format!(
                    "The fee of {fee}{worth} is {} the {} that the outputs hold.",
                    money::share_text(share),
                    money::native_text(scene.chain, Amount::from_u64(sum))
                ),
            },
            quiet_if: format!(
                "the fee were below {:.0} % of the outputs",
                self.params.output_share_min * 100.0
            ),
            ..finding(Self::META, Subject::Tx(tx.id))
        })
    }

    fn against_rates(
        &self,
        scene: &Scene<'_>,
        tx: &Tx,
        body: &UtxoTx,
        fee: u64,
    ) -> Option<Finding> {
        let p95 = scene.state.chain_stats().fee_p95.filter(|p95| *p95 > 0.0)?;
        let size = body.virtual_size.or(body.size).filter(|size| *size > 0)?;
        let rate = fee as f64 / f64::from(size);
        let limit = p95 * self.params.rate_multiple_min;
        if fee < self.params.rate_fee_min || rate < limit {
            return None;
        }
        Some(Finding {
            value: rate,
            expected: Band::below(limit),
            unit: Cow::Borrowed("sat/vB"),
            explanation: format!(
                "The fee rate of {} sat/vB (fee {}) is {} times the 95th percentile of recent \
                 transactions, {} sat/vB.",
                money::number_text(rate),
                money::native_text(scene.chain, Amount::from_u64(fee)),
                money::number_text(libm::round(rate / p95)),
                money::number_text(p95)
            ),
            quiet_if: format!("the fee rate were below {} sat/vB", money::number_text(limit)),
            ..finding(Self::META, Subject::Tx(tx.id))
        })
    }
}

/// Returns the fee; values that the exporter left out are looked up among remembered outputs.
fn fee(scene: &Scene<'_>, body: &UtxoTx) -> Option<u64> {
    let value = |input: &crate::model::TxIn| {
        let remembered = || Some(scene.state.output(input.outpoint.as_ref()?)?.value);
        input.value.or_else(remembered)
    };
    let inputs = body.inputs.iter().try_fold(0u64, |sum, i| Some(sum.saturating_add(value(i)?)));
    body.fee_of(inputs.filter(|_| !body.inputs.is_empty())?)
}
