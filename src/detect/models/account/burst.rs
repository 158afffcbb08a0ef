//! Poisson–Gamma bursts: a sender's payments, and new senders to a receiver, against their habit.

use crate::{
    detect::{
        Model, ModelMeta, Opinion, Scene, SnapshotError,
        models::{
            definition::ModelDefinition,
            evidence::{finding, odds, tx_of},
            sentence::number,
        },
        snapshot,
    },
    feature::Schema,
    ml::negative_binomial::NegativeBinomial,
    model::{DetectorKind, EventTime, Finding},
    state::Profile,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of [`Burst`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Transactions before there is a pooled habit for young accounts. Default 1,000.
    #[schemars(range(min = 0, max = 1_000_000_000), extend("x-unit" = "transactions"))]
    pub warm_up: u32,
    /// Pseudo-events of the pooled habit. Default 0.5: half a payment of others weighs on an
    /// account's own.
    #[schemars(range(max = 1e6), extend("exclusiveMinimum" = 0.0, "x-unit" = "events"))]
    pub pooled_events: f64,
    /// The least relative wander of a rate, as a Gamma shape. Default 4: plus or minus a half.
    #[schemars(range(max = 1e6), extend("exclusiveMinimum" = 0.0, "x-unit" = "Gamma shape"))]
    pub shape_max: f64,
    /// Counts below this never surprise. Default 4.
    #[schemars(range(min = 0, max = 1_000_000), extend("x-unit" = "transactions"))]
    pub n_min: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { warm_up: 1_000, pooled_events: 0.5, shape_max: 4.0, n_min: 4 }
    }
}

/// Compares a short decayed count with the account's own long one.
///
/// The long count, less the short one, is a Gamma law over the rate (mixed with what is usual on
/// the chain, for young accounts), so the short count is negative binomial.
pub struct Burst {
    params: Params,
    learned: BurstLearned,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct BurstLearned {
    n_learned: u64,
    /// Pooled mean of each short count over transactions.
    pooled: [f64; 2],
}

/// A short count against the law of it.
struct CountSignal {
    n: f64,
    law: NegativeBinomial,
    is_sender: bool,
}

const VERSION: u8 = 1;

/// Memory of the pooled means, in transactions: a busy chain's hour or so.
const POOL_MEMORY: f64 = 20_000.0;

/// Two looks at one transaction: the better of them must be twice as rare (Bonferroni).
const TWO_LOOKS: f64 = core::f64::consts::LOG10_2;

/// The most that a count is expected to reach in a sentence.
const COUNT_MAX: u32 = 100_000;

impl Burst {
    fn signals(&self, scene: &Scene<'_>) -> [Option<CountSignal>; 2] {
        if tx_of(scene).is_none() {
            return [None, None];
        }
        let now = scene.event.time;
        let parties = &scene.parties;
        let sender = parties.sender.and_then(|key| scene.state.profile(key));
        let sends = sender.map(|p| {
            let law = self.law(0, (p.out_1h(now), p.out_7d(now)), p, now, HOUR_DAYS);
            CountSignal { n: p.out_1h(now) + 1.0, law, is_sender: true }
        });
        let receiver = parties.receiver.and_then(|key| scene.state.profile(key));
        let is_new_pair = match (parties.sender, parties.receiver) {
            (Some(from), Some(to)) => scene.state.n_payments(from, to) == 0,
            _ => false,
        };
        let arrivals = receiver.filter(|_| is_new_pair).map(|p| {
            let counts = (p.new_senders_24h(now), p.new_senders_7d(now));
            let law = self.law(1, counts, p, now, 1.0);
            CountSignal { n: counts.0 + 1.0, law, is_sender: false }
        });
        [sends, arrivals]
    }

    /// Returns the law of the short count from (short, long) counts; `days` is the half-life of
    /// the short one.
    fn law(
        &self,
        pool: usize,
        (short, long): (f64, f64),
        profile: &Profile,
        now: EventTime,
        days: f64,
    ) -> NegativeBinomial {
        let age = now.since(profile.first_seen()).max(0) as f64 / EventTime::DAY as f64;
        // A decayed count of half-life h has seen (1 − 2^(−age/h)) of its h/ln 2 of exposure.
        let seen = |half_life: f64| half_life * (1.0 - libm::exp2(-age / half_life));
        let exposure = ((seen(LONG_DAYS) - seen(days)) / days).max(0.0);
        let events = (long - short).max(0.0);
        let pooled = self.params.pooled_events;
        let usual = self.learned.pooled[pool].max(0.05);
        NegativeBinomial::new(events + pooled, exposure + pooled / usual)
            .with_shape_max(self.params.shape_max)
    }

