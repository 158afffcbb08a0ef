//! Records from files: JSON lines or a JSON array, plain, gzip, xz or zstd, or standard input.

pub use crate::files::unpacked::{Unpacked, unpack, unpack_from};

use memchr::{memchr, memchr2};
use std::{
    io::{self, Read},
    ops::Range,
    path::Path,
};

/// The longest record handed on; what is longer is cut, and the decoder refuses it as too large
/// (its own limit is lower).
pub const RECORD_BYTES_MAX: usize = 32 << 20;

/// Bytes asked for at once: large enough that system calls do not show in a profile.
const CHUNK_BYTES: usize = 256 << 10;

/// Splits one file into records, reusing one buffer.
///
/// A line is a record; blank lines are none. A file whose first byte is `[` is a JSON array and
/// each element is a record, unless its name says that it holds lines (`.jsonl`, `.ndjson`): there
/// such a line is a batch record.
///
/// # Cost
/// Holds one chunk, or the longest record, at most [`RECORD_BYTES_MAX`] and a chunk.
pub struct Records {
    input: Box<dyn Read>,
    buf: Vec<u8>,
    /// The unread part of `buf`.
    start: usize,
    end: usize,
    is_at_end: bool,
    shape: RecordsLayout,
    /// Lines taken so far, the last record's included; means nothing inside an array.
    n_lines: u64,
}

/// How records are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecordsLayout {
    /// Not looked at yet; the flag says whether an array is possible.
    Unknown(bool),
    Lines,
    /// Between arrays, or inside one.
    Array {
        is_inside: bool,
    },
}

