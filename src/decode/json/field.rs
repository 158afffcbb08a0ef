//! Typed reading of fields: hashes, addresses, amounts, counts; a refusal names the field.

use super::{
    JsonFlaw, JsonScanner, Value,
    guide::Guides,
    keys::{Field, Fields, Keys},
    number::{self, Integer, NotInteger},
    text::Text,
};
use crate::{
    decode::{Limits, Reason, Refusal, Settings, value::hex},
    model::{Address, Amount, Event, Hash32, Quality},
};
use std::fmt::Write;

/// Bytes of a dead letter's detail, escaped.
pub const DETAIL_BYTES_MAX: usize = 256;
/// Bytes of the offending value that a detail shows.
const SHOWN_BYTES_MAX: usize = 48;
/// Bytes of a text that identifies something (an address).
pub(in crate::decode) const ID_TEXT_BYTES_MAX: usize = 128;

/// What a part is read with, and what becomes known about its quality on the way.
pub(in crate::decode) struct Reader<'c> {
    pub settings: &'c Settings,
    pub kafka_ms: Option<i64>,
    pub quality: Quality,
    pub guides: &'c mut Guides,
    /// Signatures checked in this record so far.
    pub n_signatures: usize,
    /// Elements of the part that were refused without the rest of it.
    pub refused: Vec<Refusal>,
}

impl<'c> Reader<'c> {
    /// Makes a reader at the start of a part.
    pub fn new(settings: &'c Settings, kafka_ms: Option<i64>, guides: &'c mut Guides) -> Self {
        let (quality, n_signatures, refused) = (Quality::empty(), 0, Vec::new());
        Self { settings, kafka_ms, quality, guides, n_signatures, refused }
    }

    /// Reads one element of a part: where that is refused, the rest of the part stands, and the
    /// refusal names the element. `None` then; the quality is again what it was before.
    pub fn alone<T>(
        &mut self,
        (list, n): (&str, usize),
        events: &mut Vec<Event>,
        read: impl FnOnce(&mut Self, &mut Vec<Event>) -> Result<T, Refusal>,
    ) -> Option<T> {
        let (n_before, quality) = (events.len(), self.quality);
        let found = read(self, events);
        self.quality = quality;
        match found {
            Ok(found) => Some(found),
            Err(refusal) => {
                events.truncate(n_before);
                self.refused.push(refusal.inside(list, n));
                None
            }
        }
    }

    pub fn limits(&self) -> &'c Limits {
        &self.settings.limits
    }

    /// Notes that a field that is not part of the identity is missing.
    pub fn or_partial<T>(&mut self, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.quality |= Quality::PARTIAL;
        }
        value
    }
}

/// Makes a dead letter with a bounded, printable detail.
#[cold]
pub(in crate::decode) fn refuse(reason: Reason, detail: &str) -> Refusal {
    let mut escaped = String::new();
    for c in detail.chars() {
        let _ = match c {
            ' '..='~' => escaped.write_char(c),
            _ => write!(escaped, "{}", c.escape_default()),
        };
        if escaped.len() > DETAIL_BYTES_MAX {
            break;
        }
    }
    escaped.truncate(DETAIL_BYTES_MAX);
    Refusal::DeadLetter { reason, detail: escaped }
}

impl Refusal {
    /// Says which element of a list was refused.
    fn inside(self, list: &str, n: usize) -> Self {
        match self {
            Self::DeadLetter { reason, detail } => {
                let mut detail = format!("{list}[{n}]: {detail}");
                detail.truncate(DETAIL_BYTES_MAX);
                Self::DeadLetter { reason, detail }
            }
            skip @ Self::Skip(_) => skip,
        }
    }
}

impl From<JsonFlaw> for Refusal {
    fn from(flaw: JsonFlaw) -> Self {
        refuse(flaw.reason, &format!("{} (byte {})", flaw.what, flaw.at))
    }
}

