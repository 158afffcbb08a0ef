//! Soft-AND of trailing ranks: unremarkable in each feature, but consistent in all of them.

use super::{
    definition::Definition,
    evidence::{finding, name, odds, subject, tx_of},
    groups::{self, Group, Part},
    sentence::feature,
    standing::Standings,
};
use crate::{
    detect::{
        FINDING_SURPRISE_MIN, FrozenModel, Model, ModelMeta, Opinion, Scene, SnapshotError,
        snapshot,
    },
    feature::{Features, Schema, evm, parties, utxo},
    model::{AccountKey, DetectorKind, Family, Finding, Tx},
    stat::{
        rank::{Horizon, TrailingRanks},
        tail::Calibration,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Parameters of [`SoftAnd`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Events over which ranks trail. Default 20,000.
    pub window: u32,
    /// Events between two rebuilds of a rank table. Default 10,000.
    pub refresh: u32,
    /// Events before there are ranks, then a tenth as many sums before one is judged. Default
    /// 1,000.
    pub warm_up: u32,
    /// The least rank that counts: below it one feature cannot veto the others. Default 0.25: the
    /// lowest quarter is simply not suspicious, however low.
    pub rank_floor: f64,
    /// Weight of what the receiver's score has been so far, 0 to 0.9: evidence adds up over an
    /// account's payments, and no single payer decides. Default 0.3; UTXO addresses have none.
    pub memory: f64,
    /// Weights of groups by name, 0 to 4, over their own: 0 for `size` and `amount` ignores values.
    pub weights: BTreeMap<String, f64>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            window: 20_000,
            refresh: 10_000,
            warm_up: 1_000,
            rank_floor: 0.25,
            memory: 0.3,
            weights: BTreeMap::new(),
        }
    }
}

/// Sums the logarithms of directional trailing ranks over groups of features.
///
/// Fisher's method sums −ln of the *tail* and so rewards one extreme feature; attackers are
/// consistent instead, which the sum of ln of the *rank* rewards.
pub struct SoftAnd {
    params: Params,
    schema: &'static Schema,
    groups: &'static [Group],
    /// One a group.
    weights: Vec<f64>,
    learned: Learned,
    /// Kept from event to event for its allocation.
    row: Vec<f32>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Learned {
    ranks: TrailingRanks,
    sums: Calibration,
    standings: Standings,
}

const VERSION: u8 = 4;

/// What is usual of sums is asked for longer than of ranks: a wave of attacks that lasts for weeks
/// must not become what is usual, nor a surprise mean something else next month (average precision
/// .64 instead of .61 on 2017H2, .67 instead of .61 on 2018Q1, over four windows and no thinning).
const SUMS_MEMORY: u32 = 16;

/// ln(1 + 3,600 s).
const LN_HOUR: f64 = 8.188_967;

impl SoftAnd {
    /// Returns S = Σ over groups of w/|g| · Σ ln max(u, floor), `None` where it does not apply.
    ///
    /// # Cost
    /// One rank a part: 23 binary searches and ten logarithms, about 0.5 µs.
    pub fn sum(&self, features: &Features) -> Option<f64> {
        let age = match self.schema.family {
            Family::Evm => evm::RECEIVER_AGE,
            Family::Utxo => utxo::RECEIVER_AGE,
        };
        // Without a receiver there is nobody whose history could be ranked.
        let is_receiver_known = features.get(age).is_some();
        if !is_receiver_known || !self.learned.ranks.is_warm() {
            return None;
        }
        let mut column = 0;
        let mut sum = 0.0;
        for (group, weight) in self.groups.iter().zip(&self.weights) {
            // One logarithm a group: at most four ranks of at least 1e-6 do not underflow.
            let (mut of_group, mut n_parts) = (1.0, 0);
            for part in group.parts {
                // A feature that this stream never has would only dilute its group.
                if !self.learned.ranks.grid(column).is_empty() {
                    of_group *= self.rank(column, part, features);
                    n_parts += 1;
                }
                column += 1;
            }
            if n_parts > 0 && *weight > 0.0 {
                sum += weight * libm::log(of_group) / f64::from(n_parts);
            }
        }
        Some(sum)
    }

    /// Returns the sum smoothed over the receiver's payments, and who the receiver is: the latter
    /// only where accounts have a standing.
    fn smoothed(
        &self,
        scene: &Scene<'_>,
        tx: &Tx,
        features: &Features,
    ) -> Option<(f64, Option<AccountKey>)> {
        let sum = self.sum(features)?;
        let receiver = self.remembered(scene, tx);
        let before = receiver.and_then(|key| self.learned.standings.get(key));
        Some((before.map_or(sum, |before| sum + self.params.memory * (before - sum)), receiver))
    }

