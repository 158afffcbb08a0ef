//! Writes JSON the way the exporters do: key order as called, separators as configured.

use jiff::Timestamp;
use std::fmt::{Display, Write as _};

/// An object or array being written; commas are placed by the writer.
#[derive(Debug)]
pub(super) struct JsonWriter {
    text: String,
    comma: &'static str,
    colon: &'static str,
    needs_comma: bool,
}

impl JsonWriter {
    /// Makes a writer with Python's default separators, `", "` and `": "` (ethereum-etl).
    pub(super) fn spaced(capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), comma: ", ", colon: ": ", needs_comma: false }
    }

    /// Makes a writer without spaces (bitcoin-etl's console lines as they are bridged).
    pub(super) fn compact(capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), comma: ",", colon: ":", needs_comma: false }
    }

    /// Opens `{` or `[`, as an element.
    pub(super) fn open(&mut self, bracket: char) -> &mut Self {
        self.element();
        self.text.push(bracket);
        self.needs_comma = false;
        self
    }

    /// Closes `}` or `]`.
    pub(super) fn close(&mut self, bracket: char) -> &mut Self {
        self.text.push(bracket);
        self.needs_comma = true;
        self
    }

    /// Writes a key; a value must follow.
    pub(super) fn key(&mut self, key: &str) -> &mut Self {
        self.element();
        self.text.push('"');
        self.text.push_str(key);
        self.text.push('"');
        self.text.push_str(self.colon);
        self.needs_comma = false;
        self
    }

    /// Writes a number, `true`, `false` or `null`.
    pub(super) fn raw(&mut self, value: impl Display) -> &mut Self {
        self.element();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{value}");
        self.needs_comma = true;
        self
    }

    /// Writes a text that needs no escapes.
    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.element();
        self.text.push('"');
        self.text.push_str(value);
        self.text.push('"');
        self.needs_comma = true;
        self
    }

    /// Writes bytes as hex text behind a prefix (`0x` or nothing).
    pub(super) fn hex(&mut self, prefix: &str, bytes: &[u8]) -> &mut Self {
        self.element();
        self.text.push('"');
        self.text.push_str(prefix);
        push_hex(&mut self.text, bytes);
        self.text.push('"');
        self.needs_comma = true;
        self
    }

    /// Writes a member with a number, `true`, `false` or `null`.
    pub(super) fn field(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.key(key).raw(value)
    }

    /// Writes a member that is a number or null.
    pub(super) fn optional(&mut self, key: &str, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.field(key, value),
            None => self.field(key, "null"),
        }
    }

    /// Returns the finished text.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn element(&mut self) {
        if self.needs_comma {
            self.text.push_str(self.comma);
            self.needs_comma = false;
        }
    }
}

/// Appends bytes as lower-case hex.
pub(super) fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for b in bytes {
        text.push(char::from(DIGITS[usize::from(b >> 4)]));
        text.push(char::from(DIGITS[usize::from(b & 15)]));
    }
}

/// Returns bytes as lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    text
}

/// Returns seconds since the epoch as ISO 8601 in UTC, e.g. `2025-01-06T00:00:00Z`.
pub(super) fn iso(secs: i64) -> String {
    Timestamp::from_second(secs).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_separators() {
        assert_eq!(iso(1_736_121_600), "2025-01-06T00:00:00Z");
        assert_eq!(iso(951_825_599), "2000-02-29T11:59:59Z");
        let mut w = JsonWriter::spaced(64);
        w.open('{').field("a", 1).key("b").open('[').raw(2).text("x").close(']').close('}');
        assert_eq!(w.finish(), r#"{"a": 1, "b": [2, "x"]}"#);
    }
}
