//! When a background fit is asked for: at fixed record counts, so that a replay asks there too.

use crate::{
    detect::FitJob,
    ml::{reservoir::Reservoir, splitmix::mix},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a model refits, and on how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Transactions in the sample before the first fit. Default 2,000.
    #[schemars(range(min = 0, max = 65_536), extend("x-unit" = "transactions"))]
    pub n_samples_min: u32,
    /// Transactions in the sample at most. Default 8,192.
    #[schemars(range(min = 64, max = 65_536), extend("x-unit" = "transactions"))]
    pub n_samples_max: u32,
    /// Records between two fits. Default 20,000.
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64), extend("x-unit" = "records"))]
    pub every_records: u64,
    /// Records from the request to the takeover, in which the fit has to be done. Default 2,000.
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64), extend("x-unit" = "records"))]
    pub takeover_records: u64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            n_samples_min: 2_000,
            n_samples_max: 8_192,
            every_records: 20_000,
            takeover_records: 2_000,
        }
    }
}

impl Schedule {
    /// Returns what is wrong with it.
    ///
    /// # Errors
    /// A lower-case sentence that names the field.
    pub fn check(&self) -> Result<(), String> {
        if self.n_samples_min > self.n_samples_max {
            return Err("schedule.n_samples_min must be at most n_samples_max".to_owned());
        }
        if self.every_records < self.takeover_records {
            return Err("schedule.takeover_records must be at most every_records".to_owned());
        }
        Ok(())
    }
}

/// One sampled row in four is admitted once the sample is full: it then reaches back 32,768
/// transactions on average, some hours of a busy chain.
const STRIDE: u32 = 4;

/// The sample and the state of the schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refit {
    pub reservoir: Reservoir,
    /// The fit in use.
    pub installed: Option<u64>,
    n_samples_min: u32,
    every_records: u64,
    takeover_records: u64,
    seed: u64,
    n_requested: u64,
    /// The record count of the last request.
    requested_at: u64,
}

impl Refit {
    /// Makes an empty sample.
    pub fn new(schedule: &Schedule, n_columns: usize, seed: u64) -> Self {
        Self {
            reservoir: Reservoir::new(schedule.n_samples_max as usize, n_columns, STRIDE, seed),
            installed: None,
            n_samples_min: schedule.n_samples_min,
            every_records: schedule.every_records,
            takeover_records: schedule.takeover_records,
            seed,
            n_requested: 0,
            requested_at: 0,
        }
    }

    /// Asks for a fit, if one is due.
    pub fn request(&mut self, model: &str, n_records: u64, settings: Vec<u64>) -> Option<FitJob> {
        let is_first = self.n_requested == 0;
        let since = n_records.saturating_sub(self.requested_at);
        let n_rows = self.reservoir.n_rows();
        if n_rows < (self.n_samples_min as usize).max(1) || !is_first && since < self.every_records
        {
            return None;
        }
        self.n_requested += 1;
        self.requested_at = n_records;
        let data = self.reservoir.rows();
        Some(FitJob {
            model: model.to_owned(),
            id: self.n_requested,
            takeover_at: n_records + self.takeover_records,
            seed: mix(self.seed ^ self.n_requested),
            n_columns: data.len() / n_rows,
            data,
            settings,
        })
    }
}