    /// Returns the receiver, where accounts have a standing.
    fn remembered(&self, scene: &Scene<'_>, tx: &Tx) -> Option<AccountKey> {
        let has_standings = self.schema.family == Family::Evm && self.params.memory > 0.0;
        has_standings.then(|| parties(tx, scene.state).receiver).flatten()
    }

    /// Returns whether an event may calibrate: at most one a receiver and hour does, or else a
    /// collector in full swing would teach the tail that collectors are usual.
    fn is_representative(&self, features: &Features) -> bool {
        self.schema.family == Family::Utxo
            || features.get(evm::RECEIVER_GAP).is_none_or(|gap| gap > LN_HOUR)
    }

    /// Returns how suspicious a feature's rank is; an absent feature is neither.
    fn rank(&self, column: usize, part: &Part, features: &Features) -> f64 {
        let Some(value) = features.get(part.position) else { return 0.5 };
        let rank = self.learned.ranks.grid(column).rank(value);
        (if part.is_high { rank } else { 1.0 - rank }).max(self.params.rank_floor)
    }

    /// Returns each voting part with its column and what it takes of the sum per ln of rank.
    fn voters(&self) -> impl Iterator<Item = (usize, &'static Part, f64)> {
        let mut column = 0;
        let mut voters = Vec::new();
        for (group, weight) in self.groups.iter().zip(&self.weights) {
            let columns = column..column + group.parts.len();
            column = columns.end;
            let is_seen = |c: &usize| !self.learned.ranks.grid(*c).is_empty();
            let n_seen = columns.clone().filter(is_seen).count();
            let parts = columns.zip(group.parts).filter(|(c, _)| is_seen(c));
            if *weight > 0.0 {
                voters.extend(parts.map(|(c, part)| (c, part, weight / n_seen as f64)));
            }
        }
        voters.into_iter()
    }

    /// Writes the single input whose least change of rank would have kept the sum quiet: to a
    /// value that was seen, because not every rank has one (nothing is below a count of 0).
    fn quiet_if(&self, features: &Features, excess: f64, symbol: &str) -> String {
        let change = |(column, part, weight): (usize, &'static Part, f64)| {
            let now = self.rank(column, part, features);
            let then = now * libm::exp(-excess / weight);
            // The floor is as far as one input can pull the sum down.
            if then < self.params.rank_floor {
                return None;
            }
            let grid = self.learned.ranks.grid(column);
            let value = match part.is_high {
                true => grid.highest_at_most(then),
                false => grid.lowest_at_least(1.0 - then),
            };
            Some((now - then, part, value?))
        };
        let least = self.voters().filter_map(change).min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, part, value)) = least else {
            return "no single input: at least two groups would have to look ordinary".to_owned();
        };
        let def = &self.schema.defs[part.position];
        let side = if part.is_high { "at most" } else { "at least" };
        format!("{} {side} {}", def.name, feature(def, value, symbol))
    }

    /// Returns the groups by how much they speak for the suspicion, the most telling first.
    fn telling(&self, features: &Features) -> Vec<(f64, &'static Group)> {
        let mut column = 0;
        let mut ranked = Vec::with_capacity(self.groups.len());
        for (group, weight) in self.groups.iter().zip(&self.weights) {
            let mut rank = 0.0;
            for part in group.parts {
                rank += self.rank(column, part, features) / group.parts.len() as f64;
                column += 1;
            }
            if *weight > 0.0 {
                ranked.push((rank, group));
            }
        }
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked
    }
}

impl Definition for SoftAnd {
    type Params = Params;

