//! Seasonal band of the chain's own activity: transactions per ten minutes by hour of the week.

use super::{
    definition::ModelDefinition,
    evidence::{finding, odds, tx_of},
    sentence::{count as count_of, number},
};
use crate::{
    detect::{Model, ModelMeta, Opinion, Scene, SnapshotError, snapshot},
    feature::Schema,
    ml::negative_binomial::NegativeBinomial,
    model::{DetectorKind, EventTime, Finding},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of [`Seasonal`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Whole buckets before the first opinion. Default 36: six hours.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-unit" = "buckets of 10 minutes"))]
    pub n_buckets_min: u32,
    /// Buckets of an hour of the week before it is preferred to the running day. Default 12: two
    /// weeks of that hour.
    #[schemars(range(min = 0, max = 1_000_000), extend("x-unit" = "buckets of 10 minutes"))]
    pub n_slot_buckets_min: u32,
    /// Weight of the newest bucket in the running means, 0–1. Default 0.05.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0, "x-unit" = "weight"))]
    pub gain: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { n_buckets_min: 36, n_slot_buckets_min: 12, gain: 0.05 }
    }
}

/// Counts transactions in buckets and compares the running one with the same hour of past weeks.
///
/// It speaks from the event on that lifts the running bucket above the band, and only of too
/// much: that too little happens shows only when time passes, which no event does.
pub struct Seasonal {
    params: Params,
    learned: SeasonalLearned,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct SeasonalLearned {
    /// Bucket number since the epoch, and transactions in it so far.
    bucket: i64,
    n_in_bucket: u32,
    n_buckets: u64,
    /// One for each hour of the week (168), then the running day.
    slots: Vec<Slot>,
}

/// Running mean and variance of a bucket's count.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Slot {
    n: u32,
    mean: f64,
    variance: f64,
}

const VERSION: u8 = 1;

/// Ten minutes: long enough for forty blocks of a fast chain or one of a slow one.
const BUCKET_US: i64 = 10 * EventTime::MINUTE;

const SLOTS: usize = 168;

/// Empty buckets after a gap that are learned: a day; a longer gap is an outage, not a season.
const GAP_BUCKETS_MAX: i64 = 144;

/// The most that a count is expected to reach in a sentence.
const COUNT_MAX: u32 = 100_000_000;

impl Slot {
    fn learn(&mut self, count: f64, gain: f64) {
        self.n = self.n.saturating_add(1);
        let gain = gain.max(1.0 / f64::from(self.n));
        let delta = count - self.mean;
        self.mean += gain * delta;
        self.variance = (1.0 - gain) * (self.variance + gain * delta * delta);
    }

    /// Returns the law with the slot's mean, and its variance where that is over-dispersed.
    fn law(&self) -> NegativeBinomial {
        let mean = self.mean.max(0.5);
        // Counts of people wander by a tenth at least, however steady they have been so far.
        let excess = (self.variance - mean).max(0.01 * mean * mean);
        let shape = mean * mean / excess;
        NegativeBinomial::new(shape, shape / mean)
    }
}

impl SeasonalLearned {
    fn slot_of(bucket: i64) -> usize {
        let time = EventTime::from_micros(bucket.saturating_mul(BUCKET_US));
        usize::from(time.day_of_week()) * 24 + usize::from(time.hour_of_day())
    }

    fn close(&mut self, count: u32, gain: f64) {
        let slot = Self::slot_of(self.bucket);
        self.slots[slot].learn(f64::from(count), gain);
        self.slots[SLOTS].learn(f64::from(count), gain);
        self.n_buckets += 1;
        self.bucket += 1;
    }
}

impl Seasonal {
    /// Returns the count with this event, and its law.
    fn count(&self, scene: &Scene<'_>) -> Option<(f64, NegativeBinomial)> {
        tx_of(scene)?;
        let l = &self.learned;
        let bucket = scene.event.time.micros().div_euclid(BUCKET_US);
        if l.n_buckets < u64::from(self.params.n_buckets_min) || bucket < l.bucket {
            return None;
        }
        let n = if bucket == l.bucket { l.n_in_bucket.saturating_add(1) } else { 1 };
        let slot = &l.slots[SeasonalLearned::slot_of(bucket)];
        let is_known = slot.n >= self.params.n_slot_buckets_min;
        let slot = if is_known { slot } else { &l.slots[SLOTS] };
        Some((f64::from(n), slot.law()))
    }
}

impl ModelDefinition for Seasonal {
    type Params = Params;

    const META: &'static ModelMeta = &ModelMeta {
        id: "seasonal",
        kind: DetectorKind::Statistical,
        title: "More transactions than usual at this hour",
        description: "Counts transactions in ten-minute buckets and compares the running one \
                      with mean and variance of the same hour of past weeks.",
        unit: "transactions per 10 min",
        references: &["Holt 1957, Forecasting seasonals and trends"],
    };

    fn new(params: Params, _schema: &'static Schema, _seed: u64) -> Self {
        let slots = vec![Slot::default(); SLOTS + 1];
        Self { params, learned: SeasonalLearned { slots, ..SeasonalLearned::default() } }
    }
}

impl Model for Seasonal {
    fn meta(&self) -> &'static ModelMeta {
        Self::META
    }

    fn score(&self, scene: &Scene<'_>) -> Option<Opinion> {
        let (n, law) = self.count(scene)?;
        // Inside the band nothing is said, so the incomplete beta function is spared.
        let is_high = n > law.mean() + law.deviation();
        Some(Opinion { surprise: if is_high { law.surprise(n) } else { 0.0 }, value: n })
    }

    fn explain(&self, scene: &Scene<'_>, opinion: &Opinion, bar: f64) -> Finding {
        let counted = self.count(scene);
        let count = counted.map(|(_, law)| law.count_at(bar, COUNT_MAX));
        let expected = count.map_or(opinion.value, f64::from);
        let mut finding = finding(Self::META, scene, opinion, expected);
        let (Some((n, law)), Some(count)) = (counted, count) else { return finding };
        finding.explanation = format!(
            "The chain has seen {} in the running ten minutes where {} are usual at this hour, {} \
             by chance.",
            count_of(n, "transaction", "transactions"),
            number(law.mean()),
            odds(opinion.surprise),
        );
        finding.quiet_if = format!("fewer than {count} transactions in the ten minutes");
        finding
    }

    fn learn(&mut self, scene: &Scene<'_>, _own: Option<&Opinion>) {
        if tx_of(scene).is_none() {
            return;
        }
        let bucket = scene.event.time.micros().div_euclid(BUCKET_US);
        let l = &mut self.learned;
        if l.n_in_bucket == 0 && l.n_buckets == 0 {
            l.bucket = bucket;
        }
        if bucket > l.bucket {
            l.close(l.n_in_bucket, self.params.gain);
            if bucket - l.bucket <= GAP_BUCKETS_MAX {
                while l.bucket < bucket {
                    l.close(0, self.params.gain);
                }
            }
            l.bucket = bucket;
            l.n_in_bucket = 0;
        }
        // A late transaction counts to the running bucket: its own has been judged.
        l.n_in_bucket = l.n_in_bucket.saturating_add(1);
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(VERSION, &self.learned)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let is_sound = |l: &SeasonalLearned| l.slots.len() == SLOTS + 1;
        self.learned = snapshot::decode(Self::META.id, VERSION, bytes, is_sound)?;
        Ok(())
    }
}
