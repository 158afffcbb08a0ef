//! Creep: the cumulative sum of small deviations, for a habit that is moved step by step.

use crate::{
    detect::{
        FINDING_SURPRISE_MIN, FrozenModel, Model, ModelMeta, Opinion, SURPRISE_MAX, Scene,
        SnapshotError,
        models::{
            definition::ModelDefinition,
            evidence::{finding, odds, tx_of},
            sentence::number,
        },
        snapshot,
    },
    feature::{Schema, evm, utxo},
    model::{DetectorKind, EventTime, Family, Finding},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of [`Creep`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Payments of a sender before it has a habit, one an hour. Default 12.
    #[schemars(range(min = 4, max = 1_000_000), extend("x-unit" = "payments"))]
    pub n_out_min: u32,
    /// Days for which it has paid by then. Default 14: two weekends.
    #[schemars(range(min = 0, max = 365), extend("x-unit" = "days"))]
    pub days_min: u32,
    /// Deviation that is forgiven at each payment, in standard deviations. Default 2: two days a
    /// week that differ from the other five are 1.6 from their mean.
    #[schemars(range(min = 0.1), extend("exclusiveMaximum" = Z_MAX, "x-unit" = "standard deviations"))]
    pub slack: f64,
    /// The least standard deviation of the log10 of a sender's values. Default 0.1.
    #[schemars(range(min = 0.001, max = 10.0), extend("x-unit" = "log10 units"))]
    pub sd_min: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { n_out_min: 12, days_min: 14, slack: 2.0, sd_min: 0.1 }
    }
}

/// Adds up how far a sender's payments lie above its habit, beyond a slack.
///
/// An adaptive band follows whoever raises the amount a little each time; a sum does not forget.
/// The habit itself learns slowly, by at most one deviation an hour, and not while the sum is high.
pub struct Creep {
    params: Params,
    schema: &'static Schema,
    slots: Vec<Habit>,
}

/// The habit of one sender. 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Habit {
    account: u64,
    /// Payments learned.
    n: u32,
    /// The hours of the first and the last of them.
    since: i32,
    hour: i32,
    /// Of the log10 of the value.
    mean: f32,
    variance: f32,
    sum: f32,
}

/// A payment beside its sender's habit.
struct CreepLook {
    slot: usize,
    habit: Habit,
    value: f64,
    log_value: f64,
}

/// Senders that have a habit here: by hash, a newcomer replacing whoever has its slot and has not
/// paid for a week. On a busy chain these are regulars: a habit takes longer than to come by.
const SLOTS: usize = 1 << 13;
const STALE_HOURS: i32 = 7 * 24;
/// A deviation counts up to here: a single jump is the amount model's business.
const Z_MAX: f64 = 3.0;
/// The habit's memory once it has been learned: eleven days of hours, so that a week is usual.
const MEMORY: f64 = 256.0;

const VERSION: u8 = 1;

impl Habit {
    fn is_known(&self, params: &Params) -> bool {
        let hours = i64::from(self.hour) - i64::from(self.since);
        self.n >= params.n_out_min && hours >= 24 * i64::from(params.days_min)
    }

    fn sd(&self, params: &Params) -> f64 {
        f64::from(self.variance).sqrt().max(params.sd_min)
    }

    /// Returns how many deviations above the habit a payment is.
    fn z(&self, log_value: f64, params: &Params) -> f64 {
        (log_value - f64::from(self.mean)) / self.sd(params)
    }

    fn sum_after(&self, log_value: f64, params: &Params) -> f64 {
        let z = self.z(log_value, params).min(Z_MAX);
        (f64::from(self.sum) + z - params.slack).max(0.0)
    }

