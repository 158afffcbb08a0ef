//! Models that look for what is in no dense place of the feature space.

pub(super) mod columns;
pub(super) mod dbscan;
pub(super) mod kmeans;
