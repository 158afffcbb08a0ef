//! `key_sweep`: one account empties several others, as who holds stolen keys does.

use super::moves;
use crate::{
    detect::{
        BuiltinMeta, Rule, Scene,
        rules::{finding, money, parties},
    },
    model::{AccountKey, Band, EventTime, EvmTx, Family, Finding, LabelKind, Severity, Subject},
    state::Profile,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of [`KeySweep`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Emptied senders from which on it is low. Published default (Nethermind, private key
    /// compromise): 3.
    #[schemars(range(min = 2, max = 1_000_000), extend("x-unit" = "senders"))]
    pub n_low: u32,
    /// Emptied senders from which on it is high. Published default: 10.
    #[schemars(range(min = 3, max = 1_000_000), extend("x-unit" = "senders"))]
    pub n_high: u32,
    /// Hours within which they are emptied. Published default: 6.
    #[schemars(range(min = 1, max = 8_760), extend("x-unit" = "hours"))]
    pub hours: u32,
    /// Native units that may stay behind. Published default: 0.01.
    #[schemars(range(min = 0.0, max = 1e15), extend("x-unit" = "native units"))]
    pub residual_max: f64,
    /// Least native units that count as a balance. Default: 0.02, twice the residual.
    #[schemars(range(min = 0.0, max = 1e15), extend("x-unit" = "native units"))]
    pub value_min: f64,
    /// Least worth of what is taken in all, in US dollars where a price is known; less is info.
    /// Default: 100.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub usd_min: f64,
    /// Receivers with as many transactions are services. Published default: 500.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "transactions"))]
    pub n_receiver_max: u32,
    /// Receivers that have paid as many accounts are services too, whose deposits these are: only
    /// info. Default: 50, as for `pass_through`.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "recipients"))]
    pub n_service_recipients: u32,
    /// Quiet when the receiver carries one of these labels. Default: exchange, bridge, defi, mixer.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            n_low: 3,
            n_high: 10,
            hours: 6,
            residual_max: 0.01,
            value_min: 0.02,
            usd_min: 100.0,
            n_receiver_max: 500,
            n_service_recipients: 50,
            ignore_labels: vec![
                LabelKind::Exchange,
                LabelKind::Bridge,
                LabelKind::Defi,
                LabelKind::Mixer,
            ],
        }
    }
}

/// The rule.
pub struct KeySweep {
    params: Params,
}

impl Rule for KeySweep {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "key_sweep",
        title: "Several accounts emptied into one",
        description: "Within 6 hours an account with fewer than 500 transactions receives all that \
                      more than two senders have (less than 0.01 of the native asset stays \
                      behind): the mark of stolen keys. Low from 3 emptied senders, high from 10; \
                      fires as the third and the tenth is emptied. Only info below $100 in all, \
                      and where the receiver pays as many others as a service. Balances are what the stream \
                      showed coming in and going out.",
        severity: Severity::Low,
        families: &[Family::Evm],
        subject: "receiver",
        needs: &[],
        false_positives: &[
            "an unlabelled exchange that collects into a wallet that pays nobody",
            "one owner who moves to a new wallet",
        ],
        references: &["https://github.com/NethermindEth/Forta-Agents"],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn check(params: &Params) -> Result<(), String> {
        if params.n_low < params.n_high {
            Ok(())
        } else {
            Err("n_low must be below n_high".to_owned())
        }
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((tx, body)) = parties::evm(scene) else { return };
        let Some(to) = body.to.as_ref().filter(|_| !tx.is_failed() && !body.value.is_zero()) else {
            return;
        };
        let (victim, sweeper) = (scene.state.key(&body.from), scene.state.key(to));
        if victim == sweeper || !self.is_emptied_by(scene, victim, body) {
            return;
        }
        let Some(profile) = scene.state.profile(sweeper) else { return };
        let n_before = profile.n_in().saturating_add(profile.n_out());
        if profile.n_senders() + 1 < self.params.n_low || n_before >= self.params.n_receiver_max {
            return;
        }
        let Some((n, earlier)) = self.emptied(scene, sweeper, victim) else { return };
        // Only as the third and the tenth is emptied: the ones between add nothing to do.
        let severity = match n {
            _ if n == self.params.n_high => Severity::High,
            _ if n == self.params.n_low => Self::META.severity,
            _ => return,
        };
        if parties::is_labelled(scene, to, &self.params.ignore_labels) {
            return;
        }
        let sum = earlier + money::native_units(scene.chain, body.value);
        let is_little = scene.usd_of_native(sum).is_some_and(|usd| usd < self.params.usd_min);
        let is_service = profile.n_recipients() >= self.params.n_service_recipients;
        let severity = if is_little || is_service { Severity::Info } else { severity };
        let symbol = &scene.chain.native.symbol;
        out.push(Finding {
            severity,
            value: f64::from(n),
            expected: Band::below(f64::from(n)),
            unit: "emptied senders".into(),
            explanation: format!(
                "{n} accounts were emptied into {to} within {} h, the last one being {} with {}; \
                 less than {} stayed behind in each.",
                self.params.hours,
                body.from,
                money::native_text(scene.chain, body.value),
                money::units_text(self.params.residual_max, symbol),
            ),
            quiet_if: format!(
                "{} or more had stayed behind in one of them",
                money::units_text(self.params.residual_max, symbol)
            ),
            refs: vec![format!("account:{}", body.from)],
            ..finding(Self::META, Subject::Account(to.clone()))
        });
    }
}

impl KeySweep {
    /// Returns whether this transaction takes all that its sender is known to have.
    fn is_emptied_by(&self, scene: &Scene<'_>, sender: AccountKey, body: &EvmTx) -> bool {
        let value = money::native_units(scene.chain, body.value);
        if value < self.params.value_min {
            return false;
        }
        let Some(profile) = scene.state.profile(sender) else { return false };
        let fee = body
            .gas_price
            .zip(body.gas_limit)
            .map_or(0.0, |(price, gas)| money::native_units(scene.chain, price) * gas as f64);
        let residual = known_balance(profile) - value - fee;
        // Far below zero means that it had more than we saw coming in: its balance is not known.
        residual < self.params.residual_max && residual > -self.params.residual_max - fee
    }

    /// Counts the senders emptied into `sweeper`, with `victim`, and sums what the others had;
    /// `None` when it is not a new one.
    fn emptied(
        &self,
        scene: &Scene<'_>,
        sweeper: AccountKey,
        victim: AccountKey,
    ) -> Option<(u32, f64)> {
        let since = scene.event.time.plus(-i64::from(self.params.hours) * EventTime::HOUR);
        let mut others: Vec<AccountKey> = Vec::new();
        let mut sum = 0.0;
        for m in moves::recent(scene.state.received(sweeper), None, since) {
            if m.other == victim {
                return None;
            }
            let is_emptied = f64::from(m.value) >= self.params.value_min
                && scene
                    .state
                    .profile(m.other)
                    .is_some_and(|profile| known_balance(profile).abs() < self.params.residual_max);
            if is_emptied && !others.contains(&m.other) {
                others.push(m.other);
                sum += f64::from(m.value);
            }
        }
        Some((u32::try_from(others.len() + 1).ok()?, sum))
    }
}

/// What came in less what went out, in whole native units; fees are not counted.
fn known_balance(profile: &Profile) -> f64 {
    profile.total_in() - profile.total_out()
}
