//! DBSCAN in the background: names dense pockets apart from the main mass, and what is in none.

use super::columns;
use crate::{
    detect::{
        FitJob, Fitted, FrozenModel, Model, ModelMeta, Opinion, Scene, SnapshotError,
        models::{
            definition::ModelDefinition,
            evidence::{finding, name, odds, subject, tx_of},
            refit::{Refit, Schedule},
            sentence::{feature, number},
        },
        snapshot,
    },
    feature::Schema,
    ml::cluster::dense_clusters::{ClusterPlace, Pocket, Pockets, ROWS_MAX},
    model::{DetectorKind, Finding},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of [`Dbscan`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// A dense group below this share of the sample is a pocket. Default 0.05.
    #[schemars(range(min = 0.001, max = 0.5), extend("x-unit" = "share"))]
    pub pocket_share_max: f64,
    /// When it refits, and on how much. The sample has at most 2,048 rows. Default: the same as
    /// k-means, on 2,048.
    pub schedule: Schedule,
}

impl Default for Params {
    fn default() -> Self {
        let schedule = Schedule { n_samples_max: ROWS_MAX as u32, ..Schedule::default() };
        Self { pocket_share_max: 0.05, schedule }
    }
}

/// DBSCAN cannot predict: an event belongs where a core point of the last fit is within eps.
pub struct Dbscan {
    params: Params,
    schema: &'static Schema,
    refit: Refit,
    fitted: Option<Pockets>,
}

const VERSION: u8 = 1;

/// A share is passed to the fit as parts per million.
const PPM: f64 = 1e6;

impl Dbscan {
    fn place(&self, scene: &Scene<'_>) -> Option<(&Pockets, ClusterPlace)> {
        let fitted = self.fitted.as_ref()?;
        let (_, features) = tx_of(scene)?;
        let mut row = columns::row(self.schema.family, features);
        fitted.scaler.scale(&mut row);
        Some((fitted, fitted.place(&row)))
    }

    fn n_columns(&self) -> usize {
        columns::of(self.schema.family).len()
    }

    /// Writes what a pocket's transactions have in common, where it is not what is usual.
    fn describe(&self, fitted: &Pockets, pocket: &Pocket, symbol: &str) -> String {
        let middle = fitted.middle(pocket);
        let mut scaled: Vec<f32> = middle.iter().map(|&v| v as f32).collect();
        fitted.scaler.scale(&mut scaled);
        let mut order: Vec<usize> = (0..scaled.len()).collect();
        order.sort_by(|&a, &b| scaled[b].abs().total_cmp(&scaled[a].abs()));
        let traits = order.into_iter().take(3).map(|column| {
            let def = &self.schema.defs[columns::of(self.schema.family)[column]];
            format!("{} {}", def.name, feature(def, middle[column], symbol))
        });
        traits.collect::<Vec<_>>().join(", ")
    }
}

fn fit(job: &FitJob) -> Fitted {
    let share = job.settings.first().map_or(0.05, |&ppm| ppm as f64 / PPM);
    let pockets = Pockets::fit(&job.data, job.n_columns, share);
    Fitted { model: job.model.clone(), id: job.id, bytes: snapshot::encode(VERSION, &pockets) }
}

/// Returns −log10 of a share, at most 3: a sample of 2,048 rows knows nothing rarer.
fn rarity(n: u32, of: u32) -> f64 {
    (-libm::log10((f64::from(n) + 0.5) / f64::from(of.max(1)))).clamp(0.0, 3.0)
}

impl ModelDefinition for Dbscan {
    type Params = Params;

    const META: &'static ModelMeta = &ModelMeta {
        id: "dbscan",
        kind: DetectorKind::Cluster,
        title: "One of a small pocket of transactions",
        description: "Finds dense groups apart from the main mass in a sample of recent \
                      transactions (DBSCAN, in the background) and names those that fall in one.",
        unit: "log10 rarity",
        references: &["Ester et al. 1996, A density-based algorithm for discovering clusters"],
    };

    const FIT: Option<fn(&FitJob) -> Fitted> = Some(fit);

    fn new(params: Params, schema: &'static Schema, seed: u64) -> Self {
        let refit = Refit::new(&params.schedule, columns::of(schema.family).len(), seed);
        Self { params, schema, refit, fitted: None }
    }

    fn check(params: &Params) -> Result<(), String> {
        if params.schedule.n_samples_max as usize > ROWS_MAX {
            return Err(format!("schedule.n_samples_max must be at most {ROWS_MAX}"));
        }
        params.schedule.check()
    }
}

