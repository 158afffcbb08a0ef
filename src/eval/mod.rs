//! Prequential evaluation of the real engine: every score is made before anything is learned.
//!
//! A [`Stream`] holds the records, [`Labels`] says which subjects are positive, [`sample`] thins
//! them, [`run`] folds the rows through an engine and keeps what it thought of each, and
//! [`SeedReport`] turns that into figures.

pub mod baseline;
mod budget;
mod control;
mod curves;
mod draw;
mod hindsight;
mod prequential;
mod ranking;
mod report;
mod sample;
mod simulated;
mod stream;
mod truth;

pub use budget::{Allowance, BudgetReport, at_budget};
pub use control::relabel;
pub use curves::{Curve, Curves};
pub use draw::Draw;
pub use prequential::{EvalPlan, EvalVerdicts, Scored, run};
pub use ranking::{Ranked, Ranking};
pub use report::{
    Figures, LabelControl, Range, SeedReport, figures, mean, models, ranking as rank,
};
pub use sample::{Sample, sample};
pub use simulated::{SimulatedError, simulated};
pub use stream::{LabelRole, NOBODY, Stream};
pub use truth::{Labels, TruthError};
