//! Peaks over threshold on single extremes: the largest values and the highest fees of the chain.

use super::{
    definition::ModelDefinition,
    evidence::{finding, odds, tx_of},
    sentence::{feature, number},
};
use crate::{
    detect::{FrozenModel, Model, ModelMeta, Opinion, Scene, SnapshotError, snapshot},
    feature::{Features, Schema, evm, utxo},
    ml::{rank::Horizon, tail::Calibration},
    model::{DetectorKind, Family, Finding},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of [`Spot`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Transactions over which the tail is fitted. Default 20,000.
    #[schemars(range(min = 100, max = 1_000_000), extend("x-unit" = "transactions"))]
    pub window: u32,
    /// Transactions between two fits of it. Default 5,000.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "transactions"))]
    pub refresh: u32,
    /// Transactions before the first one. Default 2,000: twenty peaks beyond the 99 % quantile.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-unit" = "transactions"))]
    pub warm_up: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { window: 20_000, refresh: 5_000, warm_up: 2_000 }
    }
}

/// Fits a generalised Pareto tail to each of two features and reports the more extreme one.
pub struct Spot {
    schema: &'static Schema,
    streams: [usize; 2],
    learned: [Calibration; 2],
}

const VERSION: u8 = 1;

/// Two looks at one transaction: the better of them must be twice as rare (Bonferroni).
const TWO_LOOKS: f64 = core::f64::consts::LOG10_2;

impl Spot {
    /// Returns the more extreme stream, its value and its surprise. Zero values are no peaks.
    fn peak(&self, features: &Features) -> Option<(usize, f64, f64)> {
        let mut best: Option<(usize, f64, f64)> = None;
        for (idx, (&position, tail)) in self.streams.iter().zip(&self.learned).enumerate() {
            let Some(value) = self.sample(features, position) else { continue };
            if !tail.is_warm() {
                continue;
            }
            let surprise = (tail.surprise(value) - TWO_LOOKS).max(0.0);
            if best.is_none_or(|(.., most)| surprise > most) {
                best = Some((idx, value, surprise));
            }
        }
        best
    }

    fn sample(&self, features: &Features, position: usize) -> Option<f64> {
        let is_value = self.schema.defs[position].is_value;
        // 1e-6 units is what the logarithm adds: at that, nothing moved.
        features.get(position).filter(|&value| !is_value || value > -5.99)
    }
}

impl ModelDefinition for Spot {
    type Params = Params;

    const META: &'static ModelMeta = &ModelMeta {
        id: "spot",
        kind: DetectorKind::Statistical,
        title: "Extreme value or fee",
        description: "Fits a generalised Pareto tail to the values and the fees of the last \
                      20,000 transactions and reports how far out this one is.",
        unit: "log10 or ln, see the sentence",
        references: &[
            "Siffer et al. 2017, Anomaly detection in streams with extreme value theory",
            "Hosking & Wallis 1987, Parameter and quantile estimation for the GPD",
        ],
    };

    fn new(params: Params, schema: &'static Schema, _seed: u64) -> Self {
        let streams = match schema.family {
            Family::Evm => [evm::LOG_VALUE, evm::FEE_OVER_BASE],
            Family::Utxo => [utxo::LOG_TOTAL, utxo::FEE_RATE_Z],
        };
        let Params { window, refresh, warm_up } = params;
        let tail = Calibration::new(Horizon { window, refresh, warm_up });
        Self { schema, streams, learned: [tail.clone(), tail] }
    }

    fn check(params: &Params) -> Result<(), String> {
        if params.warm_up <= params.window {
            Ok(())
        } else {
            Err("warm_up must be at most window".to_owned())
        }
    }
}

impl Model for Spot {
    fn meta(&self) -> &'static ModelMeta {
        Self::META
    }

    fn score(&self, scene: &Scene<'_>) -> Option<Opinion> {
        let (_, value, surprise) = self.peak(tx_of(scene)?.1)?;
        Some(Opinion { surprise, value })
    }

    fn explain(&self, scene: &Scene<'_>, opinion: &Opinion, bar: f64) -> Finding {
        let peak = tx_of(scene).and_then(|(_, f)| self.peak(f));
        let expected = peak.and_then(|(idx, ..)| self.learned[idx].score_at(bar + TWO_LOOKS));
        let expected = expected.unwrap_or(opinion.value);
        let mut finding = finding(Self::META, scene, opinion, expected);
        let Some((idx, ..)) = peak else { return finding };
        let def = &self.schema.defs[self.streams[idx]];
        let symbol = &*scene.chain.native.symbol;
        let write = |value: f64| match def.unit {
            "ln ratio" => format!("{} times the base fee", number(libm::exp(value))),
            _ => feature(def, value, symbol),
        };
        finding.unit = def.unit.into();
        finding.explanation = format!(
            "The {} is {}; only {} recent transactions is expected above that.",
            if def.is_value { "value" } else { "fee" },
            write(opinion.value),
            odds(opinion.surprise),
        );
        finding.quiet_if = format!("{} below {}", def.name, write(expected));
        finding
    }

    fn learn(&mut self, scene: &Scene<'_>, _own: Option<&Opinion>) {
        let Some((_, features)) = tx_of(scene) else { return };
        for (idx, position) in self.streams.into_iter().enumerate() {
            if let Some(value) = self.sample(features, position) {
                self.learned[idx].push(value);
            }
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(VERSION, &self.learned)
    }

    fn freeze(&self) -> FrozenModel {
        snapshot::freeze(VERSION, self.learned.clone())
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let is_sound = |l: &[Calibration; 2]| l.iter().all(Calibration::is_shaped);
        self.learned = snapshot::decode(Self::META.id, VERSION, bytes, is_sound)?;
        Ok(())
    }
}