impl<'a> Field<'a> {
    /// Refuses the part because of this field, showing the start of its value.
    #[cold]
    pub fn refuse(self, reason: Reason, what: &str) -> Refusal {
        let digits;
        let (mark, raw): (&str, &[u8]) = match self.value {
            Value::Whole(n) => {
                digits = n.to_string();
                ("", digits.as_bytes())
            }
            Value::Null => ("", b"null"),
            Value::Bool(true) => ("", b"true"),
            Value::Bool(false) => ("", b"false"),
            Value::Number(raw) | Value::Array(raw) | Value::Object(raw) => ("", raw),
            Value::Text(text) => ("\"", text.raw),
        };
        let shown = String::from_utf8_lossy(&raw[..raw.len().min(SHOWN_BYTES_MAX)]);
        let more = if raw.len() > SHOWN_BYTES_MAX { "…" } else { "" };
        refuse(reason, &format!("{}: {what}: {mark}{shown}{more}{mark}", self.name))
    }

    /// Refuses the part because this field, which is needed, is missing.
    #[cold]
    pub fn missing(self) -> Refusal {
        refuse(Reason::MissingField, &format!("{} is missing", self.name))
    }

    /// Returns the value, or refuses the part when it is missing.
    pub fn need<T>(self, value: Option<T>) -> Result<T, Refusal> {
        value.ok_or_else(|| self.missing())
    }

