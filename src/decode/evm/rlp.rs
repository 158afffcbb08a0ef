//! Recursive length prefix: a strict reader that copies nothing, and a writer for hashing.
//!
//! # Source
//! Ethereum Yellow Paper, appendix B. Only the canonical encoding is read: one byte below 0x80
//! stands for itself, lengths are the shortest possible, nothing is left over.

/// One item where it stands in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum RlpItem<'a> {
    Bytes(&'a [u8]),
    /// The items' encodings, one behind the other.
    List(&'a [u8]),
}

/// Why bytes are no canonical RLP, or not the item expected.
pub(in crate::decode) type RlpFlaw = &'static str;

/// Reads the items of a list one by one.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) struct RlpItems<'a> {
    rest: &'a [u8],
}

/// Reads bytes that are exactly one item.
pub(in crate::decode) fn only(bytes: &[u8]) -> Result<RlpItem<'_>, RlpFlaw> {
    let mut items = RlpItems { rest: bytes };
    let item = items.next()?.ok_or("no bytes")?;
    if items.is_end() { Ok(item) } else { Err("something follows the item") }
}

impl<'a> RlpItem<'a> {
    /// Returns the items of a list.
    pub fn list(self) -> Result<RlpItems<'a>, RlpFlaw> {
        match self {
            Self::List(rest) => Ok(RlpItems { rest }),
            Self::Bytes(_) => Err("bytes instead of a list"),
        }
    }

    /// Returns a byte string.
    pub fn bytes(self) -> Result<&'a [u8], RlpFlaw> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::List(_) => Err("a list instead of bytes"),
        }
    }
}

impl<'a> RlpItems<'a> {
    /// Reads the items of a list's payload.
    pub fn of(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    /// Returns whether all items have been read.
    pub fn is_end(self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the encodings from here to where `later` stands in the same list.
    pub fn before(self, later: Self) -> &'a [u8] {
        &self.rest[..self.rest.len().saturating_sub(later.rest.len())]
    }

    /// Returns the next item, `None` at the end.
    pub fn next(&mut self) -> Result<Option<RlpItem<'a>>, RlpFlaw> {
        Ok(self.next_raw()?.map(|(item, _)| item))
    }

    /// Returns the next item with its whole encoding.
    pub fn next_raw(&mut self) -> Result<Option<(RlpItem<'a>, &'a [u8])>, RlpFlaw> {
        let Some(&first) = self.rest.first() else { return Ok(None) };
        let (head, payload) = match first {
            0..0x80 => (0, 1),
            0x80..0xb8 => (1, usize::from(first - 0x80)),
            0xb8..0xc0 => self.long_length(first - 0xb7)?,
            0xc0..0xf8 => (1, usize::from(first - 0xc0)),
            0xf8.. => self.long_length(first - 0xf7)?,
        };
        let end = head.checked_add(payload).filter(|&end| end <= self.rest.len());
        let (raw, rest) = self.rest.split_at(end.ok_or("an item ends behind its list")?);
        let bytes = &raw[head..];
        if head == 1 && payload == 1 && first < 0xc0 && bytes[0] < 0x80 {
            return Err("a small byte with a length");
        }
        self.rest = rest;
        Ok(Some((if first < 0xc0 { RlpItem::Bytes(bytes) } else { RlpItem::List(bytes) }, raw)))
    }

    /// Reads a length of `n` bytes; returns the size of the head and the length.
    fn long_length(&self, n: u8) -> Result<(usize, usize), RlpFlaw> {
        let n = usize::from(n);
        let digits = self.rest.get(1..=n).ok_or("a length without its bytes")?;
        let length = digits
            .iter()
            .try_fold(0usize, |length, &b| Some(length.checked_mul(256)? | usize::from(b)));
        let length = length.ok_or("a length beyond any input")?;
        if digits.first() == Some(&0) || length < 56 {
            return Err("a length that is not the shortest");
        }
        Ok((1 + n, length))
    }

