//! Reads the items of a recorded file, and tells what a file holds.

use super::{Item, LineShape, RecordedError, kcat, line};
use crate::files::records::{Records, unpack_from};
use std::{io, path::Path};

/// Tells what a line is: see the module's page.
pub fn shape_of_line(text: &[u8]) -> LineShape {
    if !text.starts_with(b"{") {
        LineShape::Plain
    } else if line::is_own(text) {
        LineShape::Own
    } else if kcat::parse(text).is_ok() {
        LineShape::Kcat
    } else {
        LineShape::Plain
    }
}

/// Tells what a file holds by its first line; an empty one holds plain lines.
///
/// # Errors
/// When it cannot be read.
pub fn shape_of(path: &Path) -> io::Result<LineShape> {
    Ok(Records::open(path)?.next_record()?.map_or(LineShape::Plain, shape_of_line))
}

/// Hands out the items of one recorded file.
pub struct LogReader {
    records: Records,
    shape: LineShape,
}

impl LogReader {
    /// Opens a file that holds recorded lines.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path, shape: LineShape) -> io::Result<Self> {
        Ok(Self { records: Records::open(path)?, shape })
    }

    /// Reads recorded lines from anywhere, packed or not.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn over(input: Box<dyn io::Read>, shape: LineShape) -> io::Result<Self> {
        Ok(Self { records: Records::new(unpack_from(input)?, false), shape })
    }

    /// Returns the next item, `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is not what the first one was.
    pub fn next_item(&mut self) -> Result<Option<Item>, RecordedError> {
        let Some(text) = self.records.next_record()? else { return Ok(None) };
        let item = match self.shape {
            LineShape::Own => line::parse(text),
            _ => kcat::parse(text).map(Item::Record),
        };
        item.map(Some).map_err(|what| RecordedError::Line { n_line: self.n_line(), what })
    }

    /// Returns the number of the last item's line.
    pub fn n_line(&self) -> u64 {
        self.records.n_line()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const KCAT: &str = r#"{"topic":"t","partition":0,"offset":0,"tstype":"create","ts":1,"broker":1,"key":null,"payload":"v"}"#;
    const OWN: &str = r#"{"schema":"txwarden.record/1","topic":"t","partition":0,"read_from":0}"#;

    #[test]
    fn a_first_line_tells_what_a_file_holds() {
        for (line, shape) in [
            (KCAT.to_owned(), LineShape::Kcat),
            (OWN.to_owned(), LineShape::Own),
            (OWN.replace("record/1", "record/7"), LineShape::Own),
            // A chain's own records, however they look.
            (
                r#"{"topic":"t","partition":0,"offset":0,"payload":"v"}"#.to_owned(),
                LineShape::Plain,
            ),
            (KCAT.replace("\"broker\"", "\"block_number\""), LineShape::Plain),
            (KCAT.replace("create", "other"), LineShape::Plain),
            (format!("[{KCAT}]"), LineShape::Plain),
            (format!(r#"{{"record":{KCAT}}}"#), LineShape::Plain),
            (
                r#"{"schema":{"type":"struct"},"payload":{"topic":"t"}}"#.to_owned(),
                LineShape::Plain,
            ),
            (r#"{"schema":"txwarden.alert/1"}"#.to_owned(), LineShape::Plain),
        ] {
            assert_eq!(shape_of_line(line.as_bytes()), shape, "{line}");
        }
    }

    #[test]
    fn a_line_that_is_not_what_the_first_was_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        for (first, second) in [(KCAT, OWN), (OWN, KCAT), (OWN, "plain")] {
            let text = format!("\n{first}\n\n{second}\n");
            fs::write(&path, zstd::stream::encode_all(text.as_bytes(), 1).unwrap()).unwrap();
            let mut reader = LogReader::open(&path, shape_of(&path).unwrap()).unwrap();
            assert!(reader.next_item().unwrap().is_some());
            let error = reader.next_item().unwrap_err().to_string();
            assert!(error.starts_with("line 4: no line of "), "{error}");
        }
    }
}
