//! Which fit of a learned model is in force: a successor scores in shadow before it decides, and
//! makes way for its predecessor when verdicts contradict it.

use crate::detect::ensemble::Ensemble;
use serde::{Deserialize, Serialize};

/// A candidate that gives more than one in so many transactions even odds is not let in.
const ODDS_ON_DIVISOR: u32 = 2;
/// New verdicts after which a fit that does worse than its predecessor makes way for it.
const TRIAL_MIN: u32 = 6;
/// Mean loss by which it has to do worse, in nats.
const TRIAL_MARGIN: f64 = 0.25;

/// The fit in force, its predecessor, and the one that is tried out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Succession {
    current: Option<Ensemble>,
    previous: Option<Ensemble>,
    candidate: Option<Challenger>,
    trial: ChallengerTrial,
}

/// A fit in shadow.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Challenger {
    fit: Ensemble,
    n_seen: u32,
    n_odds_on: u32,
}

/// Losses on verdicts that came after a takeover.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct ChallengerTrial {
    n: u32,
    current: f64,
    previous: f64,
}

impl Succession {
    /// Returns the fit in force.
    pub fn current(&self) -> Option<&Ensemble> {
        self.current.as_ref()
    }

    /// Returns whether the parts fit together (after a restore).
    pub fn is_shaped(&self, n_columns: usize) -> bool {
        let candidate = self.candidate.as_ref().map(|c| &c.fit);
        let mut fits = self.current.iter().chain(&self.previous).chain(candidate);
        fits.all(|fit| fit.odds.is_shaped(n_columns))
    }

    /// Takes a fit into the shadow, for so many transactions.
    pub fn propose(&mut self, fit: Ensemble, shadow_transactions: u32) {
        self.candidate = Some(Challenger { fit, n_seen: 0, n_odds_on: 0 });
        self.take_over(shadow_transactions);
    }

    /// Lets the candidate score beside the model in force; after its count it takes over, unless
    /// it calls a large part of the traffic fraud.
    pub fn try_out(&mut self, row: &[u8], shadow_transactions: u32) {
        let Some(candidate) = &mut self.candidate else { return };
        candidate.n_seen += 1;
        candidate.n_odds_on += u32::from(candidate.fit.odds.logit(row) > 0.0);
        self.take_over(shadow_transactions);
    }

    /// Hears a verdict (positive for fraud) about a subject's events, of which there is at least
    /// one: the predecessor takes over again if it would have known better.
    pub fn compare<'a>(
        &mut self,
        rows: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
        sign: f64,
    ) {
        let (Some(current), Some(previous)) = (&self.current, &self.previous) else { return };
        if rows.len() == 0 {
            return;
        }
        let loss = |fit: &Ensemble| {
            let of_row = |row| libm::log1p(libm::exp(-sign * fit.odds.logit(row)));
            rows.clone().map(of_row).sum::<f64>() / rows.len() as f64
        };
        let trial = &mut self.trial;
        trial.n += 1;
        trial.current += loss(current);
        trial.previous += loss(previous);
        if trial.n >= TRIAL_MIN
            && trial.current - trial.previous > TRIAL_MARGIN * f64::from(trial.n)
        {
            self.trial = ChallengerTrial::default();
            self.current = self.previous.take();
        }
    }

    /// Goes back to the fit before the present one; what is in shadow is dropped. Returns whether
    /// there was one.
    pub fn roll_back(&mut self) -> bool {
        let Some(previous) = self.previous.take() else { return false };
        *self = Self { current: Some(previous), ..Self::default() };
        true
    }

    fn take_over(&mut self, shadow_transactions: u32) {
        let is_seen = |c: &mut Challenger| c.n_seen >= shadow_transactions;
        let Some(candidate) = self.candidate.take_if(is_seen) else { return };
        if candidate.n_odds_on > candidate.n_seen / ODDS_ON_DIVISOR {
            return;
        }
        self.previous = self.current.replace(candidate.fit);
        self.trial = ChallengerTrial::default();
    }
}
