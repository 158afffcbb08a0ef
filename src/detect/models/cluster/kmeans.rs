//! k-means as a quantiser: how far from, and how rare, the nearest kind of transaction is.

use super::columns::{self, N_COLUMNS};
use crate::{
    detect::{
        FitJob, Fitted, FrozenModel, Model, ModelMeta, Opinion, Ruling, Scene, SnapshotError,
        models::{
            definition::ModelDefinition,
            evidence::{finding, name, odds, subject, tx_of},
            refit::{Refit, Schedule},
            sentence::{feature, number},
        },
        reputation::Reputation,
        snapshot,
    },
    feature::Schema,
    ml::{
        cluster::kmeans_centroids::{Centroids, Nearest},
        rank::Horizon,
        tail::Calibration,
    },
    model::{DetectorKind, Finding},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of [`Kmeans`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Cells, when the sample has at least sixteen rows for each. Default 256.
    #[schemars(range(min = 2, max = 1_024), extend("x-unit" = "cells"))]
    pub n_cells: u32,
    /// When it refits, and on how much.
    pub schedule: Schedule,
}

impl Default for Params {
    fn default() -> Self {
        Self { n_cells: 256, schedule: Schedule::default() }
    }
}

/// Scores the negative log density of a mixture of cells, calibrated by its trailing rank.
///
/// Distance alone hardly beats chance on labelled fraud; what earns a quantiser its place is the
/// reputation of its cells: the share of confirmed verdicts on their alerts, which is handed on
/// from fit to fit. The greater of the two surprises counts.
pub struct Kmeans {
    params: Params,
    schema: &'static Schema,
    refit: Refit,
    fitted: Option<Quantiser>,
}

/// What is in use after a takeover.
#[derive(Clone, Serialize, Deserialize)]
struct Quantiser {
    cells: Centroids,
    novelties: Calibration,
    reputation: Reputation,
    n_learned: u64,
}

/// What a fit hands over.
#[derive(Serialize, Deserialize)]
struct Takeover {
    cells: Centroids,
    novelties: Vec<f32>,
}

const VERSION: u8 = 1;

/// Novelties kept for calibration: enough for eighty peaks beyond the 99 % quantile.
const NOVELTIES: Horizon = Horizon { window: 8_192, refresh: 4_096, warm_up: 128 };

/// One novelty in so many is learned: finding the nearest cell twice an event would double the
/// cost of the model for a calibration that is no better.
const LEARN_STRIDE: u64 = 4;

impl Kmeans {
    fn place(&self, scene: &Scene<'_>) -> Option<(&Quantiser, Nearest, [f32; N_COLUMNS])> {
        let fitted = self.fitted.as_ref()?;
        let (_, features) = tx_of(scene)?;
        let mut row = columns::row(self.schema.family, features);
        fitted.cells.scaler.scale(&mut row);
        Some((fitted, fitted.cells.nearest(&row), row))
    }

    fn columns(&self) -> &'static [usize] {
        columns::of(self.schema.family)
    }

    /// Hands each old cell's reputation to the new cell nearest to its centroid.
    fn migrate(&self, cells: &Centroids) -> Reputation {
        let Some(old) = &self.fitted else { return Reputation::new(cells.n_cells()) };
        let heir = |cell: usize| {
            let centroid = old.cells.centroid(cell);
            let raw = centroid.iter().enumerate().map(|(c, &v)| old.cells.scaler.raw(c, v) as f32);
            let mut row: Vec<f32> = raw.collect();
            cells.scaler.scale(&mut row);
            cells.nearest(&row).cell
        };
        let heirs: Vec<usize> = (0..old.cells.n_cells()).map(heir).collect();
        old.reputation.migrate(&heirs, cells.shares())
    }
}

fn fit(job: &FitJob) -> Fitted {
    let n_rows = job.data.len() / job.n_columns.max(1);
    let k = job.settings.first().map_or(256, |&k| k as usize).min(n_rows / 16).max(1);
    let fitted = Centroids::fit(&job.data, job.n_columns, k, job.seed);
    let takeover = fitted.map(|(cells, novelties)| Takeover { cells, novelties });
    Fitted { model: job.model.clone(), id: job.id, bytes: snapshot::encode(VERSION, &takeover) }
}

impl ModelDefinition for Kmeans {
    type Params = Params;

    const META: &'static ModelMeta = &ModelMeta {
        id: "kmeans",
        kind: DetectorKind::Cluster,
        title: "Unlike any usual kind of transaction",
        description: "Sorts transactions into up to 256 cells (k-means, refitted in the \
                      background) and scores distance from, and rarity of, the nearest cell, \
                      or its share of alerts that analysts confirmed.",
        unit: "nats",
        references: &["Arthur & Vassilvitskii 2007, k-means++"],
    };

    const FIT: Option<fn(&FitJob) -> Fitted> = Some(fit);

    fn new(params: Params, schema: &'static Schema, seed: u64) -> Self {
        let n_columns = columns::of(schema.family).len();
        let refit = Refit::new(&params.schedule, n_columns, seed);
        Self { params, schema, refit, fitted: None }
    }

    fn check(params: &Params) -> Result<(), String> {
        params.schedule.check()
    }
}

