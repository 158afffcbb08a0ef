//! The fold as a whole: same log, same alerts, however it is cut, restored or explained.

pub(crate) mod control;
mod counterfactual;
mod detector;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod fold;
pub(crate) mod judge;
pub(crate) mod released;
pub(crate) mod route;
pub(crate) mod sim;
pub(crate) mod snapshot;
pub(crate) mod triage;
