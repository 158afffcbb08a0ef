//! How long a question to the cluster may take, and how to give it up when told to stop.

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// The first and shortest slice of a wait: so long at most a stop goes unnoticed at first.
const SLICE_MIN: Duration = Duration::from_millis(500);

/// The longest slice: by then the cluster is slow, and asking anew would only repeat the work.
const SLICE_MAX: Duration = Duration::from_secs(5);

/// The pause after an answer that came at once and was a failure.
const PAUSE: Duration = Duration::from_millis(100);

/// A deadline that ends early when `stop` becomes true.
///
/// librdkafka's blocking calls cannot be interrupted: a wait is cut into slices, which grow so that
/// a cluster that needs seconds for an answer gets them.
#[derive(Clone, Copy, Debug)]
pub struct Patience<'a> {
    since: Instant,
    until: Instant,
    stop: &'a AtomicBool,
}

impl<'a> Patience<'a> {
    /// Starts to wait.
    pub fn new(deadline: Duration, stop: &'a AtomicBool) -> Self {
        let since = Instant::now();
        Self { since, until: since + deadline, stop }
    }

    /// Returns whether the wait is over, for one reason or the other.
    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::Acquire) || Instant::now() >= self.until
    }

    /// Returns whether the wait is over because of a stop: nothing can be concluded from it.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Returns how long the next attempt may take.
    pub fn slice(&self) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        let fair = (self.since.elapsed() / 8).clamp(SLICE_MIN, SLICE_MAX);
        // librdkafka takes zero for "return at once".
        fair.min(left).max(Duration::from_millis(1))
    }

    /// Asks until there is an answer, the error is final, or the wait is over.
    ///
    /// # Errors
    /// The last error.
    pub fn ask<T>(&self, mut question: impl FnMut(Duration) -> KafkaResult<T>) -> KafkaResult<T> {
        loop {
            let error = match question(self.slice()) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if is_final(&error) || self.is_over() {
                return Err(error);
            }
            thread::park_timeout(PAUSE);
        }
    }
}

/// Returns whether asking again is useless: rights and names do not change by waiting. A partition
/// is unknown to the client also while its broker is back from a pause and has no leader yet.
fn is_final(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        Authentication, ClusterAuthorizationFailed, Fatal, GroupAuthorizationFailed,
        InvalidArgument, SaslAuthenticationFailed, TopicAuthorizationFailed, UnknownTopic,
    };
    matches!(
        error.rdkafka_error_code(),
        Some(
            Authentication
                | ClusterAuthorizationFailed
                | Fatal
                | GroupAuthorizationFailed
                | InvalidArgument
                | SaslAuthenticationFailed
                | TopicAuthorizationFailed
                | UnknownTopic
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_ends_the_wait_and_a_refusal_is_not_repeated() {
        let stop = AtomicBool::new(false);
        let patience = Patience::new(Duration::from_secs(600), &stop);
        let mut n_asked = 0;
        let refused = patience.ask(|_| {
            n_asked += 1;
            let code = match n_asked {
                1 => RDKafkaErrorCode::OperationTimedOut,
                _ => RDKafkaErrorCode::TopicAuthorizationFailed,
            };
            Err::<(), _>(KafkaError::MetadataFetch(code))
        });
        assert!(refused.is_err());
        assert_eq!(n_asked, 2, "a time-out is asked again, a refusal is not");
        let stopped = patience.ask(|slice| {
            assert!(slice >= SLICE_MIN && slice <= SLICE_MAX);
            stop.store(true, Ordering::Release);
            Err::<(), _>(KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut))
        });
        assert!(stopped.is_err());
    }
}
