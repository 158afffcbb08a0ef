//! The fault suite: whatever dies, the read-committed output is that of an undisturbed run.
//!
//! `tests/fault/run --help` says how to run it. Plain `cargo test` runs a smoke of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../kafka/broker.rs"]
mod broker;
mod case;
mod cases;
#[expect(dead_code, reason = "only its way of skipping is used")]
#[path = "../it/data.rs"]
mod data;
mod job;
mod lab;
mod oracle;
mod process;
mod stage;
mod table;
mod traffic;
mod watch;

use case::{Case, Form};
use lab::Lab;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::Instant,
};
use table::Row;

const HELP: &str = "tests/fault/run [--full] [--case NAME]... [--seed N] [--list]

  --full       every case with its full count (about an hour); without it the short form
  --case NAME  only this case, may be repeated
  --seed N     the seed of an earlier run, which printed it
  --list       names the cases with their counts and what they must show";

/// What the command line asks for.
struct Asked {
    form: Form,
    only: Vec<String>,
    seed: u64,
    is_list: bool,
}

fn main() -> ExitCode {
    let asked = match parse(std::env::args().skip(1)) {
        Ok(Some(asked)) => asked,
        Ok(None) => return ExitCode::SUCCESS,
        Err(mistake) => {
            eprintln!("{mistake}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let is_chosen = |case: &&Case| match asked.only.as_slice() {
        [] => case.count(asked.form) > 0,
        only => only.iter().any(|name| name == case.name),
    };
    let chosen: Vec<&Case> = cases::TABLE.iter().filter(is_chosen).collect();
    if asked.is_list {
        table::list(cases::TABLE);
        return ExitCode::SUCCESS;
    }
    if chosen.len() < asked.only.len().max(1) {
        eprintln!("no such case; --list names them all");
        return ExitCode::from(2);
    }
    let lab = match Lab::new(asked.form, asked.seed) {
        Ok(lab) => lab,
        Err(why) => {
            assert!(std::env::var_os("TXWARDEN_REQUIRE_KAFKA").is_none(), "kafka: {why}");
            data::skip("fault", &why);
            return ExitCode::SUCCESS;
        }
    };
    if asked.form == Form::Smoke {
        eprintln!("fault: only a smoke of {} cases; tests/fault/run runs the suite", chosen.len());
    }
    // A case that fails says why; where in the suite is of no use.
    std::panic::set_hook(Box::new(|info| eprintln!("{info}")));
    println!("seed {}", asked.seed);
    let rows: Vec<Row> = chosen.into_iter().map(|case| run(&lab, case, asked.form)).collect();
    table::print(&rows, asked.seed);
    ExitCode::from(u8::from(rows.iter().any(|row| row.outcome.is_err())))
}

fn run(lab: &Lab, case: &'static Case, form: Form) -> Row {
    let count = case.count(form).max(1);
    eprintln!("=== {} × {count}: {}", case.name, case.shows);
    let began = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (case.run)(lab, count)));
    let outcome = outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default()
    });
    let row = Row { case, count, outcome, took: began.elapsed() };
    eprintln!("{}", table::line(&row));
    row
}

/// Reads the command line; `None` when libtest's options leave nothing to be done.
fn parse(args: impl Iterator<Item = String>) -> Result<Option<Asked>, String> {
    let mut args = args.peekable();
    let seed = u64::from(std::process::id());
    let mut asked = Asked { form: Form::Smoke, only: Vec::new(), seed, is_list: false };
    // Without any option of ours it is cargo that calls, perhaps with a filter for other tests.
    let is_ours = args.peek().is_some_and(|first| first.starts_with("--suite"));
    if !is_ours {
        let is_other = |arg: String| !arg.starts_with('-') && !"fault".contains(arg.as_str());
        return Ok(if args.any(is_other) { None } else { Some(asked) });
    }
    args.next();
    asked.form = Form::Short;
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--full" => asked.form = Form::Full,
            "--list" => asked.is_list = true,
            "--case" => asked.only.push(value()?),
            "--seed" => asked.seed = value()?.parse().map_err(|e| format!("--seed: {e}"))?,
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(None);
            }
            other => return Err(format!("{other} is not known")),
        }
    }
    Ok(Some(asked))
}
