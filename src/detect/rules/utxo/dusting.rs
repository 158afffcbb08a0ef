//! `dusting`: one transaction sends worthless amounts to many addresses that were used before.

use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{bounded, finding, parties},
    },
    model::{Address, Band, Chain, Family, Finding, Reference, ScriptType, Severity, Subject},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Below these values nodes relay no output, in base units, where that is above Bitcoin's dust:
/// Litecoin's dust rate is ten times Bitcoin's, Dogecoin's hard limit is a thousandth of a coin.
const RELAYED_MIN: [(&str, u64); 2] = [("LTC", 2_940), ("DOGE", 100_000)];

/// Parameters of [`Dusting`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Greatest value of a dust output, in satoshi. Default: 1,000, between the dust limits 546 and
    /// 2,730.
    #[schemars(range(min = 1, max = 100_000_000), extend("x-unit" = "satoshi"))]
    pub dust_max: u64,
    /// Least dust outputs, and least previously used receivers among them. Default: 50.
    #[schemars(range(min = 1, max = 100_000), extend("x-unit" = "receivers"))]
    pub n_receivers_min: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self { dust_max: 1_000, n_receivers_min: 50 }
    }
}

/// The rule.
pub struct Dusting {
    params: Params,
}

impl Rule for Dusting {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "dusting",
        title: "Dusting",
        description: "One transaction creates at least 50 outputs of at most 1,000 sat to 50 \
                      distinct addresses that were used before, so that spending them later \
                      links the owner's addresses. Carriers of data (OP_RETURN, inscriptions) \
                      are left out.",
        severity: Severity::Medium,
        families: &[Family::Utxo],
        subject: "transaction",
        needs: &[],
        false_positives: &["token airdrops of protocols that carry no data output"],
        references: &[
            "https://doi.org/10.1007/s41109-023-00557-4",
            "https://github.com/citp/BlockSci",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn misses(&self, chain: &Chain, _: &Reference) -> Option<Need> {
        let least = RELAYED_MIN.iter().find(|(symbol, _)| **symbol == *chain.native.symbol);
        least.is_some_and(|(_, least)| self.params.dust_max < *least).then_some(Need::Dust)
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((tx, body)) = parties::utxo(scene) else { return };
        let is_carrier = |kind| kind == ScriptType::NullData;
        let is_dust = |value: u64| (1..=self.params.dust_max).contains(&value);
        let n_min = self.params.n_receivers_min;
        let dust = || body.outputs.iter().filter(|o| is_dust(o.value));
        if dust().count() < n_min || body.outputs.iter().any(|o| is_carrier(o.script_type)) {
            return;
        }
        let mut receivers: Vec<&Address> = dust().filter_map(|o| o.address.as_ref()).collect();
        receivers.sort_unstable();
        receivers.dedup();
        let n_all = receivers.len();
        receivers.retain(|a| scene.state.profile(scene.state.key(a)).is_some());
        let n_used = receivers.len();
        if n_used < n_min {
            return;
        }
        let sats = dust().map(|o| o.value).max().unwrap_or_default();
        out.push(Finding {
            value: n_used as f64,
            expected: Band::below(n_min as f64),
            unit: Cow::Borrowed("receivers"),
            explanation: format!(
                "One transaction sends at most {sats} sat each to {n_all} addresses, {n_used} of \
                 which were used before."
            ),
            quiet_if: format!("fewer than {n_min} of the receivers had been used before"),
            refs: bounded(receivers.iter().map(|a| format!("account:{a}"))),
            ..finding(Self::META, Subject::Tx(tx.id))
        });
    }
}
