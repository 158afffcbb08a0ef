//! Subcommands: one file each, listed here.

mod decode;
#[cfg(feature = "kafka")]
mod demo;
mod error;
mod input;
mod output;
mod replay;
mod rules;
mod schema;

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
    Demo(demo::Args),
    /// Feed files through the detector and write the alerts
    Replay(replay::Args),
    /// Show what the decoder makes of each record
    Decode(decode::Args),
    /// List the rules and models, or explain one
    Rules(rules::Args),
    /// Print the JSON Schema of what is written
    Schema(schema::Args),
    /// Print shell completions
    Completions { shell: clap_complete::Shell },
}

/// Runs the command line of the process.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs a command line and returns the exit code: 0 ok, 1 failure, 2 usage, 3 findings, 78 bad
/// configuration.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
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
        Command::Demo(args) => demo::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "txwarden", &mut script);
            output::stdout(&script)
        }
    }
}