    /// Learns the first payment of an hour: a sender's busy days must not become a week of habit.
    fn learn(&mut self, log_value: f64, hour: i32, params: &Params) {
        if self.n > 0 && hour <= self.hour {
            return;
        }
        if self.n == 0 {
            self.since = hour;
        }
        self.hour = hour;
        let is_known = self.is_known(params);
        if is_known {
            self.sum = self.sum_after(log_value, params) as f32;
        }
        // What is flagged teaches nothing, and nothing moves the mean by more than one deviation.
        if surprise(f64::from(self.sum)) < FINDING_SURPRISE_MIN {
            let rate = 1.0 / (f64::from(self.n) + 1.0).min(MEMORY);
            let sd = self.sd(params);
            let gap = log_value - f64::from(self.mean);
            let within = |most: f64| if is_known { gap.clamp(-most, most) } else { gap };
            self.mean += (rate * within(sd)) as f32;
            let (variance, spread) = (f64::from(self.variance), within(Z_MAX * sd));
            self.variance = ((1.0 - rate) * (variance + rate * spread * spread)) as f32;
        }
        self.n = self.n.saturating_add(1);
    }
}

/// Returns the surprise of a sum.
///
/// # Source
/// The maximum of a normal walk with drift −k is exponential with rate 2k (Siegmund 1985); amounts
/// have heavier tails, so it is claimed as if k were 1.
fn surprise(sum: f64) -> f64 {
    (2.0 * sum / core::f64::consts::LN_10).clamp(0.0, SURPRISE_MAX)
}

fn sum_at(surprise: f64) -> f64 {
    surprise * core::f64::consts::LN_10 / 2.0
}

fn hour_of(time: EventTime) -> i32 {
    time.micros().div_euclid(EventTime::HOUR) as i32
}

impl Creep {
    /// Returns the sender's habit and what it pays now.
    fn look(&self, scene: &Scene<'_>) -> Option<CreepLook> {
        let (_, features) = tx_of(scene)?;
        let position = match self.schema.family {
            Family::Evm => evm::LOG_VALUE,
            Family::Utxo => utxo::LOG_VALUE,
        };
        let log_value = features.get(position)?;
        let parties = &scene.parties;
        let sender = parties.sender?;
        if parties.value <= 0.0 {
            return None;
        }
        let slot = (sender.0 % SLOTS as u64) as usize;
        let own = self.slots.get(slot).copied().filter(|habit| habit.account == sender.0);
        let habit = own.unwrap_or(Habit { account: sender.0, ..Habit::default() });
        Some(CreepLook { slot, habit, value: parties.value, log_value })
    }
}

impl ModelDefinition for Creep {
    type Params = Params;

    const META: &'static ModelMeta = &ModelMeta {
        id: "creep",
        kind: DetectorKind::Statistical,
        title: "Payments that creep away from the sender's habit",
        description: "Cumulative sum of a sender's deviations above its slowly learned habit: \
                      fires where each payment alone is within the adaptive band.",
        unit: "sigma",
        references: &["Page 1954, Continuous inspection schemes"],
    };

    fn new(params: Params, schema: &'static Schema, _seed: u64) -> Self {
        Self { params, schema, slots: vec![Habit::default(); SLOTS] }
    }
}

