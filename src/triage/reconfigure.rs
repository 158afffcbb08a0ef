//! Goes on under other parameters, and takes in verdicts: what control entries do to triage.

use super::{Identity, Params, Triage, combine::Combiner};
use crate::model::{Family, Verdict};

impl Triage {
    /// Goes on under other parameters and another identity, from the next record on.
    ///
    /// Open alerts, cool-downs, verdicts, the sequence and what the budget has saved up are kept,
    /// the oldest leaving where a bound became smaller. The calibration is kept only when the
    /// combined score still means the same: `is_same_score` says whether its models and weights
    /// are the old ones.
    pub fn reconfigure(
        &mut self,
        params: Params,
        identity: Identity,
        family: Family,
        is_same_score: bool,
    ) {
        if !is_same_score || params.warm_up != self.params.warm_up {
            self.combiner = Combiner::new(&params);
        }
        self.budget.reconfigure(&params);
        self.cool_downs.shrink_to(params.cool_downs_max);
        self.open.shrink_to(params.open_alerts_max);
        self.depths = params.depths_on(family);
        self.params = params;
        self.identity = identity;
    }

    /// Learns a verdict; returns whether the alert that it is about is still known.
    pub fn hear(&mut self, verdict: &Verdict) -> bool {
        self.feedback.learn(verdict)
    }
}
