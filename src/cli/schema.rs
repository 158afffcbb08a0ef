//! `schema`: the JSON Schema of what is written; and the schemas of what is read, from a registry.

#[cfg(feature = "cloud")]
mod fetch;

use super::{CliError, output};
use crate::{audit::Checkpoint, engine::FindingReport, model::Alert};

/// Command line of `schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print that of a record of the alert topic, and of a line of `replay --alerts`
    Alert,
    /// Print that of a line of `replay --findings`
    Finding,
    /// Print that of a record of the checkpoint topic
    Checkpoint,
    /// Fill the directory that an input's `schemas` names from a Schema Registry
    #[cfg(feature = "cloud")]
    Fetch(fetch::Args),
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let schema = match &args.what {
        What::Alert => schemars::schema_for!(Alert),
        What::Finding => schemars::schema_for!(FindingReport),
        What::Checkpoint => schemars::schema_for!(Checkpoint),
        #[cfg(feature = "cloud")]
        What::Fetch(args) => return fetch::run(args),
    };
    output::stdout(format!("{:#}\n", schema.to_value()).as_bytes())
}
