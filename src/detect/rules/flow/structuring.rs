//! `structuring`: several payments, each just below a reporting threshold.

use super::moves;
use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{finding, money, parties},
    },
    model::{Band, EventTime, Family, Finding, LabelKind, Severity, Subject},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of [`Structuring`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The reporting threshold in dollars. Published default: 10,000 (currency transaction
    /// reports); set 1,000 for the travel rule.
    #[schemars(range(max = 1e12), extend("exclusiveMinimum" = 0.0, "x-unit" = "US dollars"))]
    pub threshold_usd: f64,
    /// Least and greatest share of the threshold that counts as just below. Default: 0.8 and 0.999.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0, "x-unit" = "share"))]
    pub share_min: f64,
    /// Greatest share of the threshold that counts as just below. Default: 0.999.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0, "x-unit" = "share"))]
    pub share_max: f64,
    /// Payments in 24 hours. Published default (FATF: several within 24 hours): 3.
    #[schemars(range(min = 2, max = 64), extend("x-unit" = "payments"))]
    pub n_min: u32,
    /// Least share of the sender's payments in those hours that lie in the band. Default: 0.3: a
    /// busy wallet hits the band now and then by chance.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub share_of_payments_min: f64,
    /// Quiet when the sender carries one of these labels. Default: exchange, bridge, miner.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            threshold_usd: 10_000.0,
            share_min: 0.8,
            share_max: 0.999,
            n_min: 3,
            share_of_payments_min: 0.3,
            ignore_labels: vec![LabelKind::Exchange, LabelKind::Bridge, LabelKind::Miner],
        }
    }
}

/// The rule.
pub struct Structuring {
    params: Params,
}

impl Rule for Structuring {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "structuring",
        title: "Payments just below the reporting threshold",
        description: "Within 24 hours one sender makes at least 3 payments of the native asset, \
                      each worth 80–99.9 % of $10,000, together above it. Fires at the third.",
        severity: Severity::Medium,
        families: &[Family::Evm],
        subject: "sender",
        needs: &[Need::NativePrice],
        false_positives: &[
            "a treasury that pays equal invoices or salaries near the threshold",
            "an unlabelled exchange wallet with thousands of withdrawals",
        ],
        references: &[
            "https://www.fatf-gafi.org/en/publications/Methodsandtrends/\
             Virtual-assets-red-flag-indicators.html",
            "https://www.fincen.gov/resources/statutes-regulations/guidance",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn check(params: &Params) -> Result<(), String> {
        if params.share_min < params.share_max {
            Ok(())
        } else {
            Err("share_min must be below share_max".to_owned())
        }
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((tx, body)) = parties::evm(scene) else { return };
        let Some(usd) = money::native_usd(scene, body.value) else { return };
        if !self.is_just_below(usd) || tx.is_failed() || body.to.as_ref() == Some(&body.from) {
            return;
        }
        let since = scene.event.time.plus(-EventTime::DAY);
        let sent = scene.state.sent(scene.state.key(&body.from));
        let mut earlier: Vec<_> = moves::recent(sent, None, since).collect();
        let n_payments = earlier.len() as f64 + 1.0;
        earlier.retain(|m| {
            let worth = scene.usd_of_native(f64::from(m.value));
            worth.is_some_and(|usd| self.is_just_below(usd))
        });
        let n = earlier.len() as u32 + 1;
        let sum = usd + scene.usd_of_native(moves::sum(&earlier)).unwrap_or(0.0);
        let threshold = self.params.threshold_usd;
        // Exactly at the third; with two and a low share the sum may still be below.
        let is_reached = n >= self.params.n_min && sum >= threshold;
        let was_reached = n > self.params.n_min && sum - usd >= threshold;
        if !is_reached
            || was_reached
            || f64::from(n) < self.params.share_of_payments_min * n_payments
            || parties::is_labelled(scene, &body.from, &self.params.ignore_labels)
        {
            return;
        }
        let span = earlier.last().map_or(0, |first| scene.event.time.since(first.time));
        out.push(Finding {
            value: f64::from(n),
            expected: Band::below(f64::from(self.params.n_min)),
            unit: "payments in 24 hours".into(),
            explanation: format!(
                "{} made {n} payments within {}, each of {}–{} and so just below {}, together {}.",
                body.from,
                moves::span_text(span),
                money::usd_text(self.params.share_min * threshold),
                money::usd_text(self.params.share_max * threshold),
                money::usd_text(threshold),
                money::usd_text(sum),
            ),
            quiet_if: format!("one of the payments were at least {}", money::usd_text(threshold)),
            refs: moves::tx_refs(scene.chain, &earlier),
            ..finding(Self::META, Subject::Account(body.from.clone()))
        });
    }
}

impl Structuring {
    fn is_just_below(&self, usd: f64) -> bool {
        let share = usd / self.params.threshold_usd;
        self.params.share_min <= share && share <= self.params.share_max
    }
}