impl Model for Dbscan {
    fn meta(&self) -> &'static ModelMeta {
        Self::META
    }

    fn score(&self, scene: &Scene<'_>) -> Option<Opinion> {
        let (fitted, place) = self.place(scene)?;
        let surprise = match place {
            ClusterPlace::Mass => 0.0,
            ClusterPlace::Pocket(idx) => rarity(fitted.pockets[idx].n_rows, fitted.n_rows),
            ClusterPlace::Noise => rarity(fitted.n_noise, fitted.n_rows),
        };
        Some(Opinion { surprise, value: surprise })
    }

    fn explain(&self, scene: &Scene<'_>, opinion: &Opinion, bar: f64) -> Finding {
        let mut finding = finding(Self::META, scene, opinion, bar);
        let Some((fitted, place)) = self.place(scene) else { return finding };
        let who = name(&subject(scene));
        let symbol = &*scene.chain.native.symbol;
        match place {
            ClusterPlace::Pocket(idx) => {
                let pocket = &fitted.pockets[idx];
                let traits = self.describe(fitted, pocket, symbol);
                finding.explanation = format!(
                    "{who}: one of a pocket of {} alike among {} recent transactions ({traits}).",
                    pocket.n_rows, fitted.n_rows,
                );
                finding.quiet_if =
                    format!("any of these outside of the pocket, for example {traits}");
            }
            ClusterPlace::Noise | ClusterPlace::Mass => {
                finding.explanation = format!(
                    "{who}: like none of {} recent transactions, as {} % of them are ({}).",
                    fitted.n_rows,
                    number(100.0 * f64::from(fitted.n_noise) / f64::from(fitted.n_rows)),
                    odds(opinion.surprise),
                );
                finding.quiet_if = "eight recent transactions like it".to_owned();
            }
        }
        finding
    }

    fn learn(&mut self, scene: &Scene<'_>, _own: Option<&Opinion>) {
        if let Some((_, features)) = tx_of(scene) {
            self.refit.reservoir.push(&columns::row(self.schema.family, features));
        }
    }

    fn request_fit(&mut self, n_records: u64) -> Option<FitJob> {
        let ppm = (self.params.pocket_share_max * PPM) as u64;
        self.refit.request(Self::META.id, n_records, vec![ppm])
    }

    fn install(&mut self, fitted: Fitted) {
        let n_columns = self.n_columns();
        let is_sound = |p: &Option<Pockets>| p.as_ref().is_none_or(|p| p.is_shaped(n_columns));
        let read = snapshot::decode(Self::META.id, VERSION, &fitted.bytes, is_sound);
        // A fit of nothing leaves the present pockets in place.
        if let Ok(Some(pockets)) = read {
            self.refit.installed = Some(fitted.id);
            self.fitted = Some(pockets);
        }
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
        let n_columns = self.n_columns();
        let is_sound = |(refit, fitted): &(Refit, Option<Pockets>)| {
            refit.reservoir.is_shaped(n_columns)
                && fitted.as_ref().is_none_or(|p| p.is_shaped(n_columns))
        };
        (self.refit, self.fitted) = snapshot::decode(Self::META.id, VERSION, bytes, is_sound)?;
        Ok(())
    }
}