impl Model for Creep {
    fn meta(&self) -> &'static ModelMeta {
        Self::META
    }

    fn score(&self, scene: &Scene<'_>) -> Option<Opinion> {
        let CreepLook { habit, log_value, .. } = self.look(scene)?;
        if !habit.is_known(&self.params) {
            return None;
        }
        let value = habit.sum_after(log_value, &self.params);
        Some(Opinion { surprise: surprise(value), value })
    }

    fn explain(&self, scene: &Scene<'_>, opinion: &Opinion, bar: f64) -> Finding {
        let expected = sum_at(bar);
        let mut finding = finding(Self::META, scene, opinion, expected);
        let Some(CreepLook { habit, value, log_value, .. }) = self.look(scene) else {
            return finding;
        };
        let symbol = &*scene.chain.native.symbol;
        finding.explanation = format!(
            "The sender pays {} {symbol}, and has paid above its habit of {} {symbol} for so long \
             that the deviations add up to {} sigma ({}).",
            number(value),
            number(libm::exp10(f64::from(habit.mean))),
            number(opinion.value),
            odds(opinion.surprise),
        );
        // What counts of this payment has to fall by the excess, from at most the greatest count.
        let counted = habit.z(log_value, &self.params).min(Z_MAX);
        let allowed = counted - (opinion.value - expected).max(0.0);
        let needed = f64::from(habit.mean) + allowed * habit.sd(&self.params);
        finding.quiet_if = format!("value below {} {symbol}", number(libm::exp10(needed)));
        finding
    }

    fn learn(&mut self, scene: &Scene<'_>, _own: Option<&Opinion>) {
        let Some(CreepLook { slot, mut habit, log_value, .. }) = self.look(scene) else { return };
        let hour = hour_of(scene.event.time);
        let holder = &self.slots[slot];
        let is_held = holder.n > 0 && holder.account != habit.account;
        if is_held && hour.saturating_sub(holder.hour) <= STALE_HOURS {
            return;
        }
        habit.learn(log_value, hour, &self.params);
        self.slots[slot] = habit;
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(VERSION, &self.slots)
    }

    fn freeze(&self) -> FrozenModel {
        snapshot::freeze(VERSION, self.slots.clone())
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let is_sound = |slots: &Vec<Habit>| {
            let is_finite = |h: &Habit| {
                h.mean.is_finite() && h.variance.is_finite() && h.sum.is_finite() && h.sum >= 0.0
            };
            slots.len() == SLOTS && slots.iter().all(is_finite)
        };
        self.slots = snapshot::decode(Self::META.id, VERSION, bytes, is_sound)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::splitmix::mix;

    /// Feeds a payment an hour for so many hours; returns the greatest surprise from hour 500 on,
    /// and the greatest deviation of a single payment from what an adaptive band knows.
    fn greatest(n_hours: i32, log_value: impl Fn(i32) -> f64) -> (f64, f64) {
        let params = Params::default();
        let mut habit = Habit::default();
        let (mut most, mut widest, mut band) = (0.0f64, 0.0f64, (0.0, 0.1f64));
        for hour in 0..n_hours {
            let noise = (mix(hour as u64) as f64 / u64::MAX as f64 - 0.5) * 0.3;
            let value = log_value(hour) + noise;
            if hour >= 500 {
                most = most.max(surprise(habit.sum_after(value, &params)));
                widest = widest.max((value - band.0) / band.1);
            }
            habit.learn(value, hour, &params);
            // What the frog feels: the mean of the last payments, and their spread.
            let gap = value - band.0;
            band = (band.0 + gap / 16.0, band.1 + (gap.abs().max(0.05) - band.1) / 16.0);
        }
        (most, widest)
    }

    #[test]
    fn a_slow_drift_fires_where_no_single_payment_stands_out() {
        // Tenfold within 300 hours, 0.8 % a payment.
        let (most, widest) = greatest(800, |hour| f64::from((hour - 500).max(0)) / 300.0);
        assert!(most >= FINDING_SURPRISE_MIN, "{most}");
        assert!(widest < 4.0, "an adaptive band would have seen it: {widest}");
    }

    #[test]
    fn days_weeks_and_busy_hours_do_not() {
        let day = |hour: i32| 0.5 * libm::sin(f64::from(hour) * core::f64::consts::TAU / 24.0);
        let weekend = |hour: i32| if hour / 24 % 7 >= 5 { 0.7 } else { 0.0 };
        for (name, (most, _)) in [
            ("steady", greatest(4_000, |_| 0.0)),
            ("days", greatest(4_000, day)),
            ("weeks", greatest(4_000, weekend)),
            ("both", greatest(4_000, |hour| day(hour) + weekend(hour))),
        ] {
            assert!(most < FINDING_SURPRISE_MIN, "{name}: {most}");
        }
        let (params, mut habit) = (Params::default(), Habit::default());
        (0..1_000).for_each(|n| habit.learn(f64::from(n), 7, &params));
        assert_eq!(habit.n, 1, "one payment an hour is learned");
    }

    #[test]
    fn what_is_flagged_teaches_nothing() {
        let (params, mut habit) = (Params::default(), Habit::default());
        (0..450).for_each(|hour| habit.learn(0.0, hour, &params));
        (450..460).for_each(|hour| habit.learn(2.0, hour, &params));
        assert!(surprise(f64::from(habit.sum)) >= FINDING_SURPRISE_MIN, "{habit:?}");
        let before = habit.mean;
        (460..900).for_each(|hour| habit.learn(2.0, hour, &params));
        assert_eq!(habit.mean, before);
        assert!(before < 0.1, "{before}");
    }
}
