//! Errors that stand where an answer should: of a node (JSON-RPC), or of a connector (Kafka
//! Connect's and a schema registry's `error_code` with `message`).

use super::{JsonScanner, Value};
use crate::decode::{Limits, Refusal, SkipReason};

/// What errors are called.
const ERRORS: [&[u8]; 5] = [b"error", b"Error", b"errors", b"error_code", b"exception"];

/// What servers and gateways number their failures with, and beside it the text that says which.
const CODES: [&[u8]; 3] = [b"code", b"statusCode", b"errorCode"];
const TEXT: &[u8] = b"message";

/// What answers are in, where an error may be one step further in.
const ANSWERS: [&[u8]; 4] = [b"result", b"payload", b"data", b"response"];

/// Returns the refusal of a record that fits nothing: that it is an error, else what is given.
pub(in crate::decode) fn refusal(value: Value<'_>, limits: &Limits, otherwise: Refusal) -> Refusal {
    if is_error(value, limits, true) { Refusal::Skip(SkipReason::NodeError) } else { otherwise }
}

/// Returns whether an object says that it is an error. It has been validated before.
fn is_error(value: Value<'_>, limits: &Limits, is_outermost: bool) -> bool {
    let Value::Object(raw) = value else { return false };
    let (mut keys, mut is_one) = (Vec::new(), false);
    let (mut has_code, mut has_text) = (false, false);
    let on_member = |_, key: &[u8], value: Value<'_>| {
        has_code |= CODES.contains(&key) && says_something(value);
        has_text |= key == TEXT && says_something(value);
        is_one |= (ERRORS.contains(&key) && says_something(value))
            || (is_outermost && ANSWERS.contains(&key) && is_error(value, limits, false));
    };
    // What cannot be read once more says nothing.
    let _ = JsonScanner::new(raw, limits, &mut keys).object(0, on_member);
    is_one || has_code && has_text
}

fn says_something(value: Value<'_>) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Whole(code) => code != 0,
        Value::Text(text) => !text.raw.is_empty(),
        Value::Object(raw) | Value::Array(raw) => {
            raw.iter().filter(|b| !b.is_ascii_whitespace()).count() > 2
        }
        Value::Bool(true) | Value::Number(_) => true,
    }
}
