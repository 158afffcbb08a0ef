//! The alert as it is written to the alert topic, `txwarden.alert/1`.

use super::{
    asset::amount::Amount,
    finding::{Band, DetectorKind, Severity},
};
use serde::{Deserialize, Serialize};

/// One revision of an alert: a full body; of all revisions of one id the highest wins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Alert {
    /// Always `txwarden.alert/1`.
    pub schema: String,
    /// 32 hex digits over chain, subject, triggering event and lane; never over a score or text.
    pub alert_id: String,
    /// Counts from 1.
    pub revision: u32,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retraction: Option<Retraction>,
    pub severity: Severity,
    /// 0–1, higher is more anomalous.
    pub score: f64,
    /// 0–1, only once verdicts have been seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    pub title: String,
    /// One sentence with its numbers.
    pub reason: String,
    /// CAIP-2.
    pub chain: String,
    /// CAIP-10 account, or the chain followed by `/tx/…`, `/outpoint/…`, `/block/…`.
    pub subject: String,
    /// Milliseconds since the epoch, from the data.
    pub event_time_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx: Option<TxSummary>,
    pub evidence: Vec<Evidence>,
    pub priority: Priority,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related: Option<Related>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corroboration: Vec<Corroboration>,
    pub provenance: Provenance,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
    pub drill: bool,
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Pending, or in a block that may still be reorganised away.
    Provisional,
    /// Buried under the configured number of blocks.
    Confirmed,
    /// Buried so deep that no reorg is expected to reach it, or declared final by a node.
    Final,
    /// No longer true, see `retraction`.
    Retracted,
}

impl Status {
    pub const ALL: [Self; 4] = [Self::Provisional, Self::Confirmed, Self::Final, Self::Retracted];

    /// Returns the name used on the wire and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisional => "provisional",
            Self::Confirmed => "confirmed",
            Self::Final => "final",
            Self::Retracted => "retracted",
        }
    }
}

/// Why an alert was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Retraction {
    pub reason: RetractionReason,
    /// The block, node or list that contradicts it.
    pub by: String,
}

/// The closed list of reasons for a retraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetractionReason {
    Reorg,
    Contradiction,
    Expired,
    LabelWithdrawn,
}

/// The transaction an alert is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct TxSummary {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<TxBlock>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Base units, a decimal string.
    #[cfg_attr(feature = "cli", schemars(with = "String"))]
    pub value: Amount,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// CAIP-19, or the ticker where none is defined.
    pub asset: String,
    /// At most 16 addresses.
    pub from: Vec<String>,
    /// At most 16 addresses.
    pub to: Vec<String>,
    /// Base units, a decimal string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub fee: Option<Amount>,
}

/// The block a transaction is in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct TxBlock {
    pub height: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    pub finality: Status,
}

/// How a contribution was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Additive,
    Ablation,
}

/// One detector's share in an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Evidence {
    pub detector: String,
    pub kind: DetectorKind,
    pub value: f64,
    pub expected: Band,
    pub unit: String,
    /// Share of the score; the shares of an alert sum to 1.
    pub contribution: f64,
    pub method: Method,
    pub explanation: String,
    /// The smallest single change that would have kept this detector quiet; where models speak
    /// together, the score, the others being as they are.
    pub quiet_if: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<EvidenceFeature>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<String>,
}

/// One feature behind a detector's opinion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct EvidenceFeature {
    pub name: String,
    pub value: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentile: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta_score: Option<f64>,
}

/// In which order to look at alerts; each part 0–1 and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Priority {
    /// 1 (look first) to 5.
    pub level: u8,
    pub total: f64,
    pub value_at_risk: f64,
    pub asset_criticality: f64,
    pub irreversibility: f64,
    pub regulatory: f64,
    pub confidence: f64,
    pub why: String,
}

/// Alerts that were folded into this one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Related {
    pub suppressed_count: u64,
    /// At most 16 ids.
    pub alert_ids: Vec<String>,
}

