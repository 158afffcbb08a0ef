//! `failed_tx_storm`: calls into one contract keep failing.

use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{finding, money, parties},
    },
    model::{Band, Family, Finding, LabelKind, Severity, Subject},
    state::WindowKind,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of [`FailedTxStorm`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Failed calls in 60 minutes. Published default (Nethermind, high volume of failed
    /// transactions): 50.
    #[schemars(range(min = 1, max = 10_000_000), extend("x-unit" = "failed calls"))]
    pub n_min: u32,
    /// Least share of all calls into the contract that fail. Default: 0.1: popular routers always
    /// have failures, a few in a hundred.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub share_min: f64,
    /// Quiet when the contract carries one of these labels. Default: none: exchanges' own contracts
    /// fail for reasons worth knowing.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self { n_min: 50, share_min: 0.1, ignore_labels: Vec::new() }
    }
}

/// The rule.
pub struct FailedTxStorm {
    params: Params,
}

impl Rule for FailedTxStorm {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "failed_tx_storm",
        title: "Storm of failed calls",
        description: "At least 50 transactions into one contract failed within 60 minutes, and at \
                      least a tenth of all calls into it: an exploit being tried, a broken or paused protocol, or a rush. Fires when the \
                      count is reached, not on each further failure.",
        severity: Severity::Medium,
        families: &[Family::Evm],
        subject: "receiver",
        needs: &[Need::Outcomes],
        false_positives: &[
            "arbitrage contracts, on which most calls fail: label them and list the label",
            "popular mints and launches",
        ],
        references: &["https://github.com/NethermindEth/Forta-Agents"],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((tx, body)) = parties::evm(scene) else { return };
        let Some(contract) = body.to.as_ref().filter(|_| tx.is_failed()) else { return };
        let account = scene.state.key(contract);
        let before = scene.state.window(WindowKind::FailedCalls1h, account, scene.event.time);
        if before + 1.0 < f64::from(self.params.n_min) {
            return;
        }
        // Between the count of the last hour (after a burst) and 1.44 times it (steady traffic).
        let n_ok = scene.state.profile(account).map_or(0.0, |p| p.in_1h(scene.event.time));
        // Only the crossing fires, not each further failure.
        let n = before + 1.0;
        if !self.is_storm(n, n_ok)
            || self.is_storm(before, n_ok)
            || parties::is_labelled(scene, contract, &self.params.ignore_labels)
        {
            return;
        }
        out.push(Finding {
            value: n,
            expected: Band::below(f64::from(self.params.n_min)),
            unit: "failed calls in 60 minutes".into(),
            explanation: format!(
                "{} into {contract} failed within 60 minutes, about {} % of all; \
                 fewer than {} is usual.",
                money::count_text(n, "transaction", "transactions"),
                money::number_text(libm::round(n / (n + n_ok) * 100.0)),
                self.params.n_min,
            ),
            quiet_if: format!("fewer than {} calls had failed", self.params.n_min),
            refs: vec![format!("tx:0x{}", tx.id)],
            ..finding(Self::META, Subject::Account(contract.clone()))
        });
    }
}

impl FailedTxStorm {
    fn is_storm(&self, n: f64, n_ok: f64) -> bool {
        n >= f64::from(self.params.n_min) && n >= self.params.share_min * (n + n_ok)
    }
}
