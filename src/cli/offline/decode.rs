//! `decode`: one JSON line per record that says what the decoder makes of it.

use super::input::{self, InputArgs};
use crate::{
    cli::{CliError, output::OutputFile},
    decode::inspect::{Inspection, Inspector, LineError},
    model::Record,
};
use std::path::Path;

/// Command line of `decode`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// Lines are `{"name"?, "format"?, "headers"?, "key_b64"?, "kafka_ms"?, "payload_b64"}`
    #[arg(long)]
    record_lines: bool,
}

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    let InputArgs { format, chain, files, .. } = &args.input;
    let inspector = Inspector {
        format: *format,
        chain: chain.clone(),
        limits: Default::default(),
        mapping: args.input.mapping()?,
        envelope: args.input.envelope()?,
    };
    if !args.record_lines && format.is_none() {
        return Err(CliError::Usage("--format is required without --record-lines".into()));
    }
    let mut out = OutputFile::create(Path::new("-"))?;
    for path in files {
        let (topic, mut records) = input::open(path)?;
        let mut offset = 0;
        while let Some(value) = records.next_record().map_err(|e| input::read_error(path, e))? {
            let inspection = if args.record_lines {
                line(&inspector, value)
            } else {
                let record =
                    Record { topic: &topic, offset, value: Some(value), ..Record::default() };
                format.map_or_else(|| line(&inspector, value), |f| inspector.record(f, &record))
            };
            offset += 1;
            let inspection = inspection.map_err(|source| CliError::Failure {
                what: "cannot read a record line",
                source: format!("{} record {offset}: {source}", path.display()).into(),
            })?;
            out.json_line(&inspection)?;
        }
    }
    out.flush()
}

fn line(inspector: &Inspector, value: &[u8]) -> Result<Inspection, LineError> {
    inspector.line(&String::from_utf8_lossy(value))
}