    /// Returns the bytes of a text; `None` when null or empty.
    pub fn text(self) -> Result<Option<&'a [u8]>, Refusal> {
        match self.value {
            Value::Null => Ok(None),
            // No text that means something here needs an escape, so an escaped one is no such text.
            Value::Text(text) if !text.is_escaped => Ok(Some(text.raw).filter(|t| !t.is_empty())),
            _ => Err(self.refuse(Reason::BadField, "no plain text")),
        }
    }

    /// Returns the field, null where it is a text of nothing: an empty one, or a bare `0x`.
    pub fn or_null(self) -> Self {
        match self.value {
            Value::Text(Text { raw: b"" | b"0x" | b"0X", .. }) => {
                Self { value: Value::Null, ..self }
            }
            _ => self,
        }
    }

    /// Returns whether the field is absent, null or a text of nothing.
    pub fn is_nothing(self) -> bool {
        matches!(self.or_null().value, Value::Null)
    }

    /// Reads exactly `N` bytes: their length says what they are, with `0x` in front or without.
    /// A bare `0x` is none, as an empty text is.
    fn bytes<const N: usize>(self) -> Result<Option<[u8; N]>, Refusal> {
        let Some(text) = self.text()? else { return Ok(None) };
        let digits = hex::bare(text);
        match hex::array(digits) {
            Some(bytes) => Ok(Some(bytes)),
            None if digits.is_empty() => Ok(None),
            None => Err(self.refuse(Reason::BadField, &format!("not {} hex digits", N * 2))),
        }
    }

    /// Reads a hash, with `0x` in front or without.
    pub fn hash(self) -> Result<Option<Hash32>, Refusal> {
        Ok(self.bytes()?.map(Hash32))
    }

    /// Reads an EVM address.
    pub fn address(self) -> Result<Option<Address>, Refusal> {
        Ok(self.bytes()?.map(Address::Evm))
    }

    /// Returns the digits of bytes, behind `0x` if it is there; `None` when null or empty.
    pub fn hex_digits(self) -> Result<Option<&'a [u8]>, Refusal> {
        Ok(self.text()?.map(hex::bare))
    }

    /// Reads a boolean, or the text of one; `None` when null or empty.
    pub fn flag(self) -> Result<Option<bool>, Refusal> {
        match self.value {
            Value::Bool(is) => Ok(Some(is)),
            Value::Text(text) if text.raw.eq_ignore_ascii_case(b"true") => Ok(Some(true)),
            Value::Text(text) if text.raw.eq_ignore_ascii_case(b"false") => Ok(Some(false)),
            _ if self.is_nothing() => Ok(None),
            _ => Err(self.refuse(Reason::BadField, "neither true nor false")),
        }
    }

    /// Reads an integer; a fraction or exponent is refused as `of_float`.
    fn integer(self, reader: &Reader<'_>, of_float: Reason) -> Result<Option<Integer>, Refusal> {
        match number::integer(self.value, reader.limits()) {
            Ok(integer) => Ok(Some(integer)),
            Err(NotInteger::Absent) => Ok(None),
            Err(NotInteger::Float) => Err(self.refuse(of_float, "a fraction or an exponent")),
            Err(NotInteger::TooLarge) => {
                Err(self.refuse(Reason::AmountOutOfRange, "2^256 or more"))
            }
            Err(NotInteger::TooManyDigits) => {
                Err(self.refuse(Reason::LimitExceeded, "too many digits"))
            }
            Err(NotInteger::WrongType) => Err(self.refuse(Reason::BadField, "no integer")),
        }
    }

    /// Notes that a bare `0x` was taken for zero.
    fn note_bare(integer: Integer, reader: &mut Reader<'_>) {
        if integer.is_bare_prefix {
            reader.quality |= Quality::UNIT_INFERRED;
        }
    }

    /// Reads an amount in base units.
    pub fn amount(self, reader: &mut Reader<'_>) -> Result<Option<Amount>, Refusal> {
        if let Value::Whole(n) = self.value {
            return Ok(Some(Amount::from_u64(n)));
        }
        let Some(integer) = self.integer(reader, Reason::AmountLossy)? else { return Ok(None) };
        if integer.is_negative && !integer.magnitude.is_zero() {
            return Err(self.refuse(Reason::AmountOutOfRange, "negative"));
        }
        // Decimal columns are exported as texts: a JSON number with a fraction was a float.
        if integer.has_fraction && !matches!(self.value, Value::Text(_)) {
            return Err(self.refuse(Reason::AmountLossy, "a number with a fraction"));
        }
        Self::note_bare(integer, reader);
        Ok(Some(Amount(integer.magnitude)))
    }

    /// Reads a number that may be negative, where `i64` holds it; `Err(reason)` says what else. A
    /// bare `0x` is none: heights and times are not zero by accident.
    pub fn signed(self, reader: &mut Reader<'_>, of_large: Reason) -> Result<Option<i64>, Refusal> {
        if let Value::Whole(n) = self.value
            && let Ok(n) = i64::try_from(n)
        {
            return Ok(Some(n));
        }
        let integer = self.integer(reader, Reason::BadField)?.filter(|i| !i.is_bare_prefix);
        let Some(integer) = integer else { return Ok(None) };
        match i64::try_from(integer.magnitude) {
            Ok(n) => Ok(Some(if integer.is_negative { -n } else { n })),
            Err(_) => Err(self.refuse(of_large, "more than 2^63")),
        }
    }

    /// Reads a block height.
    pub fn height(self, reader: &mut Reader<'_>) -> Result<Option<u64>, Refusal> {
        match self.signed(reader, Reason::ImplausibleHeight)? {
            Some(n) if n < 0 => Err(self.refuse(Reason::ImplausibleHeight, "negative")),
            n => Ok(n.map(i64::cast_unsigned)),
        }
    }

    /// Reads a count, an index or a nonce.
    pub fn count<T: TryFrom<u64>>(self, reader: &mut Reader<'_>) -> Result<Option<T>, Refusal> {
        if let Value::Whole(n) = self.value
            && let Ok(n) = T::try_from(n)
        {
            return Ok(Some(n));
        }
        let Some(integer) = self.integer(reader, Reason::BadField)? else { return Ok(None) };
        if integer.is_negative && !integer.magnitude.is_zero() {
            return Err(self.refuse(Reason::BadField, "negative"));
        }
        Self::note_bare(integer, reader);
        let n = u64::try_from(integer.magnitude).ok().and_then(|n| T::try_from(n).ok());
        n.map(Some).ok_or_else(|| self.refuse(Reason::BadField, "too large for this field"))
    }

    /// Reads the fields of an object inside; `None` when null.
    ///
    /// The scanner has validated it before; it is walked again for its fields.
    pub fn object<const N: usize>(
        self,
        limits: &Limits,
        keys: &'static Keys<N>,
    ) -> Result<Option<Fields<'a, N>>, Refusal> {
        let raw = match self.value {
            Value::Null => return Ok(None),
            Value::Object(raw) => raw,
            _ => return Err(self.refuse(Reason::BadField, "no object")),
        };
        let (mut scratch, mut fields) = (Vec::new(), Fields::new(keys));
        let mut scanner = JsonScanner::new(raw, limits, &mut scratch);
        scanner.object(0, |hash, key, value| fields.put(hash, key, value))?;
        Ok(Some(fields))
    }

    /// Counts the items of an array, or of text with commas; null and an empty text have none.
    pub fn n_items(self, limits: &Limits) -> Result<u32, Refusal> {
        let mut n = 0;
        if let Value::Array(_) = self.value {
            self.elements(limits, |_| {
                n += 1;
                Ok(())
            })?;
        } else {
            let text = self.text()?.unwrap_or_default();
            n = text.split(|&b| b == b',').filter(|part| !part.is_empty()).count();
        }
        Ok(u32::try_from(n).unwrap_or(u32::MAX))
    }

    /// Walks the elements of an array; null and a text of nothing have none.
    ///
    /// The scanner has validated the array before.
    pub fn elements(
        self,
        limits: &Limits,
        mut on_element: impl FnMut(Value<'a>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let raw = match self.or_null().value {
            Value::Null => return Ok(()),
            Value::Array(raw) => raw,
            _ => return Err(self.refuse(Reason::BadField, "no array")),
        };
        let mut scratch = Vec::new();
        let mut scanner = JsonScanner::new(raw, limits, &mut scratch);
        let mut n = 0;
        let mut is_more = scanner.open_array(0)?;
        while is_more {
            on_element(scanner.value(1)?)?;
            is_more = scanner.next_element(&mut n)?;
        }
        Ok(())
    }

    /// Reads the objects of an array that the scanner kept as `rows`, or else like
    /// [`Self::objects`].
    pub fn rows<const N: usize>(
        self,
        rows: &[Fields<'a, N>],
        limits: &Limits,
        keys: &'static Keys<N>,
        mut on_object: impl FnMut(&Fields<'a, N>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        if rows.is_empty() {
            return self.objects(limits, keys, |fields| on_object(&fields));
        }
        rows.iter().try_for_each(on_object)
    }

    /// Reads an array of objects one by one; null and an empty text are an empty array.
    ///
    /// The scanner has validated the array before; it is walked again for its fields.
    pub fn objects<const N: usize>(
        self,
        limits: &Limits,
        keys: &'static Keys<N>,
        mut on_object: impl FnMut(Fields<'a, N>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let raw = match self.value {
            Value::Null => return Ok(()),
            Value::Text(text) if text.raw.is_empty() => return Ok(()),
            Value::Array(raw) => raw,
            _ => return Err(self.refuse(Reason::BadField, "no array")),
        };
        let mut scratch = Vec::new();
        let mut scanner = JsonScanner::new(raw, limits, &mut scratch);
        let mut n = 0;
        let mut is_more = scanner.open_array(0)?;
        while is_more {
            if scanner.peek() != Some(b'{') {
                return Err(self.refuse(Reason::BadField, "an item is no object"));
            }
            let mut fields = Fields::new(keys);
            scanner.object(1, |hash, key, value| fields.put(hash, key, value))?;
            on_object(fields)?;
            is_more = scanner.next_element(&mut n)?;
        }
        Ok(())
    }
}
