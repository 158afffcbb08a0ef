//! What to do after a failed transaction: a state machine without clients.

use crate::kafka::producer::Remedy;

/// The history of one batch's attempts.
#[derive(Debug, Default)]
pub(super) struct Retry {
    /// How many attempts in a row found an output missing.
    n_missing: u32,
}

/// What is known when an attempt has failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// Messages are already sent one by one.
    pub is_single: bool,
    pub is_stopping: bool,
    /// The time for this batch is over.
    pub is_late: bool,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryStep {
    /// Only a person or a new process can help.
    GiveUp,
    /// Leave the batch uncommitted: the next start reads its records again.
    Leave,
    /// The batch failed for too long.
    Late,
    /// Try again with a new producer.
    Again,
    /// As `Again`, each message in a batch of its own.
    Singly,
    /// As `Again`, once the rebalance has run that refused this attempt.
    AfterRebalance,
}

impl Retry {
    /// Decides on a failure.
    pub fn failed(remedy: Remedy, now: Now) -> RetryStep {
        match remedy {
            Remedy::Exit => RetryStep::GiveUp,
            Remedy::Singly if now.is_single => RetryStep::GiveUp,
            _ if now.is_stopping => RetryStep::Leave,
            _ if now.is_late => RetryStep::Late,
            Remedy::Singly => RetryStep::Singly,
            Remedy::Rebalance => RetryStep::AfterRebalance,
            Remedy::Retry => RetryStep::Again,
        }
    }

    /// Notes that an output topic is missing; returns whether to believe it. A broker that has just
    /// started may not know all topics yet, so that it takes two answers.
    pub fn is_gone(&mut self) -> bool {
        self.n_missing += 1;
        self.n_missing > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Now = Now { is_single: false, is_stopping: false, is_late: false };

    #[test]
    fn each_remedy_has_its_step() {
        let step = |remedy| Retry::failed(remedy, CALM);
        assert_eq!(step(Remedy::Exit), RetryStep::GiveUp);
        assert_eq!(step(Remedy::Singly), RetryStep::Singly);
        assert_eq!(step(Remedy::Rebalance), RetryStep::AfterRebalance);
        assert_eq!(step(Remedy::Retry), RetryStep::Again);
    }

    #[test]
    fn sending_singly_is_tried_once() {
        let now = Now { is_single: true, ..CALM };
        assert_eq!(Retry::failed(Remedy::Singly, now), RetryStep::GiveUp);
        assert_eq!(Retry::failed(Remedy::Retry, now), RetryStep::Again);
    }

    #[test]
    fn a_stop_leaves_the_batch_but_hides_no_fencing() {
        let now = Now { is_stopping: true, is_late: true, ..CALM };
        assert_eq!(Retry::failed(Remedy::Retry, now), RetryStep::Leave);
        assert_eq!(Retry::failed(Remedy::Rebalance, now), RetryStep::Leave);
        assert_eq!(Retry::failed(Remedy::Exit, now), RetryStep::GiveUp);
    }

    #[test]
    fn time_runs_out_for_what_could_be_tried_again() {
        let now = Now { is_late: true, ..CALM };
        assert_eq!(Retry::failed(Remedy::Retry, now), RetryStep::Late);
        assert_eq!(Retry::failed(Remedy::Exit, now), RetryStep::GiveUp);
    }

    #[test]
    fn a_missing_topic_is_believed_the_second_time() {
        let mut retry = Retry::default();
        assert!(!retry.is_gone());
        assert!(retry.is_gone());
    }
}
