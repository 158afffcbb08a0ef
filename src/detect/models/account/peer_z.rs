//! How far a payment is above those of its peers: robust z of the log value in its stratum.

use crate::{
    detect::{
        FrozenModel, Model, ModelMeta, Opinion, Scene, SnapshotError,
        models::{
            definition::ModelDefinition,
            evidence::{finding, odds, tx_of},
            sentence::number,
        },
        snapshot,
        surprise::{of_student4, student4_at},
    },
    feature::{Features, Schema, evm, utxo},
    ml::rank::sorted,
    model::{DetectorKind, Family, Finding, Tx, TxBody},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Parameters of [`PeerZ`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Payments of a peer group that count. Default 1,024.
    #[schemars(range(min = 16, max = 65_536), extend("x-unit" = "payments"))]
    pub window: u32,
    /// Payments of a peer group between two medians. Default 128.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "payments"))]
    pub refresh: u32,
    /// The least spread of a peer group, in log10 units. Default 0.2.
    #[schemars(range(max = 100.0), extend("exclusiveMinimum" = 0.0, "x-unit" = "log10 units"))]
    pub sd_min: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { window: 1_024, refresh: 128, sd_min: 0.2 }
    }
}

/// Peers are transactions of the same form: plain transfers, creations and calls by selector on
/// EVM chains; the same magnitude of inputs and outputs on UTXO chains.
pub struct PeerZ {
    params: Params,
    schema: &'static Schema,
    peers: Vec<Peers>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Peers {
    /// A ring of log values.
    ring: Vec<f32>,
    n_seen: u64,
    /// Median and 1.4826 × MAD, once there are enough.
    band: Option<(f64, f64)>,
}

const VERSION: u8 = 1;

/// Peer groups: plain, creation and fourteen hash classes of selectors, or 4 × 4 magnitudes.
const GROUPS: usize = 16;

/// A normal distribution's standard deviation over its median absolute deviation.
const MAD_TO_SIGMA: f64 = 1.4826;

impl PeerZ {
    fn group(tx: &Tx) -> usize {
        match &tx.body {
            TxBody::Evm(body) if body.to.is_none() => 1,
            TxBody::Evm(body) => body.input.selector.map_or(0, |[a, b, c, d]| {
                2 + usize::from(a ^ b.rotate_left(3) ^ c.rotate_left(5) ^ d) % (GROUPS - 2)
            }),
            TxBody::Utxo(body) => {
                let magnitude = |n: usize| match n {
                    0..=1 => 0,
                    2 => 1,
                    3..=10 => 2,
                    _ => 3,
                };
                4 * magnitude(body.inputs.len()) + magnitude(body.outputs.len())
            }
        }
    }

    fn log_value(&self, features: &Features) -> Option<f64> {
        let position = match self.schema.family {
            Family::Evm => evm::LOG_VALUE,
            Family::Utxo => utxo::LOG_TOTAL,
        };
        // Calls that move nothing have no peers by value.
        features.get(position).filter(|&value| value > -5.99)
    }

    fn band(&self, tx: &Tx) -> Option<(f64, f64)> {
        let (median, sd) = self.peers.get(Self::group(tx))?.band?;
        Some((median, sd.max(self.params.sd_min)))
    }
}

impl ModelDefinition for PeerZ {
    type Params = Params;

    const META: &'static ModelMeta = &ModelMeta {
        id: "peer_z",
        kind: DetectorKind::Statistical,
        title: "Payment far above its peers",
        description: "Compares the logarithm of the value with median and MAD of the last 1,024 \
                      transactions of the same form.",
        unit: "native units",
        references: &["Iglewicz & Hoaglin 1993, How to detect and handle outliers"],
    };

    fn new(params: Params, schema: &'static Schema, _seed: u64) -> Self {
        let peers = vec![Peers::default(); GROUPS];
        Self { params, schema, peers }
    }
}

impl Model for PeerZ {
    fn meta(&self) -> &'static ModelMeta {
        Self::META
    }

    fn score(&self, scene: &Scene<'_>) -> Option<Opinion> {
        let (tx, features) = tx_of(scene)?;
        let value = self.log_value(features)?;
        let (median, sd) = self.band(tx)?;
        let z = (value - median) / sd;
        Some(Opinion {
            surprise: if z > 0.0 { of_student4(z) } else { 0.0 },
            value: libm::exp10(value),
        })
    }

    fn explain(&self, scene: &Scene<'_>, opinion: &Opinion, bar: f64) -> Finding {
        let band = tx_of(scene).and_then(|(tx, _)| self.band(tx));
        let expected = band.map_or(opinion.value, |(median, sd)| {
            libm::exp10((median + student4_at(bar) * sd).min(300.0))
        });
        let mut finding = finding(Self::META, scene, opinion, expected);
        let symbol = &*scene.chain.native.symbol;
        finding.unit = Cow::Owned(symbol.to_owned());
        if let Some((median, sd)) = band {
            finding.explanation = format!(
                "{} {symbol} is moved where transactions of this form usually move {} (up to {}), \
                 {} by chance.",
                number(opinion.value),
                number(libm::exp10(median)),
                number(libm::exp10(median + 2.0 * sd)),
                odds(opinion.surprise),
            );
        }
        finding.quiet_if = format!("value below {} {symbol}", number(expected));
        finding
    }

    fn learn(&mut self, scene: &Scene<'_>, _own: Option<&Opinion>) {
        let Some((tx, features)) = tx_of(scene) else { return };
        let Some(value) = self.log_value(features) else { return };
        let Some(peers) = self.peers.get_mut(Self::group(tx)) else { return };
        let window = self.params.window as usize;
        if peers.ring.len() < window {
            peers.ring.push(value as f32);
        } else {
            peers.ring[(peers.n_seen % window as u64) as usize] = value as f32;
        }
        peers.n_seen += 1;
        if peers.n_seen.is_multiple_of(u64::from(self.params.refresh)) {
            let values = sorted(peers.ring.iter().copied());
            let median = values[values.len() / 2];
            let deviations = sorted(values.iter().map(|v| (v - median).abs()));
            let mad = f64::from(deviations[deviations.len() / 2]);
            peers.band = Some((f64::from(median), MAD_TO_SIGMA * mad));
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(VERSION, &self.peers)
    }

    fn freeze(&self) -> FrozenModel {
        snapshot::freeze(VERSION, self.peers.clone())
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let window = self.params.window as usize;
        let is_whole = |p: &Peers| p.ring.len() as u64 == p.n_seen.min(window as u64);
        let is_sound = |l: &Vec<Peers>| l.len() == GROUPS && l.iter().all(is_whole);
        self.peers = snapshot::decode(Self::META.id, VERSION, bytes, is_sound)?;
        Ok(())
    }
}
