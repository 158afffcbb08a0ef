//! Models that learn from analysts' verdicts.

pub(super) mod champion_challenger;
pub(super) mod feedback_training;
pub(super) mod verdicts;
