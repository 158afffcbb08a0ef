//! Models over trailing ranks: unremarkable in each feature, consistent in all.

pub(super) mod groups;
pub(super) mod rank_sum;
pub(super) mod soft_and;
