//! Change events of Debezium: the row after a change, or the one that a deletion undoes.

use super::peel::{LayerStep, members, range_of};
use crate::decode::{
    Limits, Reason, Refusal, SkipReason,
    json::{Value, answer, field::refuse},
};

/// Finds the row that a change event is about.
pub(super) fn peel(bytes: &[u8], limits: &Limits) -> Result<LayerStep, Refusal> {
    let [op, before, after, payload] =
        members(bytes, ["op", "before", "after", "payload"], limits)?;
    // Debezium's own converter wraps the event once more, with or without a schema.
    if let (Value::Null, Value::Object(raw)) = (op, payload) {
        let start = range_of(bytes, raw).start;
        return Ok(match event(raw, limits)? {
            LayerStep::Part(range) => LayerStep::Part(start + range.start..start + range.end),
            LayerStep::Undone(range) => LayerStep::Undone(start + range.start..start + range.end),
            bytes @ LayerStep::Bytes(_) => bytes,
        });
    }
    row(bytes, op, before, after).map_err(|refusal| no_event(bytes, limits, refusal))
}

fn event(bytes: &[u8], limits: &Limits) -> Result<LayerStep, Refusal> {
    let [op, before, after] = members(bytes, ["op", "before", "after"], limits)?;
    row(bytes, op, before, after).map_err(|refusal| no_event(bytes, limits, refusal))
}

/// Says that what is no change event is an error, where it is one.
fn no_event(bytes: &[u8], limits: &Limits, refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::DeadLetter { reason: Reason::BadEnvelope, .. } => {
            answer::refusal(Value::Object(bytes), limits, refusal)
        }
        other => other,
    }
}

fn row(
    bytes: &[u8],
    op: Value<'_>,
    before: Value<'_>,
    after: Value<'_>,
) -> Result<LayerStep, Refusal> {
    let Value::Text(op) = op else {
        return Err(refuse(Reason::BadEnvelope, "a change event without op"));
    };
    match (op.raw, before, after) {
        (b"c" | b"u" | b"r", _, Value::Object(raw)) => Ok(LayerStep::Part(range_of(bytes, raw))),
        (b"c" | b"u" | b"r", _, _) => Err(refuse(Reason::BadEnvelope, "a change without after")),
        (b"d", Value::Object(raw), _) => Ok(LayerStep::Undone(range_of(bytes, raw))),
        // The database did not log the old row: what is undone cannot be said.
        (b"d", Value::Null, _) => {
            Err(refuse(Reason::EnvelopeIncomplete, "a deletion without before"))
        }
        // Truncations and messages are about no row.
        (b"t" | b"m", _, _) => Err(Refusal::Skip(SkipReason::ControlMessage)),
        _ => Err(refuse(Reason::BadEnvelope, "a change event with an unknown op")),
    }
}
