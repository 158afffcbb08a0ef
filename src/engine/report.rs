//! What leaves the engine beside alerts: dead letters, and findings before triage.

pub(super) mod score_report;
pub(super) mod stats;
pub(super) mod summary;

use crate::{
    decode::{LetterDisposition, Reason, Settings},
    detect::Scene,
    model::{Finding, Record},
    triage::Coordinates,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of a refused value that a dead letter keeps: a 10 MB poison message cannot be
/// re-produced whole.
const HEAD_BYTES_MAX: usize = 1_024;
/// Bytes of text that say what exactly was wrong.
const DETAIL_BYTES_MAX: usize = 256;

/// A finding with the transaction it is about, before triage.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FindingReport {
    /// As the chain's explorers show it.
    pub tx: Option<String>,
    pub height: Option<u64>,
    /// The subject, rendered.
    pub subject: String,
    pub event_time_ms: i64,
    #[serde(flatten)]
    pub finding: Finding,
}

/// A part of a record that could not be read (`tx.deadletter.v1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Always `txwarden.deadletter/1`.
    pub schema: String,
    pub reason: Reason,
    pub disposition: LetterDisposition,
    /// At most 256 bytes.
    pub detail: String,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub part_index: u32,
    pub kafka_ms: Option<i64>,
    pub format: crate::decode::Format,
    /// `none`, `auto`, or the names of the layers from outside in with `+` between them.
    pub envelope: String,
    /// Bytes of the whole value.
    pub size: u64,
    /// Of the whole value, hex.
    pub sha256: String,
    /// The first KiB of the value.
    pub head_b64: String,
    pub key_b64: Option<String>,
}

impl DeadLetter {
    /// The name and version of the body's schema.
    pub const SCHEMA: &'static str = "txwarden.deadletter/1";

    /// Describes a refused part of a record.
    pub(super) fn of(
        settings: &Settings,
        record: &Record<'_>,
        at: &Coordinates,
        reason: Reason,
        mut detail: String,
    ) -> Self {
        if detail.len() > DETAIL_BYTES_MAX {
            let mut end = DETAIL_BYTES_MAX;
            while !detail.is_char_boundary(end) {
                end -= 1;
            }
            detail.truncate(end);
        }
        let value = record.value.unwrap_or_default();
        let digest = Sha256::digest(value);
        Self {
            schema: Self::SCHEMA.to_owned(),
            reason,
            disposition: reason.disposition(),
            detail,
            topic: at.topic.clone(),
            partition: at.partition,
            offset: at.offset,
            part_index: at.part_index,
            kafka_ms: record.kafka_ms,
            format: settings.format,
            envelope: settings.envelope.wrapping.to_string(),
            size: value.len() as u64,
            sha256: digest.iter().map(|b| format!("{b:02x}")).collect(),
            head_b64: STANDARD.encode(&value[..value.len().min(HEAD_BYTES_MAX)]),
            key_b64: record.key.map(|k| STANDARD.encode(&k[..k.len().min(HEAD_BYTES_MAX)])),
        }
    }
}

impl FindingReport {
    /// Describes one detector's finding on a scene.
    pub(super) fn of(scene: &Scene<'_>, finding: Finding) -> Self {
        Self {
            tx: scene.event.tx_id().map(|id| scene.chain.hash_text(&id)),
            height: scene.event.inclusion().map(|i| i.height),
            subject: finding.subject.render(scene.chain),
            event_time_ms: scene.event.time.millis(),
            finding,
        }
    }
}
