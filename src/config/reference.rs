//! Reads price tables, watch lists and label lists into the reference data of one chain.

use super::{
    entry::{EntryTally, ListEntry},
    labels::{self, LabelFile},
    read::read,
    tree::TreeNode,
};
use crate::{
    decode::day,
    model::{Chain, Price, Reference, WatchEntry},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Data beside the stream; paths are relative to the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReferenceParams {
    /// YAML: for each asset a list of `{from: YYYY-MM-DD, usd}`.
    #[schemars(length(min = 1, max = 4_096))]
    pub prices: Option<PathBuf>,
    /// YAML: a list of `{address, name, role}`.
    #[schemars(length(min = 1, max = 4_096))]
    pub watch: Option<PathBuf>,
    /// Lists of labelled accounts, each with what it says about them.
    #[schemars(length(max = 1_000))]
    pub labels: Vec<LabelFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceRow {
    from: String,
    usd: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WatchRow {
    address: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
}

/// The largest reference file that is read.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Loads everything that `params` names; each file that cannot be used, and each entry that is no
/// account, becomes a message with the path of the setting that named it, and each list with
/// accounts of other chains a note.
pub(super) fn load(
    params: &ReferenceParams,
    chain: &Chain,
    dir: &Path,
    problems: &mut Vec<(String, String)>,
    notes: &mut Vec<String>,
) -> Reference {
    let mut reference = Reference::default();
    let mut complain = |path: &str, texts: Vec<String>| {
        problems.extend(texts.into_iter().map(|text| (path.to_owned(), text)));
    };
    if let Some(file) = &params.prices
        && let Err(text) = prices(&dir.join(file), &mut reference)
    {
        complain("prices", vec![text]);
    }
    if let Some(file) = &params.watch {
        match watch(&dir.join(file), chain, &mut reference) {
            Ok(tally) => notes.extend(tally.notes()),
            Err(texts) => complain("watch", texts),
        }
    }
    for (i, list) in params.labels.iter().enumerate() {
        match labels::load(list, chain, dir, &mut reference) {
            Ok(tally) => notes.extend(tally.notes()),
            Err(texts) => complain(&format!("labels.{i}"), texts),
        }
    }
    reference
}

/// Reads a text file of bounded size.
pub(super) fn read_file(path: &Path) -> Result<String, String> {
    let checked = fs::metadata(path).and_then(|meta| match meta.len() {
        0..=FILE_BYTES_MAX => fs::read_to_string(path),
        _ => Err(io::Error::other("larger than 256 MiB")),
    });
    checked.map_err(|e| format!("cannot read {}: {e}", path.display()))
}

fn yaml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let mut mistakes = Vec::new();
    let node = TreeNode::parse(&read_file(path)?, &|_| None, &mut mistakes);
    let value = node.and_then(|node| read(&node, &mut mistakes));
    match (value, mistakes.is_empty()) {
        (Some(value), true) => Ok(value),
        _ => Err(super::ConfigError::new(&path.display().to_string(), mistakes).to_string()),
    }
}

fn prices(path: &Path, reference: &mut Reference) -> Result<(), String> {
    let table: BTreeMap<String, Vec<PriceRow>> = yaml(path)?;
    for (asset, rows) in table {
        let mut series = Vec::with_capacity(rows.len());
        for row in rows {
            let from = day(&row.from).ok_or_else(|| {
                format!(
                    "{}: {asset}: {:?} is no day of the calendar, YYYY-MM-DD",
                    path.display(),
                    row.from
                )
            })?;
            if !row.usd.is_finite() || row.usd < 0.0 {
                return Err(format!("{}: {asset}: {} is not a price", path.display(), row.usd));
            }
            series.push(Price { from, usd: row.usd });
        }
        series.sort_by_key(|p| p.from);
        reference.prices.insert(asset, series);
    }
    Ok(())
}

fn watch(path: &Path, chain: &Chain, reference: &mut Reference) -> Result<EntryTally, Vec<String>> {
    let mut mistakes = Vec::new();
    let text = read_file(path).map_err(|error| vec![error])?;
    let node = TreeNode::parse(&text, &|_| None, &mut mistakes);
    let rows: Option<Vec<WatchRow>> = node.as_ref().and_then(|node| read(node, &mut mistakes));
    let (Some(node), Some(rows), true) = (node, rows, mistakes.is_empty()) else {
        let error = super::ConfigError::new(&path.display().to_string(), mistakes);
        return Err(vec![error.to_string()]);
    };
    let mut tally = EntryTally::new(path, "watch lists hold accounts of their chains");
    for (i, row) in rows.into_iter().enumerate() {
        let line = || usize::try_from(node.locate(&format!("{i}.address")).line).unwrap_or(0);
        let entry = ListEntry { address: &row.address, asset: None, line: &line };
        if row.address.trim().is_empty() {
            return Err(vec![format!("{}:{}: an empty address", path.display(), line())]);
        }
        if let Some(address) = tally.read(&entry, chain) {
            reference.watch.insert(address, WatchEntry { name: row.name, role: row.role });
        }
    }
    tally.end()
}
