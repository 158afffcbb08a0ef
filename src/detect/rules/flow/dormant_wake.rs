//! `dormant_wake`: an account that sent nothing for a year, or a coin of five years, moves much.

use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{bounded, finding, has_price, money, parties},
    },
    model::{
        Amount, Band, Chain, EventTime, Family, Finding, LabelKind, Reference, Severity, Subject,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// Parameters of [`DormantWake`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Days without an outgoing payment, account model. Default: 365; that inactive accounts are
    /// worth a look is FATF's, the number is not.
    #[schemars(range(min = 0.0, max = 36_500.0), extend("x-unit" = "days"))]
    pub dormant_days_min: f64,
    /// Age of the oldest coin spent in days, UTXO model. Default: 1,826 (five years).
    #[schemars(range(min = 0.0, max = 36_500.0), extend("x-unit" = "days"))]
    pub coin_days_min: f64,
    /// Least value that fires by itself, in US dollars, where the price is known. Default:
    /// 1,000,000.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub value_usd_min: f64,
    /// The same in whole units by symbol, where it is not. Default: ETH 500, BTC 20.
    #[schemars(extend("additionalProperties" = {"type": "number", "minimum": 0, "maximum": 1e15, "x-unit": "whole units of the asset"}, "maxProperties" = 1_000))]
    pub value_units_min: BTreeMap<String, f64>,
    /// Least share of the balance seen that fires with a smaller value, account model. Default:
    /// 0.5.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub balance_share_min: f64,
    /// Least value for the share test, as a share of the least value that fires by itself, so that
    /// emptied pocket money stays quiet. Default: 0.01.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub balance_value_share_min: f64,
    /// Quiet when the sender carries one of these labels. Default: exchange, bridge, miner.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            dormant_days_min: 365.0,
            coin_days_min: 1_826.0,
            value_usd_min: 1_000_000.0,
            value_units_min: BTreeMap::from([("ETH".to_owned(), 500.0), ("BTC".to_owned(), 20.0)]),
            balance_share_min: 0.5,
            balance_value_share_min: 0.01,
            ignore_labels: vec![LabelKind::Exchange, LabelKind::Bridge, LabelKind::Miner],
        }
    }
}

/// The rule.
pub struct DormantWake {
    params: Params,
}

impl Rule for DormantWake {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "dormant_wake",
        title: "Dormant funds wake up",
        description: "An account that had sent nothing for 365 days sends $1,000,000 or at least \
                      half of its balance, or a coin of five years and $1,000,000 is spent. What \
                      happened before the detector watched is unknown and does not count.",
        severity: Severity::Medium,
        families: &[Family::Evm, Family::Utxo],
        subject: "account",
        needs: &[],
        false_positives: &["long-term holders and cold wallets that are due for a move"],
        references: &[
            "https://www.fatf-gafi.org/en/publications/Methodsandtrends/Virtual-assets-red-flag-indicators.html",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn misses(&self, chain: &Chain, reference: &Reference) -> Option<Need> {
        let is_listed = self.params.value_units_min.contains_key(&*chain.native.symbol);
        (!is_listed && !has_price(chain, reference)).then_some(Need::Threshold)
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let found = match scene.chain.family {
            Family::Evm => self.account(scene),
            Family::Utxo => self.coin(scene),
        };
        out.extend(found);
    }
}

impl DormantWake {
    fn account(&self, scene: &Scene<'_>) -> Option<Finding> {
        let (tx, body) = parties::evm(scene)?;
        if body.value.is_zero() || tx.is_failed() {
            return None;
        }
        let profile = scene.state.profile(scene.state.key(&body.from))?;
        // An account that was only ever paid has been dormant since it was first seen.
        let since = profile.last_out().unwrap_or(profile.first_seen());
        let days = scene.event.time.since(since) as f64 / EventTime::DAY as f64;
        if days < self.params.dormant_days_min
            || parties::is_labelled(scene, &body.from, &self.params.ignore_labels)
        {
            return None;
        }
        let least = self.least_units(scene)?;
        let units = money::native_units(scene.chain, body.value);
        let balance = profile.total_in() - profile.total_out();
        let share = if balance > 0.0 { (units / balance).min(1.0) } else { 0.0 };
        let is_emptied = share >= self.params.balance_share_min
            && units >= least * self.params.balance_value_share_min;
        if units < least && !is_emptied {
            return None;
        }
        let of_balance = if share > 0.0 {
            format!(", {} the balance seen", money::share_text(share))
        } else {
            String::new()
        };
        Some(Finding {
            value: days,
            expected: Band::below(self.params.dormant_days_min),
            unit: Cow::Borrowed("days"),
            explanation: format!(
                "{} had sent nothing for {days:.0} days and now sends {}{of_balance}.",
                body.from,
                money::native_text(scene.chain, body.value)
            ),
            quiet_if: format!(
                "it had sent anything in the last {:.0} days",
                self.params.dormant_days_min
            ),
            ..finding(Self::META, Subject::Account(body.from.clone()))
        })
    }

    fn coin(&self, scene: &Scene<'_>) -> Option<Finding> {
        let (tx, body) = parties::utxo(scene)?;
        let oldest =
            scene.event.time.plus(-(self.params.coin_days_min * EventTime::DAY as f64) as i64);
        let coins = || {
            body.inputs.iter().filter_map(|input| {
                let outpoint = input.outpoint.as_ref()?;
                Some((input, outpoint, scene.state.output(outpoint)?))
            })
        };
        let old = || coins().filter(|(.., coin)| coin.time <= oldest);
        let sum = old().fold(0u64, |sum, (.., coin)| sum.saturating_add(coin.value));
        let (first, _, eldest) = old().min_by_key(|(.., coin)| coin.time)?;
        let amount = Amount::from_u64(sum);
        if money::native_units(scene.chain, amount) < self.least_units(scene)? {
            return None;
        }
        let ignored = &self.params.ignore_labels;
        if first.address.as_ref().is_some_and(|a| parties::is_labelled(scene, a, ignored)) {
            return None;
        }
        let n = old().count();
        let subject = first.address.clone().map_or(Subject::Tx(tx.id), Subject::Account);
        let days = scene.event.time.since(eldest.time) as f64 / EventTime::DAY as f64;
        Some(Finding {
            value: days,
            expected: Band::below(self.params.coin_days_min),
            unit: Cow::Borrowed("days"),
            explanation: format!(
                "{} worth {} that had not moved for up to {days:.0} days {} spent.",
                money::count_text(n as f64, "coin", "coins"),
                money::native_text(scene.chain, amount),
                if n == 1 { "is" } else { "are" },
            ),
            quiet_if: format!("the coins were younger than {:.0} days", self.params.coin_days_min),
            refs: bounded(old().map(|(_, o, _)| format!("outpoint:{}:{}", o.tx, o.index))),
            ..finding(Self::META, subject)
        })
    }

    /// Returns the value that fires by itself in whole units; `None` without price and default.
    fn least_units(&self, scene: &Scene<'_>) -> Option<f64> {
        match scene.usd_of_native(1.0).filter(|price| *price > 0.0) {
            Some(price) => Some(self.params.value_usd_min / price),
            None => self.params.value_units_min.get(&*scene.chain.native.symbol).copied(),
        }
    }
}
