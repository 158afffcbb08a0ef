//! A strict single-pass JSON scanner (RFC 8259): it validates every byte and copies none.
//!
//! It accepts what `serde_json` accepts, less what can be read two ways (lone surrogates, a key
//! twice in one object), and whatever is deeper, longer or wider than [`Limits`].

use super::{Limits, Reason};
use std::borrow::Cow;
use text::Text;

/// Nesting that no setting can exceed: values nest by recursion, and this many frames always fit.
pub(super) const DEPTH_CAP: usize = 128;
/// Up to this many keys a suspected repetition is looked up by a linear search; above, by a sort.
const LINEAR_KEYS_MAX: usize = 64;

/// A value where it stands in the document.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Value<'a> {
    /// Also what stands for an absent field.
    #[default]
    Null,
    Bool(bool),
    /// Digits only, without a leading zero, at most [`text::WHOLE_DIGITS_MAX`].
    Whole(u64),
    /// Every other number.
    Number(&'a [u8]),
    Text(Text<'a>),
    /// From `[` to `]`.
    Array(&'a [u8]),
    /// From `{` to `}`.
    Object(&'a [u8]),
}

/// Why a document, or one part of it, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JsonFlaw {
    pub reason: Reason,
    pub what: &'static str,
    /// Byte position in the record.
    pub at: usize,
}

/// A key already seen in an object that is still open.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeenKey {
    hash: u64,
    start: usize,
    end: usize,
}

/// What is known about the keys of one open object.
#[derive(Default)]
struct KeySet {
    /// One bit for each value of the hash's top byte.
    bits: [u64; 4],
    is_sort_needed: bool,
}

/// Reads one document from front to back.
pub(super) struct JsonScanner<'a, 's> {
    bytes: &'a [u8],
    pos: usize,
    limits: &'s Limits,
    keys: &'s mut Vec<SeenKey>,
    /// The first flaw that leaves the rest of the document readable.
    flaw: Option<JsonFlaw>,
    /// Whether a quote always ends a text: there is no backslash and no control character.
    is_plain: bool,
}

impl<'a, 's> JsonScanner<'a, 's> {
    /// Makes a scanner in front of `bytes`, which must be UTF-8; `keys` is scratch space.
    pub fn new(bytes: &'a [u8], limits: &'s Limits, keys: &'s mut Vec<SeenKey>) -> Self {
        keys.clear();
        Self { bytes, pos: 0, limits, keys, flaw: None, is_plain: false }
    }

    /// Makes a scanner for a whole record, which is looked through once for what is rare in texts.
    pub fn of_record(bytes: &'a [u8], limits: &'s Limits, keys: &'s mut Vec<SeenKey>) -> Self {
        Self { is_plain: text::is_plain(bytes), ..Self::new(bytes, limits, keys) }
    }

    /// Returns the next byte that is no white space, without consuming it.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.pos) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.pos += 1,
                other => return other.copied(),
            }
        }
    }

    /// Returns the position in front of the next value.
    pub fn pos(&mut self) -> usize {
        self.peek();
        self.pos
    }

    /// Returns what was read since a position.
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.pos]
    }

    /// Takes the first flaw found since the last call that concerns only the value just read.
    pub fn take_flaw(&mut self) -> Option<JsonFlaw> {
        self.flaw.take()
    }

    /// Checks that nothing but white space follows.
    pub fn end(&mut self) -> Result<(), JsonFlaw> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.bad("something follows the document")),
        }
    }

    /// Reads one value of any kind at nesting `depth` (0 is the document itself).
    #[inline(always)]
    pub fn value(&mut self, depth: usize) -> Result<Value<'a>, JsonFlaw> {
        match self.peek() {
            Some(b'"') => Ok(Value::Text(self.text()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') if self.bytes[self.pos..].starts_with(b"null") => {
                self.pos += 4;
                Ok(Value::Null)
            }
            _ => self.rare_value(depth),
        }
    }

    fn rare_value(&mut self, depth: usize) -> Result<Value<'a>, JsonFlaw> {
        let start = self.pos;
        match self.peek() {
            Some(b't') => self.literal(b"true", Value::Bool(true)),
            Some(b'f') => self.literal(b"false", Value::Bool(false)),
            Some(b'{') => {
                self.object(depth, |_, _, _| {})?;
                Ok(Value::Object(&self.bytes[start..self.pos]))
            }
            Some(b'[') => {
                let mut more = self.open_array(depth)?;
                let mut n = 0;
                while more {
                    self.value(depth + 1)?;
                    more = self.next_element(&mut n)?;
                }
                Ok(Value::Array(&self.bytes[start..self.pos]))
            }
            Some(_) => Err(self.bad("no JSON value")),
            None => Err(self.bad("the document ends early")),
        }
    }

    /// Reads an object, the scanner standing on its `{`; calls back with hash, key and value.
    pub fn object(
        &mut self,
        depth: usize,
        mut on_field: impl FnMut(u64, &[u8], Value<'a>),
    ) -> Result<(), JsonFlaw> {
        self.descend(depth)?;
        self.pos += 1;
        if self.peek() == Some(b'}') {
            self.pos += 1;
            return Ok(());
        }
        let base = self.keys.len();
        let mut set = KeySet::default();
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.bad("no object key"));
            }
            let key = self.text()?;
            let hash = text::key_hash(key.raw);
            self.note_key(hash, key, base, &mut set)?;
            if self.peek() != Some(b':') {
                return Err(self.bad("no colon after an object key"));
            }
            self.pos += 1;
            let value = self.value(depth + 1)?;
            if key.is_escaped {
                let key = key.unescape();
                on_field(text::key_hash(key.as_bytes()), key.as_bytes(), value);
            } else {
                on_field(hash, key.raw, value);
            }
            match self.peek() {
                Some(b',') => self.pos += 1,
                Some(b'}') => break,
                _ => return Err(self.bad("no comma or brace after an object's value")),
            }
        }
        self.pos += 1;
        if set.is_sort_needed {
            self.sort_keys(base);
        }
        self.keys.truncate(base);
        Ok(())
    }

    /// Enters an array, the scanner standing on its `[`; returns whether it has an element.
    pub fn open_array(&mut self, depth: usize) -> Result<bool, JsonFlaw> {
        self.descend(depth)?;
        self.pos += 1;
        if self.peek() == Some(b']') {
            self.pos += 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// Goes on after an element; returns whether another one follows. `n` counts them.
    pub fn next_element(&mut self, n: &mut usize) -> Result<bool, JsonFlaw> {
        *n += 1;
        if *n > self.limits.items_max {
            return Err(self.stop(Reason::LimitExceeded, "too many items in an array"));
        }
        let next = self.peek();
        match next {
            Some(b',') => self.pos += 1,
            Some(b']') => self.pos += 1,
            _ => return Err(self.bad("no comma or bracket after an array's item")),
        }
        Ok(next == Some(b','))
    }

    fn descend(&mut self, depth: usize) -> Result<(), JsonFlaw> {
        if depth >= self.limits.depth_max.min(DEPTH_CAP) {
            return Err(self.stop(Reason::LimitExceeded, "nested too deeply"));
        }
        Ok(())
    }

    /// Remembers a key and notices when the object already had it.
    fn note_key(
        &mut self,
        hash: u64,
        key: Text<'a>,
        base: usize,
        set: &mut KeySet,
    ) -> Result<(), JsonFlaw> {
        let n_keys = self.keys.len() - base;
        if n_keys >= self.limits.keys_max {
            return Err(self.stop(Reason::LimitExceeded, "too many keys in an object"));
        }
        let (word, bit) = ((hash >> 62) as usize, 1u64 << (hash >> 56 & 63));
        if set.bits[word] & bit != 0 {
            if n_keys > LINEAR_KEYS_MAX {
                set.is_sort_needed = true;
            } else if self.keys[base..]
                .iter()
                .any(|k| k.hash == hash && self.bytes[k.start..k.end] == *key.raw)
            {
                self.repeat();
            }
        }
        // An escaped key may equal one that is spelled differently: compare all of them unescaped.
        set.is_sort_needed |= key.is_escaped;
        set.bits[word] |= bit;
        let end = self.pos - 1;
        self.keys.push(SeenKey { hash, start: end - key.raw.len(), end });
        Ok(())
    }

    /// Looks for repeated keys among those from `base` on, as they read after unescaping.
    fn sort_keys(&mut self, base: usize) {
        let mut keys: Vec<Cow<'_, str>> = self.keys[base..]
            .iter()
            .map(|k| Text { raw: &self.bytes[k.start..k.end], is_escaped: true }.unescape())
            .collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            self.repeat();
        }
    }

    fn repeat(&mut self) {
        let flaw = self.stop(Reason::DuplicateKey, "a key occurs twice in one object");
        self.flaw.get_or_insert(flaw);
    }

    /// Reads a text, the scanner standing on its opening quote.
    #[inline]
    fn text(&mut self) -> Result<Text<'a>, JsonFlaw> {
        let start = self.pos + 1;
        if self.is_plain {
            let Some(end) = text::find_quote(self.bytes, start) else {
                self.pos = self.bytes.len();
                return Err(self.bad("a text does not end"));
            };
            self.pos = end + 1;
            return Ok(Text { raw: &self.bytes[start..end], is_escaped: false });
        }
        self.checked_text(start)
    }

    /// Reads a text that may have escapes and control characters.
    fn checked_text(&mut self, start: usize) -> Result<Text<'a>, JsonFlaw> {
        let mut at = start;
        let mut is_escaped = false;
        loop {
            at = text::find_special(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_escaped = true;
                    self.pos = at;
                    at = match text::escape_end(self.bytes, at) {
                        Ok(end) => end,
                        Err(what) => return Err(self.bad(what)),
                    };
                }
                Some(_) => {
                    self.pos = at;
                    return Err(self.bad("a control character in a text"));
                }
                None => {
                    self.pos = at;
                    return Err(self.bad("a text does not end"));
                }
            }
        }
        self.pos = at + 1;
        Ok(Text { raw: &self.bytes[start..at], is_escaped })
    }

    #[inline]
    fn number(&mut self) -> Result<Value<'a>, JsonFlaw> {
        let rest = &self.bytes[self.pos..];
        if let Some((whole, n_digits)) = text::whole(rest)
            && (n_digits == 1 || rest[0] != b'0')
        {
            self.pos += n_digits;
            self.check_digits(n_digits);
            return Ok(Value::Whole(whole));
        }
        self.rare_number()
    }

    fn rare_number(&mut self) -> Result<Value<'a>, JsonFlaw> {
        let start = self.pos;
        if self.bytes[self.pos] == b'-' {
            self.pos += 1;
        }
        let first = self.bytes.get(self.pos).copied();
        let mut n_digits = self.digits()?;
        if first == Some(b'0') && n_digits > 1 {
            return Err(self.bad("a number with a leading zero"));
        }
        if self.bytes.get(self.pos) == Some(&b'.') {
            self.pos += 1;
            n_digits += self.digits()?;
        }
        if matches!(self.bytes.get(self.pos), Some(b'e' | b'E')) {
            self.pos += 1;
            if matches!(self.bytes.get(self.pos), Some(b'+' | b'-')) {
                self.pos += 1;
            }
            n_digits += self.digits()?;
        }
        self.check_digits(n_digits);
        Ok(Value::Number(&self.bytes[start..self.pos]))
    }

    #[inline]
    fn check_digits(&mut self, n_digits: usize) {
        if n_digits > self.limits.digits_max {
            let flaw = self.stop(Reason::LimitExceeded, "a number has too many digits");
            self.flaw.get_or_insert(flaw);
        }
    }

    /// Skips at least one digit and returns how many there were.
    fn digits(&mut self) -> Result<usize, JsonFlaw> {
        let rest = &self.bytes[self.pos..];
        let n = rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
        self.pos += n;
        if n == 0 { Err(self.bad("a number without digits")) } else { Ok(n) }
    }

    fn literal(&mut self, word: &[u8], value: Value<'a>) -> Result<Value<'a>, JsonFlaw> {
        if !self.bytes[self.pos..].starts_with(word) {
            return Err(self.bad("no JSON value"));
        }
        self.pos += word.len();
        Ok(value)
    }

    #[cold]
    fn bad(&self, what: &'static str) -> JsonFlaw {
        self.stop(Reason::BadJson, what)
    }

    #[cold]
    fn stop(&self, reason: Reason, what: &'static str) -> JsonFlaw {
        JsonFlaw { reason, what, at: self.pos }
    }
}

pub(super) mod answer;
pub(super) mod field;
pub(super) mod guide;
mod guided;
pub(super) mod keys;
pub(super) mod number;
#[cfg(test)]
mod tests;
pub(super) mod text;
