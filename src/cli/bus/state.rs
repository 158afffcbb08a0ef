//! `state`: what is in the snapshot store, what an account looks like in it, and moving it.

mod carry;
mod inspect;
#[cfg(feature = "kafka")]
mod reset;
mod show;
mod source;

use crate::cli::CliError;
use clap::Subcommand;
pub(in crate::cli) use source::{PlaceArgs, StoreArgs, engine_of};

/// Command line of `state`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    command: StateCommand,
}

#[derive(Debug, Subcommand)]
enum StateCommand {
    /// List snapshots, bundles and records set aside, and check that each is whole
    Inspect(inspect::Args),
    /// Show what is remembered of an account
    Show(show::Args),
    /// Write a snapshot with its bundle into one file
    Export(carry::ExportArgs),
    /// Check such a file and publish what is in it
    Import(carry::ImportArgs),
    /// Move the group's offsets after a start was refused
    #[cfg(feature = "kafka")]
    Reset(reset::Args),
}

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    match &args.command {
        StateCommand::Inspect(args) => inspect::run(args),
        StateCommand::Show(args) => show::run(args),
        StateCommand::Export(args) => carry::export(args),
        StateCommand::Import(args) => carry::import(args),
        #[cfg(feature = "kafka")]
        StateCommand::Reset(args) => reset::run(args),
    }
}