    fn surprise(&self, signal: &CountSignal) -> f64 {
        // Most transactions are far from a burst: they are spared the incomplete beta function.
        let is_far = signal.n < signal.law.mean() + signal.law.deviation();
        if is_far || signal.n < f64::from(self.params.n_min) {
            return 0.0;
        }
        (signal.law.surprise(signal.n) - TWO_LOOKS).max(0.0)
    }

    fn stronger(&self, scene: &Scene<'_>) -> Option<(CountSignal, f64)> {
        let [sends, arrivals] = self.signals(scene);
        let scored = |s: Option<CountSignal>| s.map(|s| (self.surprise(&s), s));
        match (scored(sends), scored(arrivals)) {
            (Some((a, _)), Some((b, arrivals))) if b > a => Some((arrivals, b)),
            (Some((a, sends)), _) => Some((sends, a)),
            (None, arrivals) => arrivals.map(|(b, s)| (s, b)),
        }
    }
}

/// Half-life of the long counts.
const LONG_DAYS: f64 = 7.0;

/// Half-life of the hourly count.
const HOUR_DAYS: f64 = 1.0 / 24.0;

impl ModelDefinition for Burst {
    type Params = Params;

    const META: &'static ModelMeta = &ModelMeta {
        id: "burst",
        kind: DetectorKind::Statistical,
        title: "Burst of payments or of new senders",
        description: "Compares the sender's payments of the last hour, and the receiver's new \
                      senders of the last day, with each account's own week.",
        unit: "events",
        references: &["Heard et al. 2010, Bayesian anomaly detection methods for social networks"],
    };

    fn new(params: Params, _schema: &'static Schema, _seed: u64) -> Self {
        Self { params, learned: BurstLearned::default() }
    }
}

impl Model for Burst {
    fn meta(&self) -> &'static ModelMeta {
        Self::META
    }

    fn score(&self, scene: &Scene<'_>) -> Option<Opinion> {
        if self.learned.n_learned < u64::from(self.params.warm_up) {
            return None;
        }
        let (signal, surprise) = self.stronger(scene)?;
        Some(Opinion { surprise, value: signal.n })
    }

    fn explain(&self, scene: &Scene<'_>, opinion: &Opinion, bar: f64) -> Finding {
        let signal = self.stronger(scene).map(|(signal, _)| signal);
        let count = signal.as_ref().map(|s| s.law.count_at(bar + TWO_LOOKS, COUNT_MAX));
        let expected = count.map_or(opinion.value, f64::from);
        let mut finding = finding(Self::META, scene, opinion, expected);
        let (Some(signal), Some(count)) = (signal, count) else { return finding };
        let (what, span) = if signal.is_sender {
            ("The sender makes", "payments within the hour")
        } else {
            ("The receiver gets", "new senders within the day")
        };
        finding.explanation = format!(
            "{what} {} {span} where {} are usual for it, {} by chance.",
            number(libm::round(signal.n)),
            number(signal.law.mean()),
            odds(opinion.surprise),
        );
        finding.quiet_if = format!("fewer than {count} {span}");
        finding
    }

    fn learn(&mut self, scene: &Scene<'_>, _own: Option<&Opinion>) {
        for (idx, signal) in self.signals(scene).into_iter().enumerate() {
            let Some(signal) = signal else { continue };
            let n = self.learned.n_learned as f64;
            let gain = 1.0 / (n + 1.0).min(POOL_MEMORY);
            // One account's flood must not become everybody's habit: its count is capped.
            let seen = (signal.n - 1.0).min(10.0 * self.learned.pooled[idx] + 1.0);
            self.learned.pooled[idx] += gain * (seen - self.learned.pooled[idx]);
        }
        self.learned.n_learned += 1;
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(VERSION, &self.learned)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let is_sound = |l: &BurstLearned| l.pooled.iter().all(|v| v.is_finite());
        self.learned = snapshot::decode(Self::META.id, VERSION, bytes, is_sound)?;
        Ok(())
    }
}
