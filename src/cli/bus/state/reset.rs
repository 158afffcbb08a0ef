//! `state reset`: moves a group's offsets after a contradiction, with their metadata.

use crate::{
    cli::{CliError, output},
    config::Config,
    ops::log,
    pipeline::reset::{self, Target},
};
use std::path::PathBuf;

/// Command line of `state reset`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", env = "TXWARDEN_CONFIG")]
    config: PathBuf,
    /// Where to: `proven` (behind the last record that output topics or snapshots prove to be
    /// answered: nothing is lost or repeated), `snapshot` (the newest) or an offset; the latter two
    /// answer again what was answered after them
    #[arg(long, value_name = "proven|snapshot|OFFSET", value_parser = parse_target)]
    to: Target,
    /// Only this input topic
    #[arg(long, requires = "partition")]
    topic: Option<String>,
    /// Only this partition of it
    #[arg(long, requires = "topic")]
    partition: Option<i32>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let config = Config::load(&args.config).map_err(|e| CliError::Config(e.to_string()))?;
    log::start(&config.log).map_err(|e| CliError::Config(e.to_string()))?;
    let only = args.topic.as_deref().zip(args.partition);
    let moved = reset::reset(&config.run, args.to, only)
        .map_err(|e| CliError::failure("cannot reset the group's offsets", e))?;
    if moved.is_empty() {
        return Err(CliError::Usage("no input has such a topic and partition".to_owned()));
    }
    for reset::Moved { topic, partition, before, after, why } in moved {
        let show = |offset: Option<i64>| offset.map_or("none".to_owned(), |o| o.to_string());
        let (before, after) = (show(before), show(after));
        output::say(&format!("{topic}/{partition}: {before} -> {after} ({why})"));
    }
    Ok(())
}

fn parse_target(text: &str) -> Result<Target, String> {
    match text {
        "proven" => Ok(Target::Proven),
        "snapshot" => Ok(Target::Snapshot),
        offset => match offset.parse() {
            Ok(offset) if offset >= 0 => Ok(Target::Offset(offset)),
            _ => Err("expected proven, snapshot or an offset".to_owned()),
        },
    }
}
