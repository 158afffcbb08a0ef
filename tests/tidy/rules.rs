//! The house rules as functions from sources to complaints.

use crate::source::{Source, block_end};
use std::collections::BTreeMap;

/// Rust files in one folder.
const FILES_MAX: usize = 14;
const LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// Who may import whom; modules in the order of `lib.rs`.
const IMPORTS: &[(&str, &[&str])] = &[
    ("manual", &[]),
    ("model", &[]),
    ("ml", &[]),
    ("decode", &["model"]),
    ("state", &["model", "ml"]),
    ("feature", &["model", "state"]),
    ("detect", &["model", "ml", "state", "feature"]),
    ("triage", &["model", "ml"]),
    ("engine", &["model", "decode", "state", "feature", "detect", "triage"]),
    ("sim", &["model"]),
    ("eval", &["model", "ml", "decode", "feature", "engine", "sim"]),
    ("audit", &["model"]),
    ("order", &["model", "decode"]),
    ("journal", &["model", "decode", "engine", "audit"]),
    ("ops", &["model"]),
    ("kafka", &["model", "ops"]),
    ("files", &["model"]),
    ("store", &["model", "ops"]),
    (
        "pipeline",
        &[
            "model", "decode", "engine", "audit", "order", "journal", "ops", "kafka", "files",
            "store",
        ],
    ),
    (
        "config",
        &[
            "model", "decode", "state", "feature", "detect", "triage", "engine", "audit", "ops",
            "journal", "kafka", "store", "pipeline",
        ],
    ),
    (
        "cli",
        &[
            "model", "decode", "state", "feature", "detect", "triage", "engine", "sim", "eval",
            "audit", "order", "journal", "ops", "kafka", "files", "store", "pipeline", "config",
            "manual",
        ],
    ),
    ("detector", &["model", "decode", "detect", "engine", "audit", "pipeline"]),
    ("main", &[]),
    ("lib", &["detector"]),
];

/// Modules without IO, clock, thread, environment, log, ambient randomness and hash order.
const PURE: &[&str] = &[
    "model", "ml", "decode", "state", "feature", "detect", "triage", "engine", "sim", "eval",
    "audit", "order", "journal",
];

const BANNED: &[&str] = &[
    ".unwrap()",
    ".expect(",
    "println!",
    "eprintln!",
    "print!(",
    "dbg!",
    "todo!",
    "unimplemented!",
    "unsafe ",
];

/// What makes a client of Kafka: one place does, for all.
const CLIENTS: &[&str] = &[".create_with_context(", ".create()"];

const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "std::time",
    "SystemTime",
    "Instant",
    "stdout",
    "stderr",
    "tokio",
    "rdkafka",
    "tracing",
    "thread_rng",
    "rand::random",
    "OsRng",
    "from_entropy",
    "RandomState",
    ".ln()",
    ".exp()",
    ".exp2()",
    ".powf(",
    ".log(",
    ".log2()",
    ".log10()",
    ".ln_1p()",
    ".exp_m1()",
    ".sin()",
    ".cos()",
    ".tan()",
    ".tanh()",
    ".cbrt()",
    ".hypot(",
    "f64::ln",
    "f64::exp",
    "f64::pow",
];

/// Names every folder with more Rust files than a reader takes in at a glance.
pub fn crowded_folders<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut n_files = BTreeMap::<&str, usize>::new();
    for path in paths.into_iter().filter(|path| path.ends_with(".rs")) {
        *n_files.entry(path.rsplit_once('/').map_or("", |(folder, _)| folder)).or_default() += 1;
    }
    let crowded = n_files.into_iter().filter(|(_, n)| *n > FILES_MAX);
    crowded.map(|(folder, n)| format!("{folder}: {n} Rust files, at most {FILES_MAX}")).collect()
}

/// Every complaint about one file.
pub fn check(source: &Source) -> Vec<String> {
    let mut out = Vec::new();
    machine_paths(source, &mut out);
    foreign_documents(source, &mut out);
    if source.is_rust() {
        header(source, &mut out);
        sizes(source, &mut out);
        names(source, &mut out);
        if source.module().is_some() {
            imports(source, &mut out);
            bans(source, &mut out);
        }
    }
    out
}

fn header(source: &Source, out: &mut Vec<String>) {
    let first = source.text.lines().next().unwrap_or_default();
    if !first.starts_with("//! ") || first.split_whitespace().count() < 3 {
        out.push(format!("{}: the first line is no `//!` sentence", source.path));
    }
}

fn sizes(source: &Source, out: &mut Vec<String>) {
    let n_lines = source.text.lines().count();
    if n_lines > LINES_MAX {
        out.push(format!("{}: {n_lines} lines, at most {LINES_MAX}", source.path));
    }
    for (i, line) in source.without_literals().lines().enumerate() {
        if line.chars().count() > COLUMNS_MAX {
            out.push(format!("{}:{}: wider than {COLUMNS_MAX} columns", source.path, i + 1));
        }
    }
    let code = source.code();
    for (at, _) in code.match_indices("fn ") {
        let is_word = code[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || c == '(');
        let Some(end) = block_end(&code[at..]).filter(|_| is_word) else { continue };
        let n = code[at..at + end].lines().filter(|l| !l.trim().is_empty()).count();
        if n > FUNCTION_LINES_MAX {
            let name = code[at + 3..].split(['(', '<']).next().unwrap_or_default();
            out.push(format!("{}: fn {name} has {n} lines, at most 70", source.path));
        }
    }
}