impl Model for Kmeans {
    fn meta(&self) -> &'static ModelMeta {
        Self::META
    }

    fn score(&self, scene: &Scene<'_>) -> Option<Opinion> {
        let (fitted, nearest, _) = self.place(scene)?;
        if !fitted.novelties.is_warm() {
            return None;
        }
        let value = fitted.cells.novelty(nearest);
        let novelty = fitted.novelties.surprise(value);
        let surprise = novelty.max(fitted.reputation.surprise(nearest.cell));
        Some(Opinion { surprise, value })
    }

    fn explain(&self, scene: &Scene<'_>, opinion: &Opinion, bar: f64) -> Finding {
        let place = self.place(scene);
        let expected = place.and_then(|(fitted, ..)| fitted.novelties.score_at(bar));
        let mut finding = finding(Self::META, scene, opinion, expected.unwrap_or(opinion.value));
        let Some((fitted, nearest, row)) = place else { return finding };
        let notoriety = fitted.reputation.surprise(nearest.cell);
        if notoriety > fitted.novelties.surprise(opinion.value) {
            let (confirmed, refuted) = fitted.reputation.verdicts(nearest.cell);
            finding.explanation = format!(
                "{} is a kind of transaction that makes up {} % of all, and of which analysts \
                 confirmed {} of {} alerts.",
                name(&subject(scene)),
                number(100.0 * fitted.cells.share(nearest.cell)),
                number(confirmed),
                number(confirmed + refuted),
            );
            finding.quiet_if = "a kind of transaction without confirmed alerts".to_owned();
            return finding;
        }
        let symbol = &*scene.chain.native.symbol;
        let centroid = fitted.cells.centroid(nearest.cell);
        let gap = |column: usize| (row[column] - centroid[column]).abs();
        let farthest = (0..row.len()).max_by(|&a, &b| gap(a).total_cmp(&gap(b))).unwrap_or(0);
        let def = &self.schema.defs[self.columns()[farthest]];
        let own = fitted.cells.scaler.raw(farthest, row[farthest]);
        let usual = fitted.cells.scaler.raw(farthest, centroid[farthest]);
        let (own, usual) = (feature(def, own, symbol), feature(def, usual, symbol));
        finding.explanation = format!(
            "{} is {} sigma from the nearest usual kind of transaction, one that makes up {} % of \
             all ({}): its {} is {own} where {usual} is usual.",
            name(&subject(scene)),
            number(nearest.distance2.sqrt()),
            number(100.0 * fitted.cells.share(nearest.cell)),
            odds(opinion.surprise),
            def.name,
        );
        finding.quiet_if = format!("{} near {usual}", def.name);
        finding
    }

    fn learn(&mut self, scene: &Scene<'_>, _own: Option<&Opinion>) {
        let Some((_, features)) = tx_of(scene) else { return };
        let mut row = columns::row(self.schema.family, features);
        self.refit.reservoir.push(&row);
        let Some(fitted) = &mut self.fitted else { return };
        fitted.n_learned += 1;
        if fitted.n_learned.is_multiple_of(LEARN_STRIDE) {
            fitted.cells.scaler.scale(&mut row);
            let novelty = fitted.cells.novelty(fitted.cells.nearest(&row));
            fitted.novelties.push(novelty);
        }
    }

    fn on_alert(&mut self, scene: &Scene<'_>) {
        let Some((tx, _)) = tx_of(scene) else { return };
        let Some(account) = scene.parties.receiver else { return };
        let Some(cell) = self.place(scene).map(|(_, nearest, _)| nearest.cell) else { return };
        if let Some(fitted) = &mut self.fitted {
            fitted.reputation.note(account.0, Ruling::key_of_tx(&tx.id), cell);
        }
    }

    fn judge(&mut self, ruling: &Ruling) {
        if let Some(fitted) = &mut self.fitted {
            fitted.reputation.judge(ruling, fitted.cells.shares());
        }
    }

    fn request_fit(&mut self, n_records: u64) -> Option<FitJob> {
        self.refit.request(Self::META.id, n_records, vec![u64::from(self.params.n_cells)])
    }

    fn install(&mut self, fitted: Fitted) {
        let n_columns = self.columns().len();
        let is_sound =
            |t: &Option<Takeover>| t.as_ref().is_none_or(|t| t.cells.is_shaped(n_columns));
        let read = snapshot::decode(Self::META.id, VERSION, &fitted.bytes, is_sound);
        // A fit of nothing leaves the present cells in place.
        let Ok(Some(Takeover { cells, novelties })) = read else { return };
        let reputation = self.migrate(&cells);
        let mut calibration = Calibration::new(NOVELTIES);
        novelties.iter().for_each(|&n| calibration.push(f64::from(n)));
        self.refit.installed = Some(fitted.id);
        self.fitted = Some(Quantiser { cells, novelties: calibration, reputation, n_learned: 0 });
    }

    fn fitted_id(&self) -> Option<u64> {
        self.refit.installed
    }

    fn snapshot(&self) -> Vec<u8> {
        snapshot::encode(VERSION, &(&self.refit, &self.fitted))
    }

    fn freeze(&self) -> FrozenModel {
        snapshot::freeze(VERSION, (self.refit.clone(), self.fitted.clone()))
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let n_columns = self.columns().len();
        let is_sound = |(refit, fitted): &(Refit, Option<Quantiser>)| {
            refit.reservoir.is_shaped(n_columns)
                && fitted.as_ref().is_none_or(|f| {
                    f.cells.is_shaped(n_columns)
                        && f.novelties.is_shaped()
                        && f.reputation.is_shaped(f.cells.n_cells())
                })
        };
        let (refit, fitted) = snapshot::decode(Self::META.id, VERSION, bytes, is_sound)?;
        (self.refit, self.fitted) = (refit, fitted);
        Ok(())
    }
}
