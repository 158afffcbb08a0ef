//! Alerts and dead letters as Kafka messages: key, JSON body and headers.

use crate::{
    audit::Checkpoint,
    kafka::producer::{Message, OutputTopic},
    model::{Alert, EventTime, Evidence},
};
use jiff::Timestamp;
use serde::Serialize;

/// The longest key that is sent; a longer one is cut.
pub const KEY_BYTES_MAX: usize = 4 << 10;

/// The longest text that an oversize dead letter keeps.
const TEXT_BYTES_KEPT: usize = 4 << 10;

/// Makes the message of an alert from the body that its chain sealed. `source` names who raised
/// it, as a CloudEvents source.
pub fn of_alert(alert: &Alert, body: Vec<u8>, source: &str) -> Message {
    let headers = vec![
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", format!("{}:{}", alert.alert_id, alert.revision)),
        ("ce_type", "txwarden.alert.v1".to_owned()),
        ("ce_source", source.to_owned()),
        ("ce_subject", alert.subject.clone()),
        ("ce_time", rfc3339(EventTime::from_millis(alert.event_time_ms))),
        ("content-type", "application/json".to_owned()),
        ("severity", alert.severity.as_str().to_owned()),
        ("score", format!("{:.6}", alert.score)),
        ("status", alert.status.as_str().to_owned()),
        ("rule", lead(&alert.evidence).to_owned()),
        ("drill", alert.drill.to_string()),
    ];
    Message { output: OutputTopic::Alerts, key: Some(alert.key().into_bytes()), body, headers }
}

/// Makes the message of a checkpoint from the body that was signed.
pub fn of_checkpoint(checkpoint: &Checkpoint, body: Vec<u8>) -> Message {
    let Checkpoint { group, topic, partition, .. } = checkpoint;
    let key = format!("{group}/{topic}/{partition}").into_bytes();
    let headers = vec![("content-type", "application/json".to_owned())];
    Message { output: OutputTopic::Checkpoints, key: Some(key), body, headers }
}

/// What a dead letter's message is made from, besides its body.
#[derive(Clone, Copy, Debug)]
pub struct DeadLetterOrigin<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<&'a [u8]>,
    pub reason: &'a str,
    pub disposition: &'a str,
}

/// Makes the message of a dead letter, under the original key.
///
/// # Errors
/// Never for dead letters made by this program.
pub fn of_dead_letter(
    letter: &impl Serialize,
    at: DeadLetterOrigin<'_>,
) -> Result<Message, serde_json::Error> {
    let headers = vec![
        ("dlq-reason", at.reason.to_owned()),
        ("dlq-disposition", at.disposition.to_owned()),
        ("dlq-topic", at.topic.to_owned()),
        ("dlq-partition", at.partition.to_string()),
        ("dlq-offset", at.offset.to_string()),
    ];
    let key = at.key.map(|key| key[..key.len().min(KEY_BYTES_MAX)].to_vec());
    let mut body = serde_json::to_value(letter)?;
    let mut bytes = serde_json::to_vec(&body)?;
    if bytes.len() > Alert::BODY_BYTES_MAX
        && let Some(fields) = body.as_object_mut()
    {
        // The coordinates and the hash still find the record.
        fields.retain(|name, value| name == "sha256" || !value.is_string() || short(value));
        bytes = serde_json::to_vec(&body)?;
    }
    Ok(Message { output: OutputTopic::DeadLetters, key, body: bytes, headers })
}

fn short(value: &serde_json::Value) -> bool {
    value.as_str().is_none_or(|text| text.len() <= TEXT_BYTES_KEPT)
}

/// Returns the detector with the largest share.
fn lead(evidence: &[Evidence]) -> &str {
    let first = evidence.iter().reduce(|a, b| if b.contribution > a.contribution { b } else { a });
    first.map_or("score", |e| &e.detector)
}

/// Writes a time as RFC 3339 in UTC with milliseconds; what no calendar has is the epoch.
fn rfc3339(time: EventTime) -> String {
    format!("{:.3}", Timestamp::from_millisecond(time.millis()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc3339() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_827_696_789, "2000-02-29T12:34:56.789Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(EventTime::from_millis(ms)), text);
        }
    }

    #[test]
    fn an_oversize_dead_letter_keeps_its_coordinates_and_hash() {
        let letter = serde_json::json!({
            "topic": "t", "offset": 7, "sha256": "ab", "key_b64": "x".repeat(2 << 20),
        });
        let key = vec![b'k'; 10 << 10];
        let at = DeadLetterOrigin {
            topic: "t",
            partition: 0,
            offset: 7,
            key: Some(&key),
            reason: "bad_json",
            disposition: "reject",
        };
        let made = of_dead_letter(&letter, at).unwrap();
        assert_eq!(made.body, br#"{"offset":7,"sha256":"ab","topic":"t"}"#);
        assert_eq!(made.key.map(|k| k.len()), Some(KEY_BYTES_MAX));
        assert_eq!(made.headers[0], ("dlq-reason", "bad_json".to_owned()));
    }
}