fn names(source: &Source, out: &mut Vec<String>) {
    let forbidden = ["util", "utils", "common", "misc", concat!("help", "ers")];
    let parts = source.path.trim_end_matches(".rs").split('/');
    for part in parts.filter(|part| forbidden.contains(part)) {
        out.push(format!("{}: a module named {part} says nothing", source.path));
    }
}

fn imports(source: &Source, out: &mut Vec<String>) {
    let Some(module) = source.module() else { return };
    let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == module) else {
        out.push(format!("{}: module {module} is not in the import table", source.path));
        return;
    };
    let code = source.code();
    for target in crate_paths(&code) {
        let is_known = IMPORTS.iter().any(|(name, _)| *name == target);
        if is_known && target != module && !allowed.contains(&target.as_str()) {
            out.push(format!("{}: {module} may not import {target}", source.path));
        }
    }
    let inside = source.path.trim_start_matches("src/").trim_end_matches(".rs");
    let depth = inside.trim_end_matches("/mod").split('/').count();
    if module != "lib" && module != "main" && code.contains(&"super::".repeat(depth)) {
        out.push(format!("{}: reaches the crate's root by super, write crate::", source.path));
    }
}

/// The first segment of every path that begins with `crate::`, groups included.
fn crate_paths(code: &str) -> Vec<String> {
    let ident = |text: &str| -> String {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut out = Vec::new();
    for (at, start) in code.match_indices("crate::") {
        let rest = &code[at + start.len()..];
        if !rest.starts_with('{') {
            out.push(ident(rest));
            continue;
        }
        let end = block_end(rest).unwrap_or(rest.len());
        let (mut depth, mut is_start) = (0, true);
        for (i, c) in rest[..end].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => is_start = true,
                _ if depth == 1 && is_start && c.is_alphabetic() => {
                    out.push(ident(&rest[i..]));
                    is_start = false;
                }
                _ => {}
            }
        }
    }
    out
}

fn bans(source: &Source, out: &mut Vec<String>) {
    let Some(module) = source.module() else { return };
    let code = source.code();
    let is_pure = PURE.contains(&module);
    for (i, line) in code.lines().enumerate() {
        let mut complain = |what: &str| {
            out.push(format!("{}:{}: {what} is not allowed here", source.path, i + 1));
        };
        BANNED.iter().filter(|b| module != "main" && line.contains(**b)).for_each(|b| complain(b));
        IMPURE.iter().filter(|b| is_pure && has_word(line, b)).for_each(|b| complain(b));
        let makes_clients = source.path == "src/kafka/connection.rs";
        CLIENTS.iter().filter(|b| !makes_clients && line.contains(**b)).for_each(|b| complain(b));
    }
    for (at, _) in code.match_indices("std::collections").chain(code.match_indices("collections::"))
    {
        let statement = &code[at..][..code[at..].find(';').unwrap_or(0)];
        if ["HashMap", "HashSet"].iter().any(|name| statement.contains(name)) {
            out.push(format!("{}: std's hash tables have no order", source.path));
            break;
        }
    }
}

/// Finds a token that is not the tail or head of a longer word.
fn has_word(line: &str, token: &str) -> bool {
    let is_ident = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(token).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + token.len()..].chars().next();
        let is_open = |edge: Option<char>, own: Option<char>| {
            !own.is_some_and(is_ident) || !edge.is_some_and(is_ident)
        };
        is_open(before, token.chars().next()) && is_open(after, token.chars().next_back())
    })
}

/// Documents that the project was planned by and does not contain: who reads a comment cannot look
/// them up.
fn foreign_documents(source: &Source, out: &mut Vec<String>) {
    let names =
        [["FORM", "ATS"], ["DETEC", "TIONS"], ["SCOR", "ING"], ["DES", "IGN"], ["HO", "USE"]]
            .map(|[a, b]| format!("{a}{b}"));
    for (i, line) in source.text.lines().enumerate() {
        let is_marked = [" D: ", " S: ", ". S ("].iter().any(|mark| line.contains(mark));
        if is_marked && line.trim_start().starts_with("///") {
            out.push(format!("{}:{}: a mark of a legend, say it in words", source.path, i + 1));
        }
        for name in names.iter().filter(|name| has_word(line, name)) {
            out.push(format!("{}:{}: cites {name}, which is not in the tree", source.path, i + 1));
        }
    }
}

fn machine_paths(source: &Source, out: &mut Vec<String>) {
    let roots = ["home", "root", "Users", "work"].map(|name| format!("/{name}/"));
    for (i, line) in source.text.lines().enumerate() {
        for root in roots.iter().filter(|root| {
            line.match_indices(root.as_str()).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && !"./_-}".contains(c))
            })
        }) {
            out.push(format!("{}:{}: a machine's path, {root}", source.path, i + 1));
        }
    }
}