    /// Reads the next item, which must be there.
    pub fn need(&mut self) -> Result<RlpItem<'a>, RlpFlaw> {
        self.next()?.ok_or("too few items")
    }

    /// Reads an integer of at most `N` bytes into big-endian ones.
    pub fn uint<const N: usize>(&mut self) -> Result<[u8; N], RlpFlaw> {
        let bytes = self.need()?.bytes()?;
        if bytes.first() == Some(&0) {
            return Err("an integer with a leading zero");
        }
        let mut wide = [0; N];
        let start = N.checked_sub(bytes.len()).ok_or("an integer that is too large")?;
        wide[start..].copy_from_slice(bytes);
        Ok(wide)
    }

    /// Reads an integer that fits a `u64`.
    pub fn number(&mut self) -> Result<u64, RlpFlaw> {
        Ok(u64::from_be_bytes(self.uint()?))
    }

    /// Reads exactly `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], RlpFlaw> {
        self.need()?.bytes()?.try_into().map_err(|_| "bytes of another length")
    }

    /// Checks that nothing follows.
    pub fn end(self) -> Result<(), RlpFlaw> {
        if self.is_end() { Ok(()) } else { Err("too many items") }
    }

    /// Counts the items that are left.
    pub fn count(mut self) -> Result<u32, RlpFlaw> {
        let mut n = 0;
        while self.next()?.is_some() {
            n += 1;
        }
        Ok(n)
    }
}

/// Writes items.
#[derive(Debug, Default)]
pub(in crate::decode) struct RlpWriter {
    pub out: Vec<u8>,
}

impl RlpWriter {
    /// Writes a byte string.
    pub fn bytes(&mut self, bytes: &[u8]) {
        if let [byte @ 0..0x80] = bytes {
            self.out.push(*byte);
            return;
        }
        self.out.extend_from_slice(head(0x80, bytes.len()).as_slice());
        self.out.extend_from_slice(bytes);
    }

    /// Writes an integer given as big-endian bytes.
    pub fn uint(&mut self, bytes: &[u8]) {
        let n_zeros = bytes.iter().take_while(|&&b| b == 0).count();
        self.bytes(&bytes[n_zeros..]);
    }

    /// Makes a list of what was written since `start`.
    pub fn wrap(&mut self, start: usize) {
        let head = head(0xc0, self.out.len() - start);
        self.out.splice(start..start, head.as_slice().iter().copied());
    }
}

/// The first bytes of an item: its kind and length.
pub(in crate::decode) struct RlpHead {
    bytes: [u8; 9],
    n_bytes: usize,
}

impl RlpHead {
    /// Returns the bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.n_bytes]
    }
}

/// Returns the head of a list whose items take `n` bytes.
pub(in crate::decode) fn list_head(n: usize) -> RlpHead {
    head(0xc0, n)
}

fn head(kind: u8, n: usize) -> RlpHead {
    let mut bytes = [0; 9];
    if n < 56 {
        bytes[0] = kind + n as u8;
        return RlpHead { bytes, n_bytes: 1 };
    }
    let digits = (n as u64).to_be_bytes();
    let n_zeros = digits.iter().take_while(|&&b| b == 0).count();
    let n_digits = digits.len() - n_zeros;
    bytes[0] = kind + 55 + n_digits as u8;
    bytes[1..=n_digits].copy_from_slice(&digits[n_zeros..]);
    RlpHead { bytes, n_bytes: 1 + n_digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_only_that() {
        let mut writer = RlpWriter::default();
        writer.bytes(b"");
        writer.uint(&[0, 0, 7]);
        writer.bytes(&[0x80; 60]);
        let inner = writer.out.len();
        writer.bytes(b"dog");
        writer.wrap(inner);
        writer.wrap(0);
        let mut items = only(&writer.out).unwrap().list().unwrap();
        assert_eq!(items.need(), Ok(RlpItem::Bytes(b"")));
        assert_eq!(items.number(), Ok(7));
        assert_eq!(items.array(), Ok([0x80; 60]));
        assert_eq!(items.need().unwrap().list().unwrap().need(), Ok(RlpItem::Bytes(b"dog")));
        assert!(items.is_end());
        for cut in 0..writer.out.len() {
            assert!(only(&writer.out[..cut]).is_err(), "cut at {cut}");
        }
        for bad in [&[0x81, 5][..], &[0xb8, 3, 1, 2, 3], &[0xf8, 0], &[0xff; 9], &[0xc1]] {
            assert!(only(bad).is_err(), "{bad:?}");
        }
    }
}
