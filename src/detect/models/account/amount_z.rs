//! How far a payment is above what its sender usually pays (z of the log value).

use crate::{
    detect::{
        Model, ModelMeta, Opinion, Scene, SnapshotError,
        models::{
            definition::ModelDefinition,
            evidence::{finding, odds, tx_of},
            sentence::{count, number},
        },
        snapshot,
        surprise::{of_student4, student4_at},
    },
    feature::{
        Schema,
        evm::{self, SD_MIN},
        utxo,
    },
    model::{DetectorKind, Family, Finding},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Parameters of [`AmountZ`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Payments a sender must have made before its habit counts. Default 8.
    #[schemars(range(min = 0, max = 1_000_000), extend("x-unit" = "payments"))]
    pub n_out_min: u32,
    /// The least spread of a sender's habit, in log10 units. Default 0.1: a quarter more or less
    /// is never remarkable, however exact the sender has been so far.
    #[schemars(range(min = 0.0, max = 100.0), extend("x-unit" = "log10 units"))]
    pub sd_min: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { n_out_min: 8, sd_min: 0.1 }
    }
}

/// Compares the log value with the mean and deviation of the sender's own past payments.
///
/// Only values above the habit surprise: small ones are how ordinary fees, tests and dust look.
/// The tail is Student's t with 4 degrees of freedom, because log values are not normal.
pub struct AmountZ {
    params: Params,
}

const VERSION: u8 = 1;

/// Added to values before the logarithm, as the state does, in whole units.
const VALUE_EPSILON: f64 = 1e-6;

/// A payment against its sender's habit.
struct Deviation {
    value: f64,
    mean: f64,
    sd: f64,
    n_out: u32,
}

impl AmountZ {
    fn deviation(&self, scene: &Scene<'_>) -> Option<Deviation> {
        let (_, features) = tx_of(scene)?;
        // Absent when models must do without values.
        features.get(match scene.chain.family {
            Family::Evm => evm::LOG_VALUE,
            Family::Utxo => utxo::LOG_VALUE,
        })?;
        let parties = &scene.parties;
        let sender = scene.state.profile(parties.sender?)?;
        let (mean, sd) = sender.log_out()?;
        if sender.n_out() < self.params.n_out_min || parties.value <= 0.0 {
            return None;
        }
        let sd = sd.max(self.params.sd_min).max(SD_MIN);
        Some(Deviation { value: parties.value, mean, sd, n_out: sender.n_out() })
    }
}

impl ModelDefinition for AmountZ {
    type Params = Params;

    const META: &'static ModelMeta = &ModelMeta {
        id: "amount_z",
        kind: DetectorKind::Statistical,
        title: "Payment far above the sender's habit",
        description: "Compares the logarithm of the value with the exponentially weighted mean \
                      and deviation of the sender's own past payments.",
        unit: "native units",
        references: &["Roberts 1959, Control chart tests based on geometric moving averages"],
    };

    fn new(params: Params, _schema: &'static Schema, _seed: u64) -> Self {
        Self { params }
    }
}

impl Model for AmountZ {
    fn meta(&self) -> &'static ModelMeta {
        Self::META
    }

    fn score(&self, scene: &Scene<'_>) -> Option<Opinion> {
        let d = self.deviation(scene)?;
        let z = (libm::log10(d.value + VALUE_EPSILON) - d.mean) / d.sd;
        Some(Opinion { surprise: if z > 0.0 { of_student4(z) } else { 0.0 }, value: d.value })
    }

    fn explain(&self, scene: &Scene<'_>, opinion: &Opinion, bar: f64) -> Finding {
        let deviation = self.deviation(scene);
        let expected = deviation
            .as_ref()
            .map_or(opinion.value, |d| libm::exp10((d.mean + student4_at(bar) * d.sd).min(300.0)));
        let mut finding = finding(Self::META, scene, opinion, expected);
        let symbol = &*scene.chain.native.symbol;
        finding.unit = Cow::Owned(symbol.to_owned());
        if let Some(d) = deviation {
            let usual = libm::exp10(d.mean);
            finding.explanation = format!(
                "The sender pays {} {symbol}, {} times the usual {} {symbol} of its last {} ({}).",
                number(d.value),
                number(d.value / usual.max(VALUE_EPSILON)),
                number(usual),
                count(f64::from(d.n_out), "payment", "payments"),
                odds(opinion.surprise),
            );
        }
        finding.quiet_if = format!("value below {} {symbol}", number(expected));
        finding
    }

    fn learn(&mut self, _scene: &Scene<'_>, _own: Option<&Opinion>) {
        // The habit is part of the account's profile, which state keeps.
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(VERSION, &())
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        snapshot::decode(Self::META.id, VERSION, bytes, |()| true)
    }
}