impl Records {
    /// Opens a file, `-` being standard input; what is packed is unpacked, see [`unpack`].
    ///
    /// # Errors
    /// When the file cannot be opened, or is packed in a way that is not read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let Unpacked { input, stem } = unpack(path)?;
        let is_lines = stem.ends_with(".jsonl") || stem.ends_with(".ndjson");
        Ok(Self::new(input, !is_lines))
    }

    /// Splits any reader; `may_be_array` allows the array shape.
    pub fn new(input: Box<dyn Read>, may_be_array: bool) -> Self {
        Self {
            input,
            buf: vec![0; CHUNK_BYTES],
            start: 0,
            end: 0,
            is_at_end: false,
            shape: RecordsLayout::Unknown(may_be_array),
            n_lines: 0,
        }
    }

    /// Returns the number of the line that the last record was, counted from 1; means nothing
    /// inside an array.
    pub fn n_line(&self) -> u64 {
        self.n_lines
    }

    /// Returns the next record, or `None` at the end.
    ///
    /// # Errors
    /// When reading or decompressing fails.
    pub fn next_record(&mut self) -> io::Result<Option<&[u8]>> {
        if let RecordsLayout::Unknown(may_be_array) = self.shape {
            let first = self.peek_non_space()?;
            let is_array = may_be_array && first == Some(b'[');
            self.shape = if is_array {
                RecordsLayout::Array { is_inside: false }
            } else {
                RecordsLayout::Lines
            };
        }
        loop {
            let range = match self.shape {
                RecordsLayout::Array { is_inside } => self.next_element(is_inside)?,
                _ => {
                    self.n_lines += 1;
                    self.take_until(&mut LineEnd)?
                }
            };
            let Some(range) = range else { return Ok(None) };
            let record = self.buf[range.clone()].trim_ascii();
            if !record.is_empty() {
                return Ok(Some(self.buf[range].trim_ascii()));
            }
        }
    }

    /// Returns where the next element of an array is; after the array, the next line.
    fn next_element(&mut self, mut is_inside: bool) -> io::Result<Option<Range<usize>>> {
        loop {
            match (self.peek_non_space()?, is_inside) {
                (None, _) => return Ok(None),
                (Some(b'['), false) => is_inside = true,
                (Some(b']'), true) => is_inside = false,
                (Some(b','), true) => {}
                (Some(_), false) => return self.take_until(&mut LineEnd),
                (Some(_), true) => {
                    self.shape = RecordsLayout::Array { is_inside };
                    return self.take_until(&mut ElementEnd::default());
                }
            }
            self.start += 1;
            self.shape = RecordsLayout::Array { is_inside };
        }
    }

    /// Skips white space and returns the byte behind it without taking it.
    fn peek_non_space(&mut self) -> io::Result<Option<u8>> {
        loop {
            let rest = &self.buf[self.start..self.end];
            let n_skipped = rest.iter().position(|b| !b.is_ascii_whitespace());
            let skipped = &rest[..n_skipped.unwrap_or(rest.len())];
            self.n_lines += skipped.iter().filter(|b| **b == b'\n').count() as u64;
            if let Some(n) = n_skipped {
                self.start += n;
                return Ok(Some(self.buf[self.start]));
            }
            self.start = self.end;
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Takes everything up to the delimiter, or to the end; a record that is too long is cut.
    fn take_until(&mut self, delimiter: &mut impl Delimiter) -> io::Result<Option<Range<usize>>> {
        let mut n_scanned = 0;
        loop {
            let from = self.start + n_scanned;
            if let Some(n) = delimiter.find(&self.buf[from..self.end]) {
                let range = self.start..from + n;
                self.start = from + n + delimiter.n_taken();
                return Ok(Some(range));
            }
            n_scanned = self.end - self.start;
            if n_scanned > RECORD_BYTES_MAX {
                n_scanned = RECORD_BYTES_MAX;
                self.end = self.start + n_scanned;
            }
            if !self.fill()? {
                let range = self.start..self.end;
                self.start = self.end;
                return Ok((!range.is_empty()).then_some(range));
            }
        }
    }

    /// Reads more behind what is there; false at the end of the input.
    fn fill(&mut self) -> io::Result<bool> {
        if self.buf.len() - self.end < CHUNK_BYTES / 2 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.buf.len() - self.end < CHUNK_BYTES / 2 {
                self.buf.resize(self.buf.len() * 2, 0);
            }
        }
        while !self.is_at_end {
            match self.input.read(&mut self.buf[self.end..]) {
                Ok(0) => self.is_at_end = true,
                Ok(n) => {
                    self.end += n;
                    return Ok(true);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(false)
    }
}

/// Where a record ends; keeps what it has to remember between chunks.
trait Delimiter {
    /// Returns the position of the delimiter in the next bytes.
    fn find(&mut self, bytes: &[u8]) -> Option<usize>;

    /// Returns how many bytes the delimiter itself takes.
    fn n_taken(&self) -> usize;
}

struct LineEnd;

impl Delimiter for LineEnd {
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        memchr(b'\n', bytes)
    }

    fn n_taken(&self) -> usize {
        1
    }
}

/// The comma or bracket that ends an array element; left in place for the caller.
#[derive(Default)]
struct ElementEnd {
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
}

impl Delimiter for ElementEnd {
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.is_escaped {
                self.is_escaped = false;
            } else if self.is_in_string {
                at += memchr2(b'"', b'\\', &bytes[at..])?;
                self.is_escaped = bytes[at] == b'\\';
                self.is_in_string = self.is_escaped;
            } else {
                match byte {
                    b'"' => self.is_in_string = true,
                    b'[' | b'{' => self.depth += 1,
                    b',' | b']' if self.depth == 0 => return Some(at),
                    b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
            }
            at += 1;
        }
        None
    }

    fn n_taken(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out one byte at a time, so that every boundary falls between two reads.
    struct Drip(Vec<u8>, usize);

    impl Read for Drip {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = usize::from(self.1 < self.0.len());
            out[..n].copy_from_slice(&self.0[self.1..self.1 + n]);
            self.1 += n;
            Ok(n)
        }
    }

    fn split(text: &str, may_be_array: bool) -> Vec<String> {
        let mut records = Records::new(Box::new(Drip(text.into(), 0)), may_be_array);
        let mut out = Vec::new();
        while let Some(record) = records.next_record().unwrap() {
            out.push(String::from_utf8(record.to_vec()).unwrap());
        }
        out
    }

    #[test]
    fn lines_and_array_elements_are_records() {
        assert_eq!(split("{\"a\":1}\r\n\n  {\"b\":2}", true), ["{\"a\":1}", "{\"b\":2}"]);
        let array = r#" [ {"a":"],\"["}, [1,2] ,3
            ]
            [4] tail"#;
        assert_eq!(split(array, true), [r#"{"a":"],\"["}"#, "[1,2]", "3", "4", "tail"]);
        let mut records = Records::new(Box::new(Drip(b"\n \n a\n\nb".to_vec(), 0)), true);
        for (record, n) in [("a", 3), ("b", 5)] {
            assert_eq!(records.next_record().unwrap(), Some(record.as_bytes()));
            assert_eq!(records.n_line(), n);
        }
        assert_eq!(split("[1,2]\n[3]\n", false), ["[1,2]", "[3]"]);
        assert!(split("", true).is_empty() && split("[]", true).is_empty());
    }

    #[test]
    fn a_record_without_end_is_cut_and_the_next_one_is_whole() {
        let mut bytes = vec![b'x'; RECORD_BYTES_MAX + 3 * CHUNK_BYTES];
        bytes.extend(b"\nnext\n");
        let mut records = Records::new(Box::new(io::Cursor::new(bytes)), true);
        let n = records.next_record().unwrap().unwrap().len();
        assert!((RECORD_BYTES_MAX..=2 * RECORD_BYTES_MAX).contains(&n), "{n}");
        assert_eq!(records.next_record().unwrap(), Some(&b"next"[..]));
        assert_eq!(records.next_record().unwrap(), None);
        assert!(records.buf.len() <= 4 * RECORD_BYTES_MAX);
    }
}
