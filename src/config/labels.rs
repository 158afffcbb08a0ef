//! Reads label lists: plain addresses, CSV with a header, or JSON.

use super::{
    entry::{EntryTally, ListEntry},
    reference::read_file,
};
use crate::{
    decode::{account, day},
    model::{Chain, EventTime, Label, LabelKind, Reference},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// One list of labelled accounts; all its accounts get the same kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelFile {
    /// CSV, JSON, or text with one address a line; relative to the configuration file.
    #[schemars(length(min = 1, max = 4_096))]
    pub file: PathBuf,
    pub kind: LabelKind,
    /// By default told from the file's extension.
    #[serde(default)]
    pub format: Option<ListFormat>,
    /// Who says so; by default the file's name.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub source: Option<String>,
    /// 0–1, default 1.
    #[serde(default = "certain")]
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub confidence: f64,
    /// `YYYY-MM-DD`: from then on the labels no longer count.
    #[serde(default)]
    #[schemars(length(min = 10, max = 10))]
    pub expires: Option<String>,
    /// CSV: the column of addresses; by default the first whose name contains `address`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub address_column: Option<String>,
    /// CSV: the column of names; by default the first whose name contains `tag` or `name`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub name_column: Option<String>,
    /// CSV: the column that says of which asset or chain an entry is; by default one that is named
    /// `asset`, `currency`, `chain`, `network` or `blockchain`. JSON: a key of one of these names.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub asset_column: Option<String>,
    /// The asset or chain of all entries (`XMR`): what is none of another chain's accounts is then
    /// left out there, and no mistake.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub asset: Option<String>,
}

fn certain() -> f64 {
    1.0
}

/// How a label list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
/// What names the asset or chain of an entry.
const ASSET_NAMES: [&str; 5] = ["asset", "currency", "chain", "network", "blockchain"];

/// What an operator can do about an entry that is none.
const HINT: &str = "a list or column of another asset is named with asset: or asset_column:";

/// One entry of a list.
#[derive(Debug, Default)]
struct LabelRow {
    /// From 1; in JSON it is looked up when it is needed.
    line: Option<usize>,
    address: String,
    name: String,
    /// Empty where nothing says so.
    asset: String,
}

