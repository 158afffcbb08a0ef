//! `fan_out`: one account splits an amount into equal parts for many new ones.

use super::moves;
use crate::{
    detect::{
        BuiltinMeta, Rule, Scene,
        rules::{finding, money, parties},
    },
    model::{Band, EventTime, Family, Finding, LabelKind, Severity, Subject},
    state::Move,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of [`FanOut`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Never seen recipients within an hour, 2 to 64. Default: 20 (Bybit's thief had 49).
    #[schemars(range(min = 2, max = 64), extend("x-unit" = "recipients"))]
    pub n_min: u32,
    /// Greatest coefficient of variation of the amounts. Default: 0.1.
    #[schemars(range(min = 0.0, max = 100.0), extend("x-unit" = "coefficient of variation"))]
    pub variation_max: f64,
    /// Least sum in dollars, where a price is known; less is info. Default: 1,000: what faucets and
    /// wallets that hand out gas stay below, and nobody launders.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub usd_min: f64,
    /// Least sum as a share of all that the sender is known to have got or paid, where none is;
    /// less is info. Default: 0.01.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub share_min: f64,
    /// With as many recipients before, a sender is a service that pays new accounts all day: low.
    /// Default: 100, five times the group.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "recipients"))]
    pub n_service_recipients: u32,
    /// Quiet when the sender carries one of these labels. Default: exchange, bridge, defi, miner.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            n_min: 20,
            variation_max: 0.1,
            usd_min: 1_000.0,
            share_min: 0.01,
            n_service_recipients: 100,
            ignore_labels: vec![
                LabelKind::Exchange,
                LabelKind::Bridge,
                LabelKind::Defi,
                LabelKind::Miner,
            ],
        }
    }
}

/// The rule.
pub struct FanOut {
    params: Params,
}

impl Rule for FanOut {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "fan_out",
        title: "Split into equal parts for new accounts",
        description: "Within an hour an account pays at least 20 accounts that were never seen \
                      before, all nearly the same amount (coefficient of variation at most 0.1): \
                      how stolen funds are split before they are laundered. Only info below \
                      $1,000 in all (without a price: 1 % of what the sender ever got), and low \
                      where the sender has paid a hundred others before. Fires at \
                      the crossing. Not for UTXO chains, where each payout goes to a new address and \
                      mixes pay equal amounts on purpose.",
        severity: Severity::High,
        families: &[Family::Evm],
        subject: "sender",
        needs: &[],
        false_positives: &[
            "an airdrop or a faucet that pays one by one",
            "an unlabelled service that funds new deposit accounts with gas",
        ],
        references: &[
            "https://www.ic3.gov/PSA/2025/PSA250226",
            "https://www.fatf-gafi.org/en/publications/Methodsandtrends/\
             Virtual-assets-red-flag-indicators.html",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((tx, body)) = parties::evm(scene) else { return };
        let Some(to) = body.to.as_ref().filter(|_| !tx.is_failed() && !body.value.is_zero()) else {
            return;
        };
        let (sender, now) = (scene.state.key(&body.from), scene.event.time);
        // Two look-ups rule out nearly everything: a known recipient, a sender with few payments.
        let Some(profile) = scene.state.profile(sender) else { return };
        // A count with a half-life of an hour has lost at most half of what the hour brought.
        if profile.out_1h(now) < f64::from(self.params.n_min - 1) / 2.0
            || profile.n_recipients() + 1 < self.params.n_min
            || scene.state.profile(scene.state.key(to)).is_some()
        {
            return;
        }
        let since = now.plus(-EventTime::HOUR);
        let mut fresh: Vec<Move> = moves::recent(scene.state.sent(sender), None, since).collect();
        fresh.retain(|m| m.is_fresh_receiver);
        let mut values: Vec<f64> = fresh.iter().map(|m| f64::from(m.value)).collect();
        let was_split = self.is_split(&values);
        values.push(money::native_units(scene.chain, body.value));
        if was_split
            || !self.is_split(&values)
            || parties::is_labelled(scene, &body.from, &self.params.ignore_labels)
        {
            return;
        }
        let (mean, variation) = spread(&values);
        let sum = mean * values.len() as f64;
        let is_much = match scene.usd_of_native(sum) {
            Some(usd) => usd >= self.params.usd_min,
            None => {
                let known = profile.total_in().max(profile.total_out());
                sum >= self.params.share_min * known && !money::is_little(scene, sum, 0.0)
            }
        };
        let n_before = profile.n_recipients().saturating_sub(fresh.len() as u32);
        let severity = match is_much {
            true if n_before >= self.params.n_service_recipients => Severity::Low,
            true => Self::META.severity,
            false => Severity::Info,
        };
        let span = fresh.iter().map(|m| now.since(m.time)).max().unwrap_or(0);
        out.push(Finding {
            severity,
            value: values.len() as f64,
            expected: Band::below(f64::from(self.params.n_min)),
            unit: "new recipients in an hour".into(),
            explanation: format!(
                "{} paid {} accounts that nobody had seen before within {}, about {} each (the \
                 amounts vary by {} %).",
                body.from,
                values.len(),
                moves::span_text(span),
                money::native_units_text(scene.chain, mean),
                money::number_text(libm::round(variation * 1e3) / 10.0),
            ),
            quiet_if: format!("it had paid fewer than {} new accounts", self.params.n_min),
            refs: moves::tx_refs(scene.chain, &fresh),
            ..finding(Self::META, Subject::Account(body.from.clone()))
        });
    }
}

impl FanOut {
    fn is_split(&self, values: &[f64]) -> bool {
        values.len() >= self.params.n_min as usize && spread(values).1 <= self.params.variation_max
    }
}

/// Returns the mean and the coefficient of variation.
fn spread(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    (mean, variance.sqrt() / mean)
}
