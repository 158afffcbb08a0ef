//! What one record decodes to, for people and tests: the verdict, its reason and the events.

use super::{
    Batch, Envelope, Format, LetterDisposition, Limits, Mapping, Reason, Refusal, Settings,
    Wrapping,
    envelope::{Layer, Schemas},
    record::decode,
};
use crate::model::{Chain, ChainError, Event, Quality, Record};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// What becomes of a record; of several parts the worst counts, in the order from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordVerdict {
    /// Every part was skipped on purpose.
    Skip,
    /// At least one part became events, and none was refused.
    Accept,
    /// Refused, but replayable after a change of configuration.
    Quarantine,
    /// Refused for good.
    Reject,
    /// Not judged: this build does not know the format.
    Unsupported,
}

/// A record's verdict with everything that it decoded to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub verdict: RecordVerdict,
    /// Of the first part with this verdict: a `Reason` or `SkipReason`; null when accepted.
    pub reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The quality flags of all events.
    pub flags: Quality,
    pub events: Vec<InspectedEvent>,
}

/// An event with its identity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InspectedEvent {
    pub event_id: String,
    #[serde(flatten)]
    pub event: Event,
}

/// A record as one line of JSON:
/// `{"name"?, "format"?, "headers"?, "key_b64"?, "kafka_ms"?, "payload_b64"}`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RecordLine {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub format: Option<String>,
    /// Header values are text.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub key_b64: Option<String>,
    #[serde(default)]
    pub kafka_ms: Option<i64>,
    /// Null is a tombstone; it may not be left out.
    #[serde(deserialize_with = "Option::deserialize")]
    pub payload_b64: Option<String>,
}

/// Why a line is no record line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    #[error("not a JSON object with payload_b64")]
    Json(#[from] serde_json::Error),
    #[error("{0} is not base64")]
    Base64(&'static str),
    #[error("cannot use the format's own chain")]
    Chain(#[from] ChainError),
}

/// How records are to be read that do not say it themselves.
#[derive(Clone, Debug, Default)]
pub struct Inspector {
    /// For lines without a format.
    pub format: Option<Format>,
    /// For formats of its family; others are read for their own main chain.
    pub chain: Option<Chain>,
    pub limits: Limits,
    /// For the format `mapped`; without one such records are only held to the limits.
    pub mapping: Option<Arc<Mapping>>,
    /// What records are wrapped in; by default each record shows it.
    pub envelope: Option<Envelope>,
}

impl Inspector {
    /// Inspects one record line.
    ///
    /// # Errors
    /// When the line itself, not the record in it, cannot be read.
    pub fn line(&self, text: &str) -> Result<Inspection, LineError> {
        let line: RecordLine = serde_json::from_str(text)?;
        let unpack = |text: &Option<String>, name| match text {
            Some(text) => STANDARD.decode(text).map(Some).map_err(|_| LineError::Base64(name)),
            None => Ok(None),
        };
        let key = unpack(&line.key_b64, "key_b64")?;
        let value = unpack(&line.payload_b64, "payload_b64")?;
        let headers: Vec<_> =
            line.headers.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
        let record = Record {
            kafka_ms: line.kafka_ms,
            key: key.as_deref(),
            value: value.as_deref(),
            headers: &headers,
            ..Record::default()
        };
        let format = line.format.as_deref().map_or(self.format, Format::parse);
        let layer = line.format.as_deref().and_then(alone);
        let mut inspection = match (format, layer) {
            (Some(format), _) => self.record(format, &record)?,
            (None, Some(layer)) => self.layer(layer, &record)?,
            (None, None) => Inspection::unsupported(),
        };
        inspection.name = line.name;
        Ok(inspection)
    }

    /// Inspects one record.
    ///
    /// # Errors
    /// Never for the formats of this build, whose own chains are well formed.
    pub fn record(&self, format: Format, record: &Record<'_>) -> Result<Inspection, LineError> {
        let shown = || Envelope { wrapping: Wrapping::Auto, ..Envelope::default() };
        let envelope = self.envelope.clone().unwrap_or_else(shown);
        let settings = self.settings(format, self.mapping.clone(), envelope)?;
        Ok(inspect(&settings, record))
    }

    /// Inspects a record of which only a layer is to be judged: nothing is known of what it holds.
    fn layer(&self, layer: Layer, record: &Record<'_>) -> Result<Inspection, LineError> {
        let (format, mapping, envelope) = match &self.envelope {
            Some(envelope) => {
                (self.format.unwrap_or(Format::Mapped), self.mapping.clone(), envelope.clone())
            }
            None => {
                let schemas = Arc::new(Schemas::sample());
                let wrapping = Wrapping::Layers(vec![layer]);
                (Format::Mapped, None, Envelope { wrapping, schemas })
            }
        };
        Ok(inspect(&self.settings(format, mapping, envelope)?, record))
    }

    fn settings(
        &self,
        format: Format,
        mapping: Option<Arc<Mapping>>,
        envelope: Envelope,
    ) -> Result<Settings, LineError> {
        let own = Chain::parse(format.default_chain())?;
        let chain = match &self.chain {
            Some(chain) if chain.family == own.family => chain.clone(),
            _ => own,
        };
        let limits = self.limits.clone();
        Ok(Settings { limits, mapping, envelope, ..Settings::new(format, chain) })
    }
}

/// Finds the layer that a line names in the place of a format.
fn alone(name: &str) -> Option<Layer> {
    let name = name.replace('-', "_");
    let name = name.strip_suffix("_raw").unwrap_or(&name);
    match name {
        "kafka_connect" => Some(Layer::Connect),
        _ => Layer::parse(name),
    }
}

impl Inspection {
    /// Returns what is said of a record whose format this build does not know.
    fn unsupported() -> Self {
        Self {
            name: None,
            verdict: RecordVerdict::Unsupported,
            reason: Some(Reason::UnknownFormat.as_str()),
            detail: None,
            flags: Quality::empty(),
            events: Vec::new(),
        }
    }
}

/// Decodes one record and says what became of it.
pub fn inspect(settings: &Settings, record: &Record<'_>) -> Inspection {
    let mut batch = Batch::default();
    decode(settings, record, &mut batch);
    let mut worst = (RecordVerdict::Skip, None, None);
    let mut is_first = true;
    for part in &batch.parts {
        let judged = judge(&part.verdict);
        if is_first || judged.0 > worst.0 {
            worst = judged;
        }
        is_first = false;
    }
    let (verdict, reason, detail) = worst;
    let flags = batch.events.iter().fold(Quality::empty(), |all, event| all | event.quality);
    let shown =
        |event: Event| InspectedEvent { event_id: event.id(&settings.chain.id).hex(), event };
    let events = batch.events.into_iter().map(shown).collect();
    Inspection { name: None, verdict, reason, detail, flags, events }
}

fn judge<T>(part: &Result<T, Refusal>) -> (RecordVerdict, Option<&'static str>, Option<String>) {
    match part {
        Ok(_) => (RecordVerdict::Accept, None, None),
        Err(Refusal::Skip(reason)) => (RecordVerdict::Skip, Some(reason.as_str()), None),
        Err(Refusal::DeadLetter { reason, detail }) => {
            let verdict = match reason.disposition() {
                LetterDisposition::Quarantine => RecordVerdict::Quarantine,
                LetterDisposition::Reject => RecordVerdict::Reject,
            };
            (verdict, Some(reason.as_str()), Some(detail.clone()))
        }
    }
}