/// Adds a list's accounts of this chain to the reference data; returns what became of its entries.
///
/// # Errors
/// When the list cannot be read, its settings are wrong, or entries are no accounts of any chain.
pub(super) fn load(
    list: &LabelFile,
    chain: &Chain,
    dir: &Path,
    reference: &mut Reference,
) -> Result<EntryTally, Vec<String>> {
    let path = dir.join(&list.file);
    let (text, rows, expires) = read(list, &path).map_err(|error| vec![error])?;
    let source = list.source.clone().unwrap_or_else(|| list.file.display().to_string());
    let mut tally = EntryTally::new(&path, HINT);
    for row in rows {
        let asset = if row.asset.is_empty() { list.asset.as_deref() } else { Some(&*row.asset) };
        let line = || row.line.unwrap_or_else(|| line_in_json(&text, &row.address));
        let entry = ListEntry { address: &row.address, asset, line: &line };
        let Some(address) = tally.read(&entry, chain) else { continue };
        let mut name = row.name;
        if name.len() > NAME_BYTES_MAX {
            name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
        }
        let label = Label {
            kind: list.kind,
            name,
            source: source.clone(),
            confidence: list.confidence,
            expires,
        };
        let labels = reference.labels.entry(address).or_default();
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    tally.end()
}

/// Reads a list's settings and entries.
fn read(
    list: &LabelFile,
    path: &Path,
) -> Result<(String, Vec<LabelRow>, Option<EventTime>), String> {
    let text = read_file(path)?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    let extension = path.extension().and_then(|e| e.to_str());
    let format = list.format.unwrap_or(match extension {
        Some("csv") => ListFormat::Csv,
        Some("json") => ListFormat::Json,
        _ => ListFormat::Text,
    });
    let expires =
        match &list.expires {
            Some(date) => Some(day(date).ok_or_else(|| {
                format!("expires: {date:?} is no day of the calendar, YYYY-MM-DD")
            })?),
            None => None,
        };
    if !(0.0..=1.0).contains(&list.confidence) {
        return Err(format!("confidence: {} is not between 0 and 1", list.confidence));
    }
    let in_file = |error| format!("{}: {error}", path.display());
    let rows = match format {
        ListFormat::Text => from_text(&text),
        ListFormat::Csv => from_csv(&text, list).map_err(in_file)?,
        ListFormat::Json => from_json(&text).map_err(in_file)?,
    };
    Ok((text, rows, expires))
}

fn from_text(text: &str) -> Vec<LabelRow> {
    let address = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let lines = text.lines().map(address).zip(1..);
    let rows = lines.filter(|(address, _)| !address.is_empty());
    rows.map(|(address, line)| LabelRow { line: Some(line), address, ..LabelRow::default() })
        .collect()
}

fn from_csv(text: &str, list: &LabelFile) -> Result<Vec<LabelRow>, String> {
    let mut rows = csv_rows(text)?.into_iter();
    let Some((line, header)) = rows.next() else { return Ok(Vec::new()) };
    if header.iter().any(|cell| account::is_evident(cell)) {
        return Err(format!("line {line} is an account and no header (address,name)"));
    }
    let column = |wanted: &Option<String>, is: &dyn Fn(&str) -> bool| match wanted {
        Some(name) => match header.iter().position(|h| h == name) {
            Some(at) => Ok(Some(at)),
            None => Err(format!("no column {name:?} (there are {})", header.join(", "))),
        },
        None => Ok(header.iter().position(|h| is(&h.to_ascii_lowercase()))),
    };
    let address = column(&list.address_column, &|h| h.contains("address"))?.unwrap_or(0);
    let name = match column(&list.name_column, &|h| h.contains("tag"))? {
        None => column(&None, &|h| h.contains("name"))?,
        found => found,
    };
    let asset = column(&list.asset_column, &|h| ASSET_NAMES.contains(&h))?;
    let cell = |row: &[String], at: usize| row.get(at).cloned().unwrap_or_default();
    let optional =
        |row: &[String], at: Option<usize>| at.map(|at| cell(row, at)).unwrap_or_default();
    Ok(rows
        .map(|(line, row)| LabelRow {
            line: Some(line),
            address: cell(&row, address),
            name: optional(&row, name),
            asset: optional(&row, asset),
        })
        .collect())
}

/// Splits CSV into rows of cells, each with the line it begins on.
///
/// # Source
/// RFC 4180: cells in quotes may hold commas, line ends and doubled quotes.
fn csv_rows(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let (mut line, mut start) = (1, 1);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if is_quoted => is_quoted = false,
            // Within a cell that does not begin with one it is a sign like others.
            '"' if cell.trim().is_empty() => {
                cell.clear();
                is_quoted = true;
            }
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push((start, std::mem::take(&mut row)));
                start = line;
            }
            '\r' if !is_quoted => {}
            other => cell.push(other),
        }
    }
    if is_quoted {
        return Err(format!("line {start}: a quote is never closed"));
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push((start, row));
    }
    rows.iter_mut().flat_map(|(_, row)| row).for_each(|cell| *cell = cell.trim().to_owned());
    let is_comment = |row: &[String]| {
        row.first()
            .is_some_and(|cell| cell.starts_with("# ") || cell.starts_with('#') && row.len() == 1)
    };
    rows.retain(|(_, row)| row.iter().any(|cell| !cell.is_empty()) && !is_comment(row));
    Ok(rows)
}

fn from_json(text: &str) -> Result<Vec<LabelRow>, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let text_at = |v: &Value, keys: &[&str]| {
        let found = keys.iter().find_map(|key| v.get(key)?.as_str());
        found.unwrap_or_default().to_owned()
    };
    let row = |address: String, v: &Value| LabelRow {
        line: None,
        address,
        name: text_at(v, &["name", "label"]),
        asset: text_at(v, &ASSET_NAMES),
    };
    match value {
        Value::Array(items) => Ok(items
            .iter()
            .map(|item| {
                let address = item.as_str().map(str::to_owned);
                row(address.unwrap_or_else(|| text_at(item, &["address"])), item)
            })
            .collect()),
        Value::Object(map) => Ok(map.iter().map(|(k, v)| row(k.clone(), v)).collect()),
        _ => Err("neither an array nor an object".to_owned()),
    }
}

/// Returns the line on which an address first stands; 0 when it is written in another way.
fn line_in_json(text: &str, address: &str) -> usize {
    let quoted = serde_json::to_string(address).unwrap_or_default();
    let at = text.find(&quoted).filter(|_| !address.is_empty());
    at.map_or(0, |at| text[..at].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_gives_addresses_and_names() {
        let pairs = |rows: Vec<LabelRow>| -> Vec<String> {
            rows.into_iter().map(|row| format!("{}={}", row.address, row.name)).collect()
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
        let csv = "chain,address\nBTC,1a\n\n\"E\nTC\",0x1\n";
        let rows = from_csv(csv, &list).unwrap();
        let lines: Vec<_> = rows.iter().map(|row| (row.line, &*row.asset)).collect();
        assert_eq!(lines, [(Some(2), "BTC"), (Some(4), "E\nTC")]);
        assert_eq!(line_in_json("[\n{},\n \"0x1\"]", "0x1"), 3);
    }
}