/// One node's sighting of the transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Corroboration {
    pub node: String,
    pub seen_ms: i64,
    pub phase: String,
    pub agrees: bool,
}

/// Where an alert comes from; everything that may differ when only the transport differs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Provenance {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub part_index: u32,
    /// Version of the program.
    pub version: String,
    pub config_hash: String,
    pub rules_hash: String,
    pub model_id: String,
    pub features_hash: String,
    /// Counts the alerts (all revisions) of one input partition from 1, without gaps.
    pub seq: u64,
    /// `hash` of the alert before, 64 hex digits; of the first: a digest of topic and partition.
    #[serde(default)]
    pub prev_hash: String,
    /// SHA-256 of the body as it is written, with zeros in place of these 64 hex digits.
    #[serde(default)]
    pub hash: String,
}

/// Where to look next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Links {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explorer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
}

/// The evidence that an oversize alert keeps.
const EVIDENCE_KEPT: usize = 8;

/// The text that an oversize alert keeps of each sentence.
const TEXT_BYTES_KEPT: usize = 4 << 10;

impl Alert {
    /// The name and version of the body's schema.
    pub const SCHEMA: &'static str = "txwarden.alert/1";

    /// The largest body that is written: below the broker's default limit of 1 MiB, with room for
    /// key and headers. A message over the limit would fail for ever.
    pub const BODY_BYTES_MAX: usize = 900 << 10;

    /// Returns the Kafka key: the chain and the subject, so that one subject stays in order.
    pub fn key(&self) -> String {
        match self.subject.strip_prefix(&*self.chain) {
            Some(_) => self.subject.clone(),
            None => format!("{}:{}", self.chain, self.subject),
        }
    }

    /// Returns the JSON without `provenance`: what must be equal when only the transport,
    /// batching or partition differs.
    ///
    /// # Errors
    /// Never for alerts made by this program: all numbers are finite and all keys are text.
    pub fn canonical_body(&self) -> Result<String, serde_json::Error> {
        let mut value = serde_json::to_value(self)?;
        if let Some(map) = value.as_object_mut() {
            map.remove("provenance");
        }
        serde_json::to_string(&value)
    }

    /// Becomes the next revision of an earlier body, whose repeats and witnesses it keeps.
    pub fn succeed(&mut self, earlier: &Self) {
        self.revision = earlier.revision + 1;
        self.related.clone_from(&earlier.related);
        self.incident_id.clone_from(&earlier.incident_id);
        let is_heard = |node: &str| self.corroboration.iter().any(|c| c.node == node);
        let kept: Vec<_> =
            earlier.corroboration.iter().filter(|c| !is_heard(&c.node)).cloned().collect();
        self.corroboration.extend(kept);
    }

    /// Sets where the alert stands, and with it the finality of its block.
    pub fn set_status(&mut self, status: Status) {
        self.status = status;
        if let Some(block) = self.tx.as_mut().and_then(|tx| tx.block.as_mut()) {
            block.finality = status;
        }
    }

    /// Cuts the alert down to what surely fits: every list and sentence is bounded.
    pub fn shrink(&mut self) {
        let cut = |text: &mut String| {
            let end =
                (0..=TEXT_BYTES_KEPT.min(text.len())).rev().find(|&i| text.is_char_boundary(i));
            text.truncate(end.unwrap_or(0));
        };
        self.evidence.truncate(EVIDENCE_KEPT);
        for evidence in &mut self.evidence {
            evidence.features.clear();
            evidence.refs.clear();
            cut(&mut evidence.explanation);
            cut(&mut evidence.quiet_if);
        }
        self.corroboration.clear();
        if let Some(related) = &mut self.related {
            related.alert_ids.clear();
        }
        cut(&mut self.title);
        cut(&mut self.reason);
        cut(&mut self.priority.why);
    }
}
