//! `large_native`: a single transaction moves an unusually large amount of the native asset.

use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{finding, has_price, money, parties},
    },
    model::{Band, Chain, Family, Finding, LabelKind, Reference, Severity, Subject},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// Parameters of [`LargeNative`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Least value that fires, by symbol of the native asset, in whole units. Published default
    /// (NETHFORTA-2): ETH 100, BNB 450, POL 150,000, AVAX 10,000, FTM 600,000.
    #[schemars(extend("additionalProperties" = {"type": "number", "minimum": 0, "maximum": 1e15, "x-unit": "whole units of the asset"}, "maxProperties" = 1_000))]
    pub units_min: BTreeMap<String, f64>,
    /// Least value for assets that are not listed, in US dollars; needs a price. Default: 200,000.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub usd_min: f64,
    /// Quiet when both ends carry one of these labels. Default: exchange, bridge.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        let units = [
            ("ETH", 100.0),
            ("BNB", 450.0),
            ("POL", 150_000.0),
            ("AVAX", 10_000.0),
            ("FTM", 600_000.0),
        ];
        Self {
            units_min: units.map(|(symbol, v)| (symbol.to_owned(), v)).into(),
            usd_min: 200_000.0,
            ignore_labels: vec![LabelKind::Exchange, LabelKind::Bridge],
        }
    }
}

/// The rule.
pub struct LargeNative {
    params: Params,
}

impl Rule for LargeNative {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "large_native",
        title: "Large native transfer",
        description: "A successful transaction moves at least the chain's threshold of the native \
                      asset (100 ETH on Ethereum).",
        severity: Severity::Info,
        families: &[Family::Evm],
        subject: "receiver",
        needs: &[],
        false_positives: &["treasury moves and exchange rebalancing between unlabelled wallets"],
        references: &["https://github.com/NethermindEth/Forta-Agents"],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn misses(&self, chain: &Chain, reference: &Reference) -> Option<Need> {
        let is_listed = self.params.units_min.contains_key(&*chain.native.symbol);
        (!is_listed && !has_price(chain, reference)).then_some(Need::Threshold)
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((tx, body)) = parties::evm(scene) else { return };
        let value = money::native_units(scene.chain, body.value);
        let Some(threshold) = self.threshold(scene) else { return };
        if value < threshold || tx.is_failed() {
            return;
        }
        let receiver = parties::evm_receiver(tx, body);
        let ignored = &self.params.ignore_labels;
        if parties::is_labelled(scene, &body.from, ignored)
            && parties::is_labelled(scene, receiver, ignored)
        {
            return;
        }
        let symbol = &scene.chain.native.symbol;
        let amount = money::native_text(scene.chain, body.value);
        let worth = money::native_usd(scene, body.value)
            .map(|usd| format!(" ({})", money::usd_text(usd)))
            .unwrap_or_default();
        let limit = money::units_text(threshold, symbol);
        out.push(Finding {
            value,
            expected: Band::below(threshold),
            unit: Cow::Owned(symbol.to_string()),
            explanation: format!(
                "{} sent {amount}{worth} to {receiver} in one transaction; {limit} or more is \
                 large on this chain.",
                body.from
            ),
            quiet_if: format!("the value were below {limit}"),
            ..finding(Self::META, Subject::Account(receiver.clone()))
        });
    }
}

impl LargeNative {
    /// Returns the threshold in whole units; `None` for an asset without threshold and price.
    fn threshold(&self, scene: &Scene<'_>) -> Option<f64> {
        let listed = self.params.units_min.get(&*scene.chain.native.symbol).copied();
        listed.or_else(|| {
            let price = scene.usd_of_native(1.0)?;
            (price > 0.0).then(|| self.params.usd_min / price)
        })
    }
}
