//! What whoever reads topics tells of its reading: `run` and `route` have this in common.

use crate::ops::trouble::{Trouble, TroubleKind};

/// Receives how the reading goes. Called from the threads that read: it must not block.
///
/// Topics and partitions are those of the configuration, so they may become metric labels.
pub trait ReadObserver: Send + Sync {
    /// How many offsets that can be read are not read yet.
    fn consumer_lag(&self, _topic: &str, _partition: i32, _n_offsets: i64) {}

    /// Something keeps a partition's records from being judged, or no longer does.
    fn trouble(
        &self,
        _topic: &str,
        _partition: i32,
        _kind: TroubleKind,
        _trouble: Option<&Trouble>,
    ) {
    }

    /// A producer was given up and replaced.
    fn producer_restarted(&self) {}

    /// A non-fatal error of a Kafka client.
    fn client_error(&self) {}
}
