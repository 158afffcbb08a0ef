//! `frequency_spike`: an account suddenly sends far more often than its own past explains.

use super::moves;
use crate::{
    detect::{
        BuiltinMeta, Rule, Scene,
        rules::{finding, money, parties},
    },
    ml::negative_binomial::NegativeBinomial,
    model::{AccountKey, Address, Band, EventTime, Family, Finding, LabelKind, Severity, Subject},
    state::{Profile, WindowKind},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The window of [`WindowKind::Sent10m`].
const WINDOW_US: i64 = 10 * EventTime::MINUTE;

/// A tail below 1e-5 needs at least 4.26 deviations even of a normal law, and ours is wider: below
/// four the tail need not be computed.
const DEVIATIONS_MIN: f64 = 4.0;

/// The greatest count looked for when saying from where on it would have fired.
const COUNT_MAX: u32 = 100_000;

/// Share of a burst's recipients that were paid before it, from which on it is a round that comes
/// again: some join between two of them.
const KNOWN_SHARE_MIN: f64 = 0.8;
/// Share of different recipients in such a round. One contract that is called over and over is
/// what the rule is for.
const DIFFERENT_SHARE_MIN: f64 = 0.8;

/// Parameters of [`FrequencySpike`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Fires when −log10 of the tail probability reaches this, 1 to 16. Default: 6 (p < 1e-6).
    #[schemars(range(min = 1.0, max = 16.0), extend("x-unit" = "-log10 p"))]
    pub surprise_min: f64,
    /// Least count in 10 minutes. Default: 20, so that few-a-day accounts do not fire on a busy
    /// morning.
    #[schemars(range(min = 1, max = 10_000_000), extend("x-unit" = "transactions"))]
    pub n_min: u32,
    /// Hours of chain history before anything is judged. Default: 1.
    #[schemars(range(min = 0.0, max = 87_600.0), extend("x-unit" = "hours"))]
    pub watched_hours_min: f64,
    /// Caps how sure the past makes us of the rate: real rates wander by at least 1/√this. Default:
    /// 10 (32 %).
    #[schemars(range(min = 1.0, max = 1e6), extend("x-unit" = "Gamma shape"))]
    pub shape_max: f64,
    /// Quiet when the sender carries one of these labels. Default: exchange, bridge, defi, miner.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            surprise_min: 6.0,
            n_min: 20,
            watched_hours_min: 1.0,
            shape_max: 10.0,
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
pub struct FrequencySpike {
    params: Params,
}

impl Rule for FrequencySpike {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "frequency_spike",
        title: "Sudden burst of transactions",
        description: "An account sends at least 20 transactions in 10 minutes, a count that its own \
                      rate of the last day and week makes less likely than one in a million \
                      (negative-binomial tail). Fires at the crossing, not on each further one; only \
                      info where the burst pays many accounts that were all paid before, as a \
                      payroll does.",
        severity: Severity::Medium,
        families: &[Family::Evm],
        subject: "sender",
        needs: &[],
        false_positives: &[
            "a payroll or airdrop sent one by one",
            "a new bot, or an exchange wallet without a label that is put into service",
        ],
        references: &[
            "https://github.com/forta-network/starter-kits",
            "https://docs.forta.network/en/latest/anomaly-detection/",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((_, body)) = parties::evm(scene) else { return };
        let account = scene.state.key(&body.from);
        let now = scene.event.time;
        let n = scene.state.window(WindowKind::Sent10m, account, now) + 1.0;
        if n < f64::from(self.params.n_min) {
            return;
        }
        let Some(law) = self.expectation(scene, account, n - 1.0) else { return };
        if n < law.mean() + DEVIATIONS_MIN * law.deviation()
            || law.surprise(n) < self.params.surprise_min
            || parties::is_labelled(scene, &body.from, &self.params.ignore_labels)
        {
            return;
        }
        // Well past the crossing: one tail tells what the search below takes seventeen for.
        let past = (n - 2.0).floor();
        if past >= f64::from(self.params.n_min) && law.surprise(past) >= self.params.surprise_min {
            return;
        }
        // From here on it is rare. The expectation drifts a little between two events: a margin
        // of one keeps the crossing from falling between them.
        let threshold = law.count_at(self.params.surprise_min, COUNT_MAX).max(self.params.n_min);
        if n < f64::from(threshold) + 2.0 {
            let found = describe(&body.from, n, law, threshold);
            let is_round = self.is_round(scene, account);
            let severity = if is_round { Severity::Info } else { found.severity };
            out.push(Finding { severity, ..found });
        }
    }
}

impl FrequencySpike {
    /// Returns whether the burst pays many different accounts, nearly all of which were paid before
    /// it: a payroll, or the payouts of a pool, whose month is longer than what rates remember.
    fn is_round(&self, scene: &Scene<'_>, account: AccountKey) -> bool {
        let since = scene.event.time.plus(-WINDOW_US);
        let sent = moves::recent(scene.state.sent(account), None, since);
        let mut paid: Vec<AccountKey> = sent.map(|m| m.other).collect();
        let n = paid.len();
        paid.sort_unstable();
        let mut n_paid = 0;
        let mut n_known = 0;
        for payments in paid.chunk_by(|a, b| a == b) {
            let n_before = scene.state.n_payments(account, payments[0]) as usize;
            n_paid += 1;
            n_known += usize::from(n_before > payments.len());
        }
        let shares = [(n_known, n_paid, KNOWN_SHARE_MIN), (n_paid, n, DIFFERENT_SHARE_MIN)];
        n > 0 && shares.iter().all(|(part, all, min)| *part as f64 >= min * *all as f64)
    }

    /// Returns the law of the count in the window, by the faster of the last day and week.
    fn expectation(
        &self,
        scene: &Scene<'_>,
        account: AccountKey,
        n_in_window: f64,
    ) -> Option<NegativeBinomial> {
        let now = scene.event.time;
        // Whoever was not seen while we watched, did not send: silence is history too.
        let watched_us = now.since(scene.state.observed_since()?) - WINDOW_US;
        if (watched_us as f64) < self.params.watched_hours_min * EventTime::HOUR as f64 {
            return None;
        }
        let profile = scene.state.profile(account);
        let past = |count: fn(&Profile, EventTime) -> f64, half_life_us: i64| {
            let n = profile.map_or(0.0, |p| count(p, now)) - n_in_window;
            // One event in one hour is the prior: the law is never sure of silence.
            let prior_windows = EventTime::HOUR as f64 / WINDOW_US as f64;
            let exposure = decayed_us(watched_us, half_life_us) / WINDOW_US as f64;
            NegativeBinomial::new(n.max(0.0) + 1.0, exposure + prior_windows)
        };
        let day = past(Profile::out_24h, EventTime::DAY);
        let week = past(Profile::out_7d, 7 * EventTime::DAY);
        let law = if day.mean() >= week.mean() { day } else { week };
        Some(law.with_shape_max(self.params.shape_max))
    }
}

/// Returns how much time a decayed count stands for after `watched_us`: the integral of the decay.
fn decayed_us(watched_us: i64, half_life_us: i64) -> f64 {
    let half_life = half_life_us as f64;
    let left = libm::exp2(-(watched_us.max(0) as f64) / half_life);
    half_life / core::f64::consts::LN_2 * (1.0 - left)
}

fn describe(sender: &Address, n: f64, law: NegativeBinomial, threshold: u32) -> Finding {
    let usual = money::number_text(libm::ceil(law.mean() * 100.0) / 100.0);
    Finding {
        value: n,
        expected: Band::below(f64::from(threshold)),
        unit: "transactions in 10 minutes".into(),
        explanation: format!(
            "{sender} sent {} within {}, where its own past makes {usual} usual (p < 1e-{}).",
            money::count_text(n, "transaction", "transactions"),
            moves::span_text(WINDOW_US),
            libm::floor(law.surprise(n)),
        ),
        quiet_if: format!("it had sent fewer than {threshold} transactions in 10 minutes"),
        ..finding(FrequencySpike::META, Subject::Account(sender.clone()))
    }
}
