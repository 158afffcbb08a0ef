//! Stands for `compression` in a build without that feature: compressed payloads are refused.

use crate::decode::{Limits, Reason, Refusal, json::field::refuse};

/// Refuses a gzip stream.
pub(super) fn gunzip(_bytes: &[u8], _limits: &Limits) -> Result<Vec<u8>, Refusal> {
    Err(refuse(Reason::EnvelopeIncomplete, "this build lacks the feature `compression`: gzip"))
}

/// Refuses a zstd stream.
pub(super) fn unzstd(_bytes: &[u8], _limits: &Limits) -> Result<Vec<u8>, Refusal> {
    Err(refuse(Reason::EnvelopeIncomplete, "this build lacks the feature `compression`: zstd"))
}
