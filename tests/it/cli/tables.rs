//! Tables of the manual equal the code; `UPDATE_EXPECT=1 … -- --test-threads=1` rewrites them.

use std::{env, fmt::Write, fs, path::Path};
use txwarden::{
    decode::{LetterDisposition, Reason},
    detect::{models, rules},
    model::Family,
    sim::incident,
};

/// Compares (or rewrites) what stands between a table's two markers.
fn check(page: &str, name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual").join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (open, close) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&open).expect("the opening marker");
    let (shown, after) = rest.split_once(&close).expect("the closing marker");
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, format!("{before}{open}{expected}{close}{after}")).unwrap();
    } else {
        assert!(shown == expected, "{page}: the table {name} is not what the code says");
    }
}

fn families(families: &[Family]) -> String {
    let names = families.iter().map(|f| if *f == Family::Evm { "EVM" } else { "UTXO" });
    names.collect::<Vec<_>>().join(", ")
}

#[test]
fn detectors_are_those_of_the_tables() {
    let mut table = "| detector | chains | severity | about | what |\n|-|-|-|-|-|\n".to_owned();
    assert!(rules::TABLE.len() >= 15 && !models::TABLE.is_empty());
    for entry in rules::TABLE {
        let m = entry.meta;
        let (id, severity) = (m.id, m.severity.as_str());
        let chains = families(m.families);
        writeln!(table, "| `{id}` | {chains} | {severity} | {} | {} |", m.subject, m.title)
            .unwrap();
    }
    for entry in models::TABLE {
        let m = entry.meta;
        writeln!(table, "| `{}` (model) | all | by score | see alert | {} |", m.id, m.title)
            .unwrap();
    }
    check("detectors.md", "detectors", &table);
}

#[test]
fn planted_incidents_are_those_of_the_table() {
    let mut table = "| incident | chain | story |\n|-|-|-|\n".to_owned();
    for line in incident::TABLE {
        let chain = families(&[line.family()]);
        writeln!(table, "| `{}` | {chain} | {} |", line.name, line.story).unwrap();
    }
    check("demo.md", "incidents", &table);
}

#[test]
fn every_reason_of_a_dead_letter_is_explained() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/dead-letters.md");
    let text = fs::read_to_string(&path).unwrap();
    let n_explained = Reason::ALL
        .iter()
        .filter(|reason| {
            let (name, kept) =
                (reason.as_str(), reason.disposition() == LetterDisposition::Quarantine);
            let row = text.lines().find(|l| l.starts_with('|') && l.contains(&format!("`{name}`")));
            row.is_some_and(|row| row.ends_with(if kept { "| yes |" } else { "| no |" }))
        })
        .count();
    assert_eq!(n_explained, Reason::ALL.len());
}
