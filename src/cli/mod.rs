//! Subcommands: one file each, listed here.

mod bus;
mod check;
mod error;
#[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "only topics carry alerts"))]
mod layout;
mod manual;
mod moment;
mod offline;
mod output;
mod rules;
mod schema;
#[cfg(feature = "kafka")]
mod serve;

use clap::{CommandFactory, Parser, Subcommand};
pub use error::CliError;
use std::{ffi::OsString, process::ExitCode};

/// Streaming transaction anomaly detector for blockchains.
#[derive(Debug, Parser)]
#[command(name = "txwarden", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch simulated chains with planted incidents: no broker, no configuration
    #[cfg(feature = "kafka")]
    Demo(serve::demo::Args),
    /// Consume, detect and emit until told to stop
    #[cfg(feature = "kafka")]
    Run(serve::run::RunArgs),
    /// Merge topics and partitions of a chain into the one ordered topic that `run` reads
    #[cfg(feature = "kafka")]
    Route(serve::run::Args),
    /// Find mistakes in the configuration and its surroundings
    Check(check::Args),
    /// Feed files through the detector and write the alerts
    Replay(Box<offline::replay::Args>),
    /// Measure how well labelled traffic is ranked, and what alert budgets are worth
    Eval(Box<offline::eval::Args>),
    /// Show what would have kept an alert quiet, each change scored again
    Explain(offline::explain::Args),
    /// Show what the decoder makes of each record
    Decode(offline::decode::Args),
    /// List, show and replay what could not be read
    #[cfg(feature = "kafka")]
    Dlq(bus::dlq::Args),
    /// Keep topics in a file with all that Kafka says of each record, for an exact replay
    #[cfg(feature = "kafka")]
    Record(offline::record::Args),
    /// Show alerts as they arrive
    #[cfg(feature = "kafka")]
    Tail(bus::tail::Args),
    /// List the rules and models, or explain one
    Rules(rules::Args),
    /// Look into snapshots, and carry them elsewhere
    State(bus::state::Args),
    /// Show where every part of every record ended, and what is missing
    Coverage(offline::coverage::Args),
    /// Write a verdict or an order about an account, for the verdict topic or a file of them
    Verdict(bus::verdict::Args),
    /// Check that alerts are as they were written
    Verify(bus::verify::Args),
    /// Print the JSON Schema of what is written
    Schema(schema::Args),
    /// Show the manual: its pages, or one of them
    Manual(manual::Args),
    /// Print shell completions
    Completions { shell: clap_complete::Shell },
}

/// Runs the command line of the process.
pub fn main() -> ExitCode {
    run_args(std::env::args_os())
}

/// Runs a command line and returns the exit code: 0 ok, 1 failure, 2 usage, 3 findings, 78 bad
/// configuration.
pub fn run_args(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout, mistakes to stderr; a closed pipe is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { error::USAGE } else { error::OK });
        }
    };
    match dispatch(cli.command) {
        Ok(()) => ExitCode::from(error::OK),
        Err(error) => error.report(),
    }
}

fn dispatch(command: Command) -> Result<(), CliError> {
    match command {
        #[cfg(feature = "kafka")]
        Command::Demo(args) => serve::demo::run(&args),
        #[cfg(feature = "kafka")]
        Command::Run(args) => serve::run::run(&args),
        #[cfg(feature = "kafka")]
        Command::Route(args) => serve::route::run(&args),
        #[cfg(feature = "kafka")]
        Command::Dlq(args) => bus::dlq::run(&args),
        #[cfg(feature = "kafka")]
        Command::Record(args) => offline::record::run(&args),
        #[cfg(feature = "kafka")]
        Command::Tail(args) => bus::tail::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Eval(args) => offline::eval::run(&args),
        Command::Replay(args) => offline::replay::run(&args),
        Command::Explain(args) => offline::explain::run(&args),
        Command::Decode(args) => offline::decode::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::State(args) => bus::state::run(&args),
        Command::Coverage(args) => offline::coverage::run(&args),
        Command::Verdict(args) => bus::verdict::run(&args),
        Command::Verify(args) => bus::verify::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Manual(args) => manual::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "txwarden", &mut script);
            output::stdout(&script)
        }
    }
}
