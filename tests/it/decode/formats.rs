//! The manual's table of decisions on odd shapes: each of its cells is held to examples of every
//! format that it speaks for.

use crate::decode::records::{check, fixtures};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};
use txwarden::{
    config::load_mapping,
    decode::{Format, LetterDisposition, Mapping, Reason, inspect::Inspector},
};

const MANUAL: &str = include_str!("../../../src/manual/formats.md");
/// What stands in a cell where the shape cannot occur.
const NONE: &str = "–";

/// The columns of the table, and the files of examples that each stands for.
const COLUMNS: [(&str, &[&str]); 3] = [
    ("JSON", &["ethereum_etl", "evm_rpc", "bitcoin_etl", "bitcoind", "mapped_json"]),
    ("CSV", &["ethereum_etl_csv", "mapped_csv"]),
    ("hex text", &["evm_raw", "bitcoin_raw", "bitcoin_zmq"]),
];

/// Returns the cells of the lines between two comments of the manual.
fn table(name: &str) -> Vec<Vec<String>> {
    let (start, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let text = MANUAL.split_once(&start).unwrap().1.split_once(&end).unwrap().0;
    let lines = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|-"));
    lines
        .map(|line| line.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect())
        .collect()
}

fn mapping(file: &str) -> Option<Arc<Mapping>> {
    let path = format!("fixtures/decode/decisions/{file}.yaml");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    file.starts_with("mapped").then(|| load_mapping(&path).unwrap_or_else(|e| panic!("{e}")))
}

/// Checks the examples of one format; returns how those of each row end.
fn outcomes(file: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mapping = mapping(file);
    let format = mapping.as_ref().map_or_else(|| Format::parse(file), |_| Some(Format::Mapped));
    let inspector = Inspector { mapping, ..Inspector::default() };
    let examples = fixtures(&format!("decisions/{file}.jsonl"));
    let valid: BTreeMap<_, _> = examples.iter().map(|f| (f.name.clone(), f.clone())).collect();
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for example in &examples {
        check(&inspector, format.unwrap(), example, &valid);
        if let Some(row) = &example.row {
            let end = match &example.reason {
                Some(reason) => format!("`{reason}`"),
                None => "read".to_owned(),
            };
            found.entry(row.clone()).or_default().insert(end);
        }
    }
    found
}

#[test]
fn the_table_of_decisions_is_what_the_decoders_do() {
    let table = table("decisions");
    let header: Vec<_> = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(table[0][2..], header);
    let rows: BTreeSet<_> = table[1..].iter().map(|cells| cells[0].clone()).collect();
    let mut n_cells = 0;
    for (i, (column, files)) in COLUMNS.iter().enumerate() {
        for file in *files {
            let found = outcomes(file);
            for row in found.keys() {
                assert!(rows.contains(row), "{file}: the manual has no row {row:?}");
            }
            for cells in &table[1..] {
                let (row, cell) = (&cells[0], &cells[2 + i]);
                let expected = (cell != NONE).then(|| BTreeSet::from([cell.clone()]));
                assert_eq!(found.get(row), expected.as_ref(), "{row} in {column}: {file}");
                n_cells += usize::from(expected.is_some());
            }
        }
    }
    assert!(n_cells > 80, "only {n_cells} cells were held to examples");
}

#[test]
fn every_format_and_reason_is_in_the_manual() {
    let names = |table: &str| -> BTreeSet<String> {
        self::table(table)[1..].iter().map(|c| c[0].trim_matches('`').to_owned()).collect()
    };
    let formats = Format::ALL.iter().map(|f| f.as_str().to_owned()).collect();
    assert_eq!(names("formats"), formats);
    let reasons = Reason::ALL.iter().map(|r| r.as_str().to_owned()).collect();
    assert_eq!(names("reasons"), reasons);
    let is_yes = |cells: &&Vec<String>| cells[2] == "yes";
    let said: BTreeSet<_> =
        table("reasons")[1..].iter().filter(is_yes).map(|c| c[0].clone()).collect();
    let known = Reason::ALL.iter().filter(|r| r.disposition() == LetterDisposition::Quarantine);
    assert_eq!(said, known.map(|r| format!("`{}`", r.as_str())).collect());
}
