//! Fuzzing on stable: every format, every envelope and whole block sequences, from seeds.
//!
//! `cargo test --test fuzz` is the short form. `TXWARDEN_FUZZ_SECONDS=60` is for each target,
//! `TXWARDEN_FUZZ_SEED` another seed, and names as arguments choose targets. An input that breaks a
//! promise is written to the target directory and named; it is judged first at the next run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a test"
)]

mod bomb;
mod corpus;
mod cpu;
mod judge;
mod mutate;
mod sequence;
mod target;
mod wrapped;

use peak_alloc::PeakAlloc;
use std::{
    env,
    process::ExitCode,
    time::{Duration, Instant},
};
use target::{Report, Target};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// How long all targets of the short form take together.
const SHORT: Duration = Duration::from_secs(14);

fn main() -> ExitCode {
    let seed = env::var("TXWARDEN_FUZZ_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let wanted: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let mut targets = Target::all();
    targets.retain(|t| wanted.is_empty() || wanted.iter().any(|name| t.name.contains(name)));
    let each = match env::var("TXWARDEN_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()) {
        Some(seconds) => Duration::from_secs(seconds),
        None => SHORT / u32::try_from(targets.len().max(1)).unwrap(),
    };
    println!("fuzz: seed {seed}, {} targets of {} ms", targets.len(), each.as_millis());
    println!("{}", Report::HEAD);
    // A panic is reported with its input, not where it happened to be noticed.
    std::panic::set_hook(Box::new(judge::note_panic));
    let mut failures = Vec::new();
    for target in &targets {
        let report = target.run(seed, Instant::now() + each);
        println!("{report}");
        if report.n_accepted == 0 && report.failures.is_empty() {
            // A target that cannot reach its code proves nothing.
            failures.push(format!("{}: nothing was accepted", target.name));
        }
        failures.extend(report.failures);
    }
    for failure in &failures {
        println!("FAILED {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
