//! The house rules: sizes, headers, bans, import directions, layout, fixtures; each shown to bite.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use source::{Source, read_tree};
use std::{collections::BTreeSet, fs, path::Path};
use txwarden::detect::rules as detectors;

/// What the top level consists of; hidden entries and build output apart.
const TOP_LEVEL: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "benches",
    "config",
    "fixtures",
    "src",
    "tests",
];

/// Where each rule keeps the cases in which it fires and stays quiet.
const RULE_FIXTURES: &str = "fixtures/rules";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_file_keeps_the_rules() {
    let sources = read_tree(root());
    let n_rust = sources.iter().filter(|s| s.is_rust()).count();
    assert!(n_rust > 30, "only {n_rust} Rust files were found");
    let mut complaints: Vec<String> = sources.iter().flat_map(rules::check).collect();
    complaints.extend(rules::crowded_folders(sources.iter().map(|s| s.path.as_str())));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_top_level_is_as_agreed() {
    assert_eq!(top_level(root()), TOP_LEVEL.map(str::to_owned).into());
}

#[test]
fn every_rule_has_cases_in_which_it_fires_and_stays_quiet() {
    let ids: Vec<&str> = detectors::TABLE.iter().map(|entry| entry.meta.id).collect();
    let missing = missing_fixtures(root(), &ids);
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

fn top_level(root: &Path) -> BTreeSet<String> {
    fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect()
}

/// Names every missing or empty fixture, and every folder without a rule.
fn missing_fixtures(root: &Path, ids: &[&str]) -> Vec<String> {
    let folder = root.join(RULE_FIXTURES);
    let mut out = Vec::new();
    for id in ids {
        for file in ["fires.jsonl", "quiet.jsonl"] {
            let text = fs::read_to_string(folder.join(id).join(file)).unwrap_or_default();
            if text.trim().is_empty() {
                out.push(format!("{RULE_FIXTURES}/{id}/{file} is missing or empty"));
            }
        }
    }
    for entry in fs::read_dir(&folder).into_iter().flatten() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if folder.join(&name).is_dir() && !ids.contains(&name.as_str()) {
            out.push(format!("{RULE_FIXTURES}/{name} belongs to no rule"));
        }
    }
    out
}

/// A clean file at this path with some code in it.
fn planted(path: &str, code: &str) -> Source {
    Source::new(path, &format!("//! A file that breaks a rule.\n\n{code}\n"))
}

#[test]
fn planted_violations_are_caught() {
    let long_fn = format!("fn long() {{\n{}}}", "    work();\n".repeat(70));
    let cited = format!("// As {}{} §3 has it.", "FORM", "ATS");
    let machine = format!("const P: &str = \"/{}/someone/x\";", "home");
    let cases: [(&str, &str, &str); 26] = [
        ("src/state/x.rs", "use crate::feature::Features;", "may not import feature"),
        ("src/state/x.rs", "use crate::{model::Event, ops};", "may not import ops"),
        ("src/model/x.rs", "fn f() { crate::cli::main(); }", "may not import cli"),
        (
            "src/engine/x.rs",
            "use crate::{\n    model::{A, B},\n    files::Sink,\n};",
            "import files",
        ),
        ("src/pipeline/x.rs", "use crate::config::Config;", "may not import config"),
        ("src/state/x.rs", "use super::super::feature::Features;", "write crate::"),
        ("src/newmod/x.rs", "", "not in the import table"),
        ("src/ops/x.rs", "fn f() { g().unwrap(); }", ".unwrap()"),
        ("src/ops/x.rs", "fn f() { g().expect(\"x\"); }", ".expect("),
        ("src/ops/x.rs", "fn f() { println!(\"x\"); }", "println!"),
        ("src/ops/x.rs", "fn f() { dbg!(1); }", "dbg!"),
        ("src/ops/x.rs", "fn f() { todo!() }", "todo!"),
        ("src/ops/x.rs", "use std::collections::{BTreeMap, HashMap};", "have no order"),
        ("src/sim/x.rs", "use std::time::Duration;", "std::time"),
        ("src/sim/x.rs", "fn f() { std::thread::yield_now(); }", "std::thread"),
        ("src/detect/x.rs", "fn f() { std::env::var(\"X\"); }", "std::env"),
        ("src/detect/x.rs", "fn f(x: f64) -> f64 { x.ln() }", ".ln()"),
        ("src/triage/x.rs", "fn f(x: f64) -> f64 { x.powf(2.5) }", ".powf("),
        ("src/engine/x.rs", "fn f() { std::fs::read(\"x\"); }", "std::fs"),
        ("src/kafka/x.rs", "fn f() { config.create_with_context(log); }", ".create_with_context("),
        ("src/ops/x.rs", &long_fn, "fn long has 72 lines"),
        ("src/ops/utils.rs", "", "named utils says nothing"),
        ("src/ops/x.rs", &machine, "a machine's path"),
        ("src/ops/x.rs", "/// Least share. D: 0.1.\nfn f() {}", "a mark of a legend"),
        ("src/ops/x.rs", &cited, "which is not in the tree"),
        ("benches/x.rs", &format!("// {}", "x".repeat(98)), "wider than 100"),
    ];
    for (path, code, expected) in cases {
        let found = rules::check(&planted(path, code)).join("\n");
        assert!(found.contains(expected), "{path}: {code}\nwas not caught: {found:?}");
    }
    let long = planted("src/ops/x.rs", &"//\n".repeat(500));
    assert!(rules::check(&long).join("").contains("lines, at most 500"));
    let folder: Vec<String> = (0..15).map(|n| format!("src/ops/{n}.rs")).collect();
    let crowded = rules::crowded_folders(folder.iter().map(String::as_str)).join("");
    assert_eq!(crowded, "src/ops: 15 Rust files, at most 14");
    assert!(rules::crowded_folders(folder[1..].iter().map(String::as_str)).is_empty());
    let headless = Source::new("src/ops/x.rs", "fn f() {}\n");
    assert!(rules::check(&headless).join("").contains("no `//!` sentence"));
}

#[test]
fn what_is_allowed_is_not_caught() {
    let cases = [
        ("src/detect/x.rs", "use crate::{feature::Features, model::{Event, Tx}, state::State};"),
        ("src/state/x.rs", "// Calls .unwrap() nowhere, std::env neither.\nuse super::Params;"),
        ("src/ops/x.rs", "const HELP: &str = r#\"never println!(\"x\") or .unwrap()\"#;"),
        ("src/ops/x.rs", "#[cfg(test)]\nmod tests {\n    fn f() { g().unwrap(); }\n}"),
        ("src/sim/x.rs", "fn f(x: f64) -> f64 { libm::log(x).sqrt() }"),
        ("src/state/x.rs", "use hashbrown::HashMap;"),
    ];
    for (path, code) in cases {
        let found = rules::check(&planted(path, code));
        assert!(found.is_empty(), "{path}: {code}\n{found:?}");
    }
}

#[test]
fn layout_and_fixture_checks_see_what_is_wrong() {
    let tree = tempfile::tempdir().unwrap();
    for name in TOP_LEVEL {
        fs::write(tree.path().join(name), "").unwrap();
    }
    fs::write(tree.path().join(".hidden"), "").unwrap();
    assert_eq!(top_level(tree.path()), TOP_LEVEL.map(str::to_owned).into());
    fs::write(tree.path().join("notes.txt"), "").unwrap();
    assert!(top_level(tree.path()).contains("notes.txt"));

    let rules = tempfile::tempdir().unwrap();
    for id in ["whole", "stray"] {
        let folder = rules.path().join(RULE_FIXTURES).join(id);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("fires.jsonl"), "{}\n").unwrap();
        fs::write(folder.join("quiet.jsonl"), "{}\n").unwrap();
    }
    assert_eq!(missing_fixtures(rules.path(), &["whole", "stray"]), Vec::<String>::new());
    let found = missing_fixtures(rules.path(), &["whole", "absent"]).join("\n");
    for expected in ["absent/fires.jsonl", "absent/quiet.jsonl", "stray belongs to no rule"] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
}
