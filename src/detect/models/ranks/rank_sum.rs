//! How far an event is to the suspicious side in each respect, among its like: the ranks behind the
//! soft-AND.

use super::groups::{self, Group, GroupFeature};
use crate::{
    detect::models::sentence::feature,
    feature::{Features, Schema, evm, utxo},
    ml::rank::TrailingRanks,
    model::Family,
};
use std::collections::BTreeMap;

/// The groups of a schema with their weights.
pub(in crate::detect::models) struct Respects {
    pub schema: &'static Schema,
    groups: &'static [Group],
    /// One a group.
    weights: Vec<f64>,
    /// The least rank that counts.
    rank_floor: f64,
}

impl Respects {
    /// Takes the groups of a schema; `weights` are over their own, by name.
    pub fn new(schema: &'static Schema, weights: &BTreeMap<String, f64>, rank_floor: f64) -> Self {
        let groups = groups::of(schema.family);
        let weight = |g: &Group| weights.get(g.name).copied().unwrap_or(g.weight);
        Self { schema, groups, weights: groups.iter().map(weight).collect(), rank_floor }
    }

    /// Returns how many features are ranked.
    pub fn n_columns(&self) -> usize {
        self.groups.iter().map(|g| g.parts.len()).sum()
    }

    /// Writes the features that are ranked, NaN where absent.
    pub fn write_row(&self, features: &Features, row: &mut Vec<f32>) {
        let parts = self.groups.iter().flat_map(|g| g.parts);
        row.clear();
        row.extend(parts.map(|p| features.get(p.position).map_or(f32::NAN, |v| v as f32)));
    }

    /// Returns S = Σ over groups of w/|g| · Σ ln max(u, floor), `None` where it does not apply.
    ///
    /// # Cost
    /// One rank a part: 23 binary searches and ten logarithms, about 0.5 µs.
    pub fn sum(&self, ranks: &TrailingRanks, features: &Features) -> Option<f64> {
        let age = match self.schema.family {
            Family::Evm => evm::RECEIVER_AGE,
            Family::Utxo => utxo::RECEIVER_AGE,
        };
        // Without a receiver there is nobody whose history could be ranked.
        let is_receiver_known = features.get(age).is_some();
        if !is_receiver_known || !ranks.is_warm() {
            return None;
        }
        let mut column = 0;
        let mut sum = 0.0;
        for (group, weight) in self.groups.iter().zip(&self.weights) {
            // One logarithm a group: at most four ranks of at least 1e-6 do not underflow.
            let (mut of_group, mut n_parts) = (1.0, 0);
            for part in group.parts {
                // A feature that this stream never has would only dilute its group.
                if !ranks.grid(column).is_empty() {
                    of_group *= self.rank(ranks, column, part, features);
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

    /// Returns how suspicious a feature's rank is; an absent feature is neither.
    fn rank(
        &self,
        ranks: &TrailingRanks,
        column: usize,
        part: &GroupFeature,
        features: &Features,
    ) -> f64 {
        let Some(value) = features.get(part.position) else { return 0.5 };
        let rank = ranks.grid(column).rank(value);
        (if part.is_high { rank } else { 1.0 - rank }).max(self.rank_floor)
    }

    /// Returns each voting part with its column and what it takes of the sum per ln of rank.
    fn voters(
        &self,
        ranks: &TrailingRanks,
    ) -> impl Iterator<Item = (usize, &'static GroupFeature, f64)> {
        let mut column = 0;
        let mut voters = Vec::new();
        for (group, weight) in self.groups.iter().zip(&self.weights) {
            let columns = column..column + group.parts.len();
            column = columns.end;
            let is_seen = |c: &usize| !ranks.grid(*c).is_empty();
            let n_seen = columns.clone().filter(is_seen).count();
            let parts = columns.zip(group.parts).filter(|(c, _)| is_seen(c));
            if *weight > 0.0 {
                voters.extend(parts.map(|(c, part)| (c, part, weight / n_seen as f64)));
            }
        }
        voters.into_iter()
    }

    /// Returns the single input whose least change of rank would have kept the sum quiet: to a
    /// value that was seen, because not every rank has one (nothing is below a count of 0).
    pub fn least_change(
        &self,
        ranks: &TrailingRanks,
        features: &Features,
        excess: f64,
    ) -> Option<(&'static GroupFeature, f64)> {
        let change = |(column, part, weight): (usize, &'static GroupFeature, f64)| {
            let now = self.rank(ranks, column, part, features);
            let then = now * libm::exp(-excess / weight);
            // The floor is as far as one input can pull the sum down.
            if then < self.rank_floor {
                return None;
            }
            let grid = ranks.grid(column);
            let value = match part.is_high {
                true => grid.highest_at_most(then),
                false => grid.lowest_at_least(1.0 - then),
            };
            let reached = match part.is_high {
                true => grid.rank(value?),
                false => 1.0 - grid.rank(value?),
            };
            Some((now - reached, part, value?))
        };
        let least = self.voters(ranks).filter_map(change).min_by(|a, b| a.0.total_cmp(&b.0));
        least.map(|(_, part, value)| (part, value))
    }

    /// Writes a change.
    pub fn quiet_if(&self, change: Option<(&'static GroupFeature, f64)>, symbol: &str) -> String {
        let Some((part, value)) = change else {
            return "no single input: at least two groups would have to look ordinary".to_owned();
        };
        let def = &self.schema.defs[part.position];
        let side = if part.is_high { "at most" } else { "at least" };
        format!("{} {side} {}", def.name, feature(def, value, symbol))
    }

    /// Returns the groups by how much they speak for the suspicion, the most telling first.
    pub fn telling(
        &self,
        ranks: &TrailingRanks,
        features: &Features,
    ) -> Vec<(f64, &'static Group)> {
        let mut column = 0;
        let mut ranked = Vec::with_capacity(self.groups.len());
        for (group, weight) in self.groups.iter().zip(&self.weights) {
            let mut rank = 0.0;
            for part in group.parts {
                rank += self.rank(ranks, column, part, features) / group.parts.len() as f64;
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
