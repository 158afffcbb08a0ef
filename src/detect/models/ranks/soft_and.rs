//! Soft-AND of trailing ranks: unremarkable in each feature, but consistent in all of them.

use super::{groups, rank_sum::Respects};
use crate::{
    detect::{
        FrozenModel, Model, ModelMeta, Opinion, Scene, SnapshotError,
        models::{
            account::receiver_ewma::Standings,
            definition::ModelDefinition,
            evidence::{finding, name, odds, subject, unit},
            kinds::EventKind,
        },
        snapshot,
    },
    feature::{Features, Schema, evm},
    ml::{
        rank::{Horizon, TrailingRanks},
        tail::Calibration,
    },
    model::{AccountKey, DetectorKind, Family, Finding},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Parameters of [`SoftAnd`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Events over which ranks trail. Default 20,000.
    #[schemars(range(min = 100, max = 1_000_000), extend("x-unit" = "events"))]
    pub window: u32,
    /// Events between two rebuilds of a rank table. Default 10,000.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "events"))]
    pub refresh: u32,
    /// Events before there are ranks, then a tenth as many sums before one is judged. Default
    /// 1,000.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-unit" = "events"))]
    pub warm_up: u32,
    /// The least rank that counts: below it one feature cannot veto the others. Default 0.25: the
    /// lowest quarter is simply not suspicious, however low.
    #[schemars(range(min = 1e-6, max = 0.5), extend("x-unit" = "rank"))]
    pub rank_floor: f64,
    /// Weight of what the receiver's score has been so far, 0 to 0.9: evidence adds up over an
    /// account's payments, and no single payer decides. Default 0.3; UTXO addresses have none.
    #[schemars(range(min = 0.0, max = 0.9), extend("x-unit" = "weight"))]
    pub memory: f64,
    /// Weights of groups by name, 0 to 4, over their own: 0 for `size` and `amount` ignores values.
    #[schemars(extend("additionalProperties" = {"type": "number", "minimum": 0, "maximum": 4, "x-unit": "weight"}, "maxProperties" = 1_000))]
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
/// consistent instead, which the sum of ln of the *rank* rewards. Payments in tokens are ranked
/// among their like, by the same features of both ends' dealings in tokens.
pub struct SoftAnd {
    params: Params,
    respects: Respects,
    /// One a kind.
    usual: Vec<UsualRanks>,
    /// Kept from event to event for its allocation.
    row: Vec<f32>,
}

/// What is usual of one kind of event.
#[derive(Clone, Serialize, Deserialize)]
struct UsualRanks {
    ranks: TrailingRanks,
    sums: Calibration,
    standings: Standings,
}

/// An event that can be ranked.
#[derive(Clone, Copy)]
struct RankedEvent<'a> {
    kind: EventKind,
    features: &'a Features,
    /// Only where accounts have a standing.
    receiver: Option<AccountKey>,
}

const VERSION: u8 = 4;

/// What is usual of sums is asked for longer than of ranks: a wave of attacks that lasts for weeks
/// must not become what is usual, nor a surprise mean something else next month (average precision
/// .64 instead of .61 on 2017H2, .67 instead of .61 on 2018Q1, over four windows and no thinning).
const SUMS_MEMORY: u32 = 16;

/// ln(1 + 3,600 s).
const LN_HOUR: f64 = 8.188_967;

impl SoftAnd {
    fn case<'a>(&self, scene: &Scene<'a>) -> Option<RankedEvent<'a>> {
        let (kind, features) = EventKind::of(scene)?;
        // UTXO addresses have none: they are used once.
        let has_standings = self.respects.schema.family == Family::Evm && self.params.memory > 0.0;
        let receiver = scene.parties.receiver.filter(|_| has_standings);
        Some(RankedEvent { kind, features, receiver })
    }

    /// Returns the sum smoothed over the receiver's payments.
    fn smoothed(&self, case: RankedEvent<'_>) -> Option<f64> {
        let usual = self.usual.get(case.kind.idx())?;
        let sum = self.respects.sum(&usual.ranks, case.features)?;
        let before = case.receiver.and_then(|key| usual.standings.get(key));
        Some(before.map_or(sum, |before| sum + self.params.memory * (before - sum)))
    }

    /// Returns the single input whose least change lowers a sum by an excess.
    fn least_change(
        &self,
        case: RankedEvent<'_>,
        usual: &UsualRanks,
        excess: f64,
    ) -> Option<(&'static groups::GroupFeature, f64)> {
        // Of a smoothed sum this payment is only a part: it has to fall by so much more.
        let is_smoothed = case.receiver.is_some_and(|key| usual.standings.get(key).is_some());
        let share = if is_smoothed { 1.0 - self.params.memory } else { 1.0 };
        self.respects.least_change(&usual.ranks, case.features, excess.max(0.0) / share)
    }

    /// Returns whether an event may calibrate: at most one a receiver and hour does, or else a
    /// collector in full swing would teach the tail that collectors are usual.
    fn is_representative(&self, features: &Features) -> bool {
        self.respects.schema.family == Family::Utxo
            || features.get(evm::RECEIVER_GAP).is_none_or(|gap| gap > LN_HOUR)
    }
}

impl ModelDefinition for SoftAnd {
    type Params = Params;

