//! Reads label lists: plain addresses, CSV with a header, or JSON.

use super::reference::{parse_address, parse_date, read_file};
use crate::model::{Family, Label, LabelKind, Reference};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// One list of labelled accounts; all its accounts get the same kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelFile {
    pub file: PathBuf,
    pub kind: LabelKind,
    /// By default told from the file's extension.
    #[serde(default)]
    pub format: Option<ListFormat>,
    /// Who says so; by default the file's name.
    #[serde(default)]
    pub source: Option<String>,
    /// 0–1, default 1.
    #[serde(default = "certain")]
    pub confidence: f64,
    /// `YYYY-MM-DD`: from then on the labels no longer count.
    #[serde(default)]
    pub expires: Option<String>,
    /// CSV: the column of addresses; by default the first whose name contains `address`.
    #[serde(default)]
    pub address_column: Option<String>,
    /// CSV: the column of names; by default the first whose name contains `tag` or `name`.
    #[serde(default)]
    pub name_column: Option<String>,
}

fn certain() -> f64 {
    1.0
}

/// How a label list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListFormat {
    /// With a header line.
    Csv,
    /// `["0x…"]`, `[{"address", "name"?}]` or `{"0x…": {"name"?}}`.
    Json,
    /// One address a line; `#` starts a comment.
    Text,
}

/// Names are cut at this many bytes: they end up in alerts.
const NAME_BYTES_MAX: usize = 128;

/// Adds a list's accounts of this family to the reference data; returns how many entries are no
/// address of this family, and of how many.
///
/// # Errors
/// When the list cannot be read or its settings are wrong.
pub(super) fn load(
    list: &LabelFile,
    family: Family,
    dir: &Path,
    reference: &mut Reference,
) -> Result<(usize, usize), String> {
    let path = dir.join(&list.file);
    let text = read_file(&path)?;
    let extension = path.extension().and_then(|e| e.to_str());
    let format = list.format.unwrap_or(match extension {
        Some("csv") => ListFormat::Csv,
        Some("json") => ListFormat::Json,
        _ => ListFormat::Text,
    });
    let expires = match &list.expires {
        Some(date) => {
            Some(parse_date(date).ok_or_else(|| format!("expires: {date:?} is not YYYY-MM-DD"))?)
        }
        None => None,
    };
    if !(0.0..=1.0).contains(&list.confidence) {
        return Err(format!("confidence: {} is not between 0 and 1", list.confidence));
    }
    let source = list.source.clone().unwrap_or_else(|| list.file.display().to_string());
    let rows = match format {
        ListFormat::Text => from_text(&text),
        ListFormat::Csv => from_csv(&text, list)?,
        ListFormat::Json => from_json(&text)?,
    };
    let (mut n_foreign, n_rows) = (0, rows.len());
    for (address, mut name) in rows {
        let Some(address) = parse_address(&address, family) else {
            n_foreign += 1;
            continue;
        };
        if name.len() > NAME_BYTES_MAX {
            name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
        }
        reference.labels.entry(address).or_default().push(Label {
            kind: list.kind,
            name,
            source: source.clone(),
            confidence: list.confidence,
            expires,
        });
    }
    Ok((n_foreign, n_rows))
}

fn from_text(text: &str) -> Vec<(String, String)> {
    let address = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    text.lines().map(address).filter(|a| !a.is_empty()).map(|a| (a, String::new())).collect()
}

fn from_csv(text: &str, list: &LabelFile) -> Result<Vec<(String, String)>, String> {
    let mut rows = csv_rows(text).into_iter();
    let header = rows.next().ok_or("the file is empty")?;
    let column = |wanted: &Option<String>, parts: &[&str]| match wanted {
        Some(name) => match header.iter().position(|h| h == name) {
            Some(at) => Ok(Some(at)),
            None => Err(format!("no column {name:?} (there are {})", header.join(", "))),
        },
        None => Ok(parts
            .iter()
            .find_map(|part| header.iter().position(|h| h.to_ascii_lowercase().contains(part)))),
    };
    let address = column(&list.address_column, &["address"])?.unwrap_or(0);
    let name = column(&list.name_column, &["tag", "name"])?;
    let cell = |row: &[String], at: usize| row.get(at).cloned().unwrap_or_default();
    Ok(rows
        .map(|row| (cell(&row, address), name.map(|at| cell(&row, at)).unwrap_or_default()))
        .collect())
}

/// Splits CSV into rows of cells.
///
/// # Source
/// RFC 4180: cells in quotes may hold commas, line ends and doubled quotes.
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !is_quoted => {}
            other => cell.push(other),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}

fn from_json(text: &str) -> Result<Vec<(String, String)>, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let name = |v: &Value| {
        let found = v.get("name").or_else(|| v.get("label"));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    match value {
        Value::Array(items) => Ok(items
            .iter()
            .filter_map(|item| {
                let address = item.as_str().or_else(|| item.get("address")?.as_str())?;
                Some((address.to_owned(), name(item)))
            })
            .collect()),
        Value::Object(map) => Ok(map.iter().map(|(k, v)| (k.clone(), name(v))).collect()),
        _ => Err("neither an array nor an object".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_gives_addresses_and_names() {
        let pairs = |rows: Vec<(String, String)>| -> Vec<String> {
            rows.into_iter().map(|(a, n)| format!("{a}={n}")).collect()
        };
        assert_eq!(pairs(from_text("0x1\n# c\n 0x2 # d\n")), ["0x1=", "0x2="]);
        let list: LabelFile =
            serde_json::from_value(serde_json::json!({"file": "x", "kind": "scam"})).unwrap();
        let csv = "id,wallet_address,wallet_tag\n1,0x1,\"a, \"\"b\"\"\"\r\n2,0x2,c";
        assert_eq!(pairs(from_csv(csv, &list).unwrap()), ["0x1=a, \"b\"", "0x2=c"]);
        for json in [r#"["0x1",{"address":"0x2","name":"n"}]"#, r#"{"0x1":{},"0x2":{"name":"n"}}"#]
        {
            assert_eq!(pairs(from_json(json).unwrap()), ["0x1=", "0x2=n"]);
        }
    }
}
