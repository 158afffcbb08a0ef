//! `rules`: every rule and model with its state, and everything about one of them.

use super::{CliError, output};
use crate::detect::rules;

/// Command line of `rules`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

/// Runs the command.
pub(super) fn run(_args: &Args) -> Result<(), CliError> {
    let mut text = String::new();
    for entry in rules::TABLE {
        text.push_str(&format!("{:<24} {}\n", entry.meta.id, entry.meta.title));
    }
    output::stdout(text.as_bytes())
}
