//! The fold as a whole: same log, same alerts, however it is cut, restored or explained.

mod control;
mod counterfactual;
mod detector;
mod eval;
mod explain;
pub(crate) mod fold;
mod judge;
mod released;
mod route;
mod sim;
mod snapshot;
mod triage;
