//! `schema`: the JSON Schema of what is written to topics and files.

use super::{CliError, output};
use crate::{audit::Checkpoint, engine::FindingReport, model::Alert};

/// Command line of `schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    what: What,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum What {
    /// A record of the alert topic, and a line of `replay --alerts`
    Alert,
    /// A line of `replay --findings`
    Finding,
    /// A record of the checkpoint topic
    Checkpoint,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let schema = match args.what {
        What::Alert => schemars::schema_for!(Alert),
        What::Finding => schemars::schema_for!(FindingReport),
        What::Checkpoint => schemars::schema_for!(Checkpoint),
    };
    output::stdout(format!("{:#}\n", schema.to_value()).as_bytes())
}