    const META: &'static ModelMeta = &ModelMeta {
        id: "soft_and",
        kind: DetectorKind::Statistical,
        title: "Suspicious in every respect at once",
        description: "Ranks some twenty directional features against the last 20,000 \
                      transactions, or payments in tokens, and adds up the logarithms of the \
                      ranks by group.",
        unit: "nats",
        references: &["Siffer et al. 2017, Anomaly detection in streams with extreme value theory"],
    };

    fn new(params: Params, schema: &'static Schema, _seed: u64) -> Self {
        let respects = Respects::new(schema, &params.weights, params.rank_floor);
        let Params { window, refresh, warm_up, .. } = params;
        let horizon = Horizon { window, refresh, warm_up };
        let usual = UsualRanks {
            ranks: TrailingRanks::new(respects.n_columns(), horizon),
            // Sums come slowly, see `is_representative`: a tenth will do to begin with.
            sums: Calibration::with_memory(
                Horizon { warm_up: (warm_up / 10).max(1), refresh: refresh.div_ceil(4), ..horizon },
                SUMS_MEMORY,
            ),
            standings: Standings::new(),
        };
        let usual = vec![usual; EventKind::n_of(schema.family)];
        Self { params, respects, usual, row: Vec::new() }
    }

    fn check(params: &Params) -> Result<(), String> {
        if params.warm_up > params.window {
            return Err("warm_up must be at most window".to_owned());
        }
        let mut groups = groups::of(Family::Evm).iter().chain(groups::of(Family::Utxo));
        match params.weights.keys().find(|name| !groups.clone().any(|g| g.name == **name)) {
            Some(name) => {
                let known: Vec<&str> = groups.by_ref().map(|g| g.name).collect();
                Err(format!("weights: unknown group {name:?} (known: {})", known.join(", ")))
            }
            None => Ok(()),
        }
    }
}

impl Model for SoftAnd {
    fn meta(&self) -> &'static ModelMeta {
        Self::META
    }

    fn score(&self, scene: &Scene<'_>) -> Option<Opinion> {
        let case = self.case(scene)?;
        let sum = self.smoothed(case)?;
        let sums = &self.usual.get(case.kind.idx())?.sums;
        if !sums.is_warm() {
            return None;
        }
        Some(Opinion { surprise: sums.surprise(sum), value: sum })
    }

    fn explain(&self, scene: &Scene<'_>, opinion: &Opinion, bar: f64) -> Finding {
        let case = self.case(scene);
        let usual = case.and_then(|case| self.usual.get(case.kind.idx()));
        let expected = usual.and_then(|usual| usual.sums.score_at(bar)).unwrap_or(opinion.value);
        let mut finding = finding(Self::META, scene, opinion, expected);
        let (Some(case), Some(usual)) = (case, usual) else {
            return finding;
        };
        let telling = self.respects.telling(&usual.ranks, case.features);
        let n_high = telling.iter().filter(|(rank, _)| *rank > 0.5).count();
        let reasons: Vec<String> = telling
            .iter()
            .take(3)
            .map(|(rank, group)| format!("{} (rank {:.0} %)", group.phrase, 100.0 * rank))
            .collect();
        finding.explanation = format!(
            "{} is on the suspicious side in {n_high} of {} respects at once{}, {} by chance: {}.",
            name(&subject(scene)),
            telling.len(),
            if case.kind == EventKind::TokenPayment { " among payments in tokens" } else { "" },
            odds(opinion.surprise),
            reasons.join(", "),
        );
        let change = self.least_change(case, usual, opinion.value - expected);
        finding.quiet_if = self.respects.quiet_if(change, unit(scene));
        finding
    }

    fn quieted_by(&self, scene: &Scene<'_>, opinion: &Opinion, bar: f64) -> Option<(usize, f64)> {
        let case = self.case(scene)?;
        let usual = self.usual.get(case.kind.idx())?;
        let change = self.least_change(case, usual, opinion.value - usual.sums.score_at(bar)?);
        change.map(|(part, value)| (part.position, value))
    }

    fn learn(&mut self, scene: &Scene<'_>, own: Option<&Opinion>) {
        let Some(case) = self.case(scene) else { return };
        let sum = own.map(|opinion| opinion.value).or_else(|| self.smoothed(case));
        let is_representative = self.is_representative(case.features);
        let Some(usual) = self.usual.get_mut(case.kind.idx()) else { return };
        if let Some(sum) = sum {
            if is_representative {
                usual.sums.push(sum);
            }
            if let Some(receiver) = case.receiver {
                usual.standings.set(receiver, sum);
            }
        }
        self.respects.write_row(case.features, &mut self.row);
        usual.ranks.push(&self.row);
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(VERSION, &self.usual)
    }

    fn freeze(&self) -> FrozenModel {
        snapshot::freeze(VERSION, self.usual.clone())
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let (n_kinds, n_columns) = (self.usual.len(), self.respects.n_columns());
        let is_sound = |all: &Vec<UsualRanks>| {
            all.len() == n_kinds
                && all.iter().all(|usual| {
                    usual.ranks.is_shaped(n_columns)
                        && usual.sums.is_shaped()
                        && usual.standings.is_shaped()
                })
        };
        self.usual = snapshot::decode(Self::META.id, VERSION, bytes, is_sound)?;
        Ok(())
    }
}
