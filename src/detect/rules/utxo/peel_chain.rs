//! `peel_chain`: a large coin is peeled, payment by payment, each spending the change before.

use crate::{
    detect::{
        BuiltinMeta, Rule, Scene,
        rules::{bounded, finding, flow::moves, money, parties},
    },
    model::{Amount, Band, EventTime, Family, Finding, LabelKind, Severity, Subject, TxOut},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Parameters of [`PeelChain`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Hops at which it fires as info, then as low at each doubling: chains of five are how
    /// exchanges pay withdrawals (88 in 7,815 transactions of five real blocks). Default: 5.
    #[schemars(range(min = 1, max = 65_535), extend("x-unit" = "hops"))]
    pub n_hops_min: u16,
    /// Hops from which on it is high. Default: 20.
    #[schemars(range(min = 1, max = 65_535), extend("x-unit" = "hops"))]
    pub n_hops_high: u16,
    /// Least share of the input that stays in the change. Default: 0.8.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub change_share_min: f64,
    /// Most time between two hops, in seconds. Default: 86,400 (24 h).
    #[schemars(range(min = 1, max = 315_360_000), extend("x-unit" = "seconds"))]
    pub hop_gap_seconds_max: i64,
    /// Least value of the change in US dollars (without a price: a thousandth of a coin); less is
    /// info. Default: 100.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub usd_min: f64,
    /// Quiet when the account that is peeled carries one of these labels. Default: exchange, miner.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            n_hops_min: 5,
            n_hops_high: 20,
            change_share_min: 0.8,
            hop_gap_seconds_max: 86_400,
            usd_min: 100.0,
            ignore_labels: vec![LabelKind::Exchange, LabelKind::Miner],
        }
    }
}

/// The rule.
pub struct PeelChain {
    params: Params,
}

impl Rule for PeelChain {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "peel_chain",
        title: "Peel chain",
        description: "A chain of transactions with one input and two outputs, each spending the \
                      larger output of the one before within 24 h. Info at 5 hops, low at each \
                      doubling, high from 20 hops on; only info where the change returns to the \
                      address that it came from, which hides nothing, or is worth less than $100.",
        severity: Severity::Low,
        families: &[Family::Utxo],
        subject: "transaction",
        needs: &[],
        false_positives: &[
            "unlabelled exchange wallets that pay withdrawals one by one from one coin",
        ],
        references: &["https://github.com/citp/BlockSci", "https://arxiv.org/abs/1709.02489"],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((tx, body)) = parties::utxo(scene) else { return };
        let ([input], [a, b]) = (&body.inputs[..], &body.outputs[..]) else { return };
        let Some(outpoint) = &input.outpoint else { return };
        let Some(spent) = scene.state.output(outpoint) else { return };
        let (peeled, change) = if b.value > a.value { (a, b) } else { (b, a) };
        // A data carrier is no payment, and money that stays with its owner is not peeled.
        let owner = input.address.as_ref();
        let is_own = |to: &TxOut| to.address.is_some() && to.address.as_ref() == owner;
        let is_ignored = |a| parties::is_labelled(scene, a, &self.params.ignore_labels);
        if peeled.value == 0 || is_own(peeled) || owner.is_some_and(is_ignored) {
            return;
        }
        let gap = scene.event.time.since(spent.time);
        let share = change.value as f64 / spent.value.max(1) as f64;
        // The state counts the hops before this one.
        let n_hops = spent.n_peels.saturating_add(1);
        if !self.is_mark(n_hops)
            || share < self.params.change_share_min
            || gap > self.params.hop_gap_seconds_max.saturating_mul(EventTime::SECOND)
        {
            return;
        }
        let span = match scene.event.time.since(spent.peel_start) {
            0 => "one block".to_owned(),
            span => moves::span_text(span),
        };
        let text = |value| money::native_text(scene.chain, Amount::from_u64(value));
        let severity = match n_hops {
            _ if is_own(change) || self.is_small(scene, change.value) => Severity::Info,
            n if n >= self.params.n_hops_high => Severity::High,
            n if n > self.params.n_hops_min => Severity::Low,
            _ => Severity::Info,
        };
        out.push(Finding {
            severity,
            value: f64::from(n_hops),
            expected: Band::below(f64::from(self.params.n_hops_min)),
            unit: Cow::Borrowed("hops"),
            explanation: format!(
                "Hop {n_hops} of a peel chain within {span}: {} of {} peeled off to {}; {} it is \
                 kept as change.",
                text(peeled.value),
                text(spent.value),
                peeled.address.as_ref().map_or("a script".to_owned(), ToString::to_string),
                money::share_text(share)
            ),
            quiet_if: "the input were not the change of the hop before".to_owned(),
            refs: bounded([format!("tx:{}", outpoint.tx)]),
            ..finding(Self::META, Subject::Tx(tx.id))
        });
    }
}

impl PeelChain {
    fn is_small(&self, scene: &Scene<'_>, value: u64) -> bool {
        let units = money::native_units(scene.chain, Amount::from_u64(value));
        money::is_little(scene, units, self.params.usd_min)
    }

    /// Returns whether this length is reported: the first one, and each doubling of it, and the
    /// one at which it becomes high. A chain of a thousand hops is not a thousand findings.
    fn is_mark(&self, n_hops: u16) -> bool {
        let first = self.params.n_hops_min;
        let is_doubling = n_hops.is_multiple_of(first) && (n_hops / first).is_power_of_two();
        n_hops >= first && (is_doubling || n_hops == self.params.n_hops_high)
    }
}
