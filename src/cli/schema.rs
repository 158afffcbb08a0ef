//! `schema`: the JSON Schema of what is written; and the schemas of what is read, from a registry.

#[cfg(feature = "cloud")]
mod fetch;

use super::{CliError, output};
use crate::{audit::Checkpoint, engine::FindingReport, model::Alert};

/// Command line of `schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: SchemaCommand,
}

#[derive(Debug, clap::Subcommand)]
enum SchemaCommand {
    /// Print that of a record of the alert topic, and of a line of `replay --alerts`
    Alert,
    /// Print that of a line of `replay --findings`
    Finding,
    /// Print that of a record of the checkpoint topic
    Checkpoint,
    /// Print that of the configuration file, with the range and unit of every key
    Config,
    /// Fill the directory that an input's `schemas` names from a Schema Registry
    #[cfg(feature = "cloud")]
    Fetch(fetch::Args),
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let schema = match &args.what {
        SchemaCommand::Alert => schemars::schema_for!(Alert).to_value(),
        SchemaCommand::Finding => schemars::schema_for!(FindingReport).to_value(),
        SchemaCommand::Checkpoint => schemars::schema_for!(Checkpoint).to_value(),
        SchemaCommand::Config => crate::config::editor_schema(),
        #[cfg(feature = "cloud")]
        SchemaCommand::Fetch(args) => return fetch::run(args),
    };
    output::stdout(format!("{schema:#}\n").as_bytes())
}
