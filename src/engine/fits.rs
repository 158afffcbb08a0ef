//! Background fits: asked for at a record count, taken over at a later fixed one.

use crate::detect::{FitJob, Fitted};
use serde::{Deserialize, Serialize};

/// A fit that was asked for and has not taken over yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PendingFit {
    /// Kept whole, so that a restored engine can ask again.
    job: FitJob,
    result: Option<Fitted>,
}

/// The fits under way; a model has at most one or two, so a list will do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct FitsUnderWay {
    pending: Vec<PendingFit>,
    /// Records so far that said anything new. Fits count these, so that a stream in which records
    /// come twice has the same models at the same events.
    pub(super) n_new: u64,
}

impl FitsUnderWay {
    /// Remembers a job that the caller is about to hand out.
    pub(super) fn add(&mut self, job: FitJob) {
        self.pending.push(PendingFit { job, result: None });
    }

    /// Forgets the fits of models that are no longer there.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(&str) -> bool) {
        self.pending.retain(|p| is_wanted(&p.job.model));
    }

    /// Keeps a result until its record count. One that nobody asked for is dropped.
    pub(super) fn deliver(&mut self, fitted: Fitted) {
        let asked =
            self.pending.iter_mut().find(|p| p.job.model == fitted.model && p.job.id == fitted.id);
        if let Some(pending) = asked {
            pending.result = Some(fitted);
        }
    }

    /// Returns the fit that must be delivered before record number `n_record`, if one is missing.
    pub(super) fn missing(&self, n_record: u64) -> Option<(&str, u64)> {
        self.pending
            .iter()
            .find(|p| p.result.is_none() && p.job.takeover_at <= n_record)
            .map(|p| (p.job.model.as_str(), p.job.id))
    }

    /// Takes the results whose time has come before record number `n_record`, oldest first.
    pub(super) fn take_due(&mut self, n_record: u64) -> Vec<Fitted> {
        if self.pending.iter().all(|p| p.job.takeover_at > n_record) {
            return Vec::new();
        }
        let (due, later) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|p| p.job.takeover_at <= n_record);
        self.pending = later;
        let due: Vec<PendingFit> = due;
        due.into_iter().filter_map(|p| p.result).collect()
    }

    /// Returns the jobs without a result: a restored engine's driver must run them again.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &FitJob> {
        self.pending.iter().filter(|p| p.result.is_none()).map(|p| &p.job)
    }
}