    const META: &'static ModelMeta = &ModelMeta {
        id: "soft_and",
        kind: DetectorKind::Statistical,
        title: "Suspicious in every respect at once",
        description: "Ranks some twenty directional features against the last 20,000 \
                      transactions and adds up the logarithms of the ranks by group.",
        unit: "nats",
        references: &["Siffer et al. 2017, Anomaly detection in streams with extreme value theory"],
    };

    fn new(params: Params, schema: &'static Schema, _seed: u64) -> Self {
        let groups = groups::of(schema.family);
        let weight = |g: &Group| params.weights.get(g.name).copied().unwrap_or(g.weight);
        let weights = groups.iter().map(weight).collect();
        let n_columns = groups.iter().map(|g| g.parts.len()).sum();
        let Params { window, refresh, warm_up, .. } = params;
        let horizon = Horizon { window, refresh, warm_up };
        let learned = Learned {
            ranks: TrailingRanks::new(n_columns, horizon),
            // Sums come slowly, see `is_representative`: a tenth will do to begin with.
            sums: Calibration::with_memory(
                Horizon { warm_up: (warm_up / 10).max(1), refresh: refresh.div_ceil(4), ..horizon },
                SUMS_MEMORY,
            ),
            standings: Standings::new(),
        };
        Self { params, schema, groups, weights, learned, row: Vec::new() }
    }

    fn check(params: &Params) -> Result<(), String> {
        if !(1e-6..=0.5).contains(&params.rank_floor) {
            return Err("rank_floor must be from 0.000001 to 0.5".to_owned());
        }
        if !(0.0..=0.9).contains(&params.memory) {
            return Err("memory must be from 0 to 0.9".to_owned());
        }
        if !(100..=1_000_000).contains(&params.window) || params.refresh == 0 {
            return Err("window must be from 100 to 1000000 and refresh at least 1".to_owned());
        }
        if params.warm_up == 0 || params.warm_up > params.window {
            return Err("warm_up must be from 1 to window".to_owned());
        }
        for (name, weight) in &params.weights {
            let mut all = groups::of(Family::Evm).iter().chain(groups::of(Family::Utxo));
            if !all.any(|g| g.name == name) {
                return Err(format!("weights names an unknown group {name:?}"));
            }
            if !(0.0..=4.0).contains(weight) {
                return Err(format!("weights of {name} must be from 0 to 4"));
            }
        }
        Ok(())
    }
}

impl Model for SoftAnd {
    fn meta(&self) -> &'static ModelMeta {
        Self::META
    }

    fn score(&self, scene: &Scene<'_>) -> Option<Opinion> {
        let (tx, features) = tx_of(scene)?;
        let (sum, _) = self.smoothed(scene, tx, features)?;
        let sums = &self.learned.sums;
        if !sums.is_warm() {
            return None;
        }
        let expected = sums.score_at(FINDING_SURPRISE_MIN)?;
        Some(Opinion { surprise: sums.surprise(sum), value: sum, expected })
    }

    fn explain(&self, scene: &Scene<'_>, opinion: &Opinion) -> Finding {
        let mut finding = finding(Self::META, scene, opinion);
        let Some((tx, features)) = tx_of(scene) else { return finding };
        let telling = self.telling(features);
        let n_high = telling.iter().filter(|(rank, _)| *rank > 0.5).count();
        let reasons: Vec<String> = telling
            .iter()
            .take(3)
            .map(|(rank, group)| format!("{} (rank {:.0} %)", group.phrase, 100.0 * rank))
            .collect();
        finding.explanation = format!(
            "{} is on the suspicious side in {n_high} of {} respects at once, {} by chance: {}.",
            name(&subject(scene)),
            telling.len(),
            odds(opinion.surprise),
            reasons.join(", "),
        );
        let excess = (opinion.value - opinion.expected).max(0.0);
        let is_smoothed = self.smoothed(scene, tx, features).is_some_and(|(_, r)| {
            r.is_some_and(|receiver| self.learned.standings.get(receiver).is_some())
        });
        // This payment is only a part of the smoothed sum: it has to fall by so much more.
        let share = if is_smoothed { 1.0 - self.params.memory } else { 1.0 };
        finding.quiet_if = self.quiet_if(features, excess / share, &scene.chain.native.symbol);
        finding
    }

    fn learn(&mut self, scene: &Scene<'_>, own: Option<&Opinion>) {
        let Some((tx, features)) = tx_of(scene) else { return };
        let smoothed = match own {
            Some(opinion) => Some((opinion.value, self.remembered(scene, tx))),
            None => self.smoothed(scene, tx, features),
        };
        if let Some((sum, receiver)) = smoothed {
            if self.is_representative(features) {
                self.learned.sums.push(sum);
            }
            if let Some(receiver) = receiver {
                self.learned.standings.set(receiver, sum);
            }
        }
        let parts = self.groups.iter().flat_map(|g| g.parts);
        let values = parts.map(|p| features.get(p.position).map_or(f32::NAN, |v| v as f32));
        self.row.clear();
        self.row.extend(values);
        self.learned.ranks.push(&self.row);
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(VERSION, &self.learned)
    }

    fn freeze(&self) -> FrozenModel {
        snapshot::freeze(VERSION, self.learned.clone())
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let n_columns = self.groups.iter().map(|g| g.parts.len()).sum();
        let is_sound = |l: &Learned| {
            l.ranks.is_shaped(n_columns) && l.sums.is_shaped() && l.standings.is_shaped()
        };
        self.learned = snapshot::decode(Self::META.id, VERSION, bytes, is_sound)?;
        Ok(())
    }
}
