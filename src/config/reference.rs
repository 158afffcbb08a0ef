//! Reads price tables, watch lists and label lists into the reference data of one chain.

use super::{
    labels::{self, LabelFile},
    read::read,
    tree::Node,
};
use crate::model::{Address, EventTime, Family, Price, Reference, WatchEntry};
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Data beside the stream; paths are relative to the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReferenceParams {
    /// YAML: for each asset a list of `{from: YYYY-MM-DD, usd}`.
    pub prices: Option<PathBuf>,
    /// YAML: a list of `{address, name, role}`.
    pub watch: Option<PathBuf>,
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

/// Loads everything that `params` names; each file that cannot be used becomes a message with the
/// path of the setting that named it, and each list with foreign addresses a note.
pub(super) fn load(
    params: &ReferenceParams,
    family: Family,
    dir: &Path,
    problems: &mut Vec<(String, String)>,
    notes: &mut Vec<String>,
) -> Reference {
    let mut reference = Reference::default();
    let mut note = |path: String, result: Result<(), String>| {
        if let Err(text) = result {
            problems.push((path, text));
        }
    };
    if let Some(file) = &params.prices {
        note("prices".to_owned(), prices(&dir.join(file), &mut reference));
    }
    if let Some(file) = &params.watch {
        note("watch".to_owned(), watch(&dir.join(file), family, &mut reference));
    }
    for (i, list) in params.labels.iter().enumerate() {
        let loaded = labels::load(list, family, dir, &mut reference).map(|(n_foreign, n_rows)| {
            if n_foreign > 0 {
                let family = if family == Family::Evm { "EVM" } else { "UTXO" };
                notes.push(format!(
                    "{}: {n_foreign} of {n_rows} entries are no address of a chain of type \
                     {family} and were left out",
                    list.file.display()
                ));
            }
        });
        note(format!("labels.{i}"), loaded);
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

/// Parses an address as accounts of this family are written: EVM in either case, others as text.
pub fn parse_address(text: &str, family: Family) -> Option<Address> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match (family, digits) {
        (Family::Evm, Some(digits)) if digits.len() == 40 => {
            let mut out = [0; 20];
            for (byte, pair) in out.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
                let pair = std::str::from_utf8(pair).ok().filter(|p| !p.starts_with('+'))?;
                *byte = u8::from_str_radix(pair, 16).ok()?;
            }
            Some(Address::Evm(out))
        }
        (Family::Utxo, None) => {
            let is_address = text.len() >= 14 && text.bytes().all(|b| b.is_ascii_alphanumeric());
            // Bech32 may be written in either case, base58 may not.
            let is_bech32 = ["bc1", "ltc1", "tb1"].iter().any(|prefix| {
                text.get(..prefix.len()).is_some_and(|p| p.eq_ignore_ascii_case(prefix))
            });
            let text = if is_bech32 { text.to_ascii_lowercase() } else { text.to_owned() };
            is_address.then(|| Address::Text(text.into()))
        }
        _ => None,
    }
}

const EPOCH: Date = date(1970, 1, 1);

/// Parses `YYYY-MM-DD` as the start of that day.
pub(super) fn parse_date(text: &str) -> Option<EventTime> {
    let mut parts = text.splitn(3, '-').map(|p| p.parse().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    let since = date.duration_since(EPOCH);
    (!since.is_negative()).then(|| EventTime::from_secs(since.as_secs()))
}

fn yaml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let mut mistakes = Vec::new();
    let node = Node::parse(&read_file(path)?, &|_| None, &mut mistakes);
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
            let from = parse_date(&row.from).ok_or_else(|| {
                format!("{}: {asset}: {:?} is not YYYY-MM-DD", path.display(), row.from)
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

fn watch(path: &Path, family: Family, reference: &mut Reference) -> Result<(), String> {
    let rows: Vec<WatchRow> = yaml(path)?;
    for row in rows {
        if let Some(address) = parse_address(&row.address, family) {
            reference.watch.insert(address, WatchEntry { name: row.name, role: row.role });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_of_the_calendar() {
        let day = |text| parse_date(text).map(|t| t.secs() / 86_400);
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2000-03-01"), Some(11_017));
        assert_eq!(day("2024-02-29"), Some(19_782));
        assert_eq!(day("9999-12-31"), Some(2_932_896));
        let none = ["2024-13-01", "yesterday", "2024-02-31", "2023-02-29", "1969-12-31"];
        assert_eq!(none.map(day), [None; 5]);
    }

    #[test]
    fn addresses_have_one_form() {
        let evm = |text| parse_address(text, Family::Evm).map(|a| a.to_string());
        let low = "0xd90e2f925da726b50c4ed8d0fb90ad053324f31b";
        assert_eq!(evm("0xd90e2f925DA726b50C4Ed8D0Fb90Ad053324F31b").as_deref(), Some(low));
        assert_eq!(evm("1BoatSLRHtKNngkdXEeobR76b53LETtpyT"), None);
        let utxo = |text| parse_address(text, Family::Utxo).map(|a| a.to_string());
        assert_eq!(utxo("BC1QXY2KGDYGJR"), Some("bc1qxy2kgdygjr".to_owned()));
        assert_eq!(utxo(low), None);
    }
}
