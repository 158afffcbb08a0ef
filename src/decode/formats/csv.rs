//! CSV row by row: cells, quotes, line ends.
//!
//! # Source
//! RFC 4180, with line feeds alone as line ends too.

use crate::decode::{Reason, Refusal, json::field::refuse, record::Parts};
use std::borrow::Cow;

/// The cells of one row.
pub(in crate::decode) type CsvRow<'a> = Vec<Cow<'a, str>>;

/// The rows of one text; empty lines are none.
pub(in crate::decode) struct Rows<'a> {
    rest: &'a str,
    columns_max: usize,
    rows_max: usize,
    n_rows: usize,
}

impl<'a> Rows<'a> {
    /// Stands before the first row of a text.
    pub fn of(text: &'a str, columns_max: usize, parts: &Parts<'_>) -> Result<Self, Refusal> {
        // A JSON document may have none behind it either.
        if text.trim_end().ends_with('\0') {
            return Err(refuse(Reason::BadField, "a NUL stands behind the text"));
        }
        Ok(Self { rest: text, columns_max, rows_max: parts.settings.limits.items_max, n_rows: 0 })
    }

    /// Takes the next row; `None` behind the last.
    pub fn next(&mut self) -> Result<Option<CsvRow<'a>>, Refusal> {
        while !self.rest.is_empty() {
            // Millions of empty lines are no reason to make millions of rows.
            if let Some(after) = self.rest.strip_prefix('\n') {
                self.rest = after;
                continue;
            }
            let row = self.row()?;
            if let [only] = row.as_slice()
                && only.trim().is_empty()
            {
                continue;
            }
            self.n_rows += 1;
            if self.n_rows > self.rows_max {
                return Err(refuse(Reason::LimitExceeded, "too many rows"));
            }
            return Ok(Some(row));
        }
        if self.n_rows == 0 {
            return Err(refuse(Reason::EmptyValue, "no row"));
        }
        Ok(None)
    }

    fn row(&mut self) -> Result<CsvRow<'a>, Refusal> {
        let mut cells = Vec::new();
        loop {
            let (cell, after) = cell(self.rest)?;
            cells.push(cell);
            if cells.len() > self.columns_max {
                return Err(refuse(Reason::LimitExceeded, "too many columns"));
            }
            self.rest = after.get(1..).unwrap_or_default();
            match after.as_bytes() {
                [b',', ..] => {}
                [b'\r', b'\n', ..] => {
                    self.rest = &after[2..];
                    return Ok(cells);
                }
                _ => return Ok(cells),
            }
        }
    }
}

/// Reads one cell; what is left begins with a comma, a line end, or is empty.
fn cell(text: &str) -> Result<(Cow<'_, str>, &str), Refusal> {
    let bad = |what| Err(refuse(Reason::BadField, what));
    let Some(quoted) = text.strip_prefix('"') else {
        let end = memchr::memchr3(b',', b'\n', b'\r', text.as_bytes()).unwrap_or(text.len());
        let (cell, after) = text.split_at(end);
        if memchr::memchr(b'"', cell.as_bytes()).is_some() {
            return bad("a quote inside a bare cell");
        }
        return Ok((cell.into(), after));
    };
    let mut from = 0;
    loop {
        let Some(at) = quoted[from..].find('"').map(|at| from + at) else {
            return bad("a quoted cell does not end");
        };
        let after = &quoted[at + 1..];
        match after.as_bytes().first() {
            Some(b'"') => from = at + 2,
            None | Some(b',' | b'\n' | b'\r') => {
                let cell = &quoted[..at];
                let is_plain = !cell.contains('"');
                let cell = if is_plain { cell.into() } else { cell.replace("\"\"", "\"").into() };
                return Ok((cell, after));
            }
            Some(_) => return bad("something follows a quoted cell"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Option<Vec<Vec<String>>> {
        let mut rows = Rows { rest: text, columns_max: 4, rows_max: 3, n_rows: 0 };
        let mut found = Vec::new();
        while let Some(row) = rows.next().ok()? {
            found.push(row.into_iter().map(Cow::into_owned).collect());
        }
        Some(found)
    }

    #[test]
    fn rows_are_split_as_the_standard_says() {
        assert_eq!(rows("a,,\"b,c\"").unwrap(), [["a", "", "b,c"]]);
        assert_eq!(rows("\"a\"\"b\",").unwrap(), [["a\"b", ""]]);
        assert_eq!(rows("a,b\r\n\n\"c\nd\",e\n").unwrap(), [["a", "b"], ["c\nd", "e"]]);
        for bad in ["", "\n \n", "\"a", "\"a\"b,c", "\"a\"\"", "a\"b", "a,b,c,d,e", "a\na\na\na"] {
            assert_eq!(rows(bad), None, "{bad:?}");
        }
    }
}
