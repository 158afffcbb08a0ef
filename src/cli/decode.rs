//! `decode`: one JSON line per record that says what the decoder makes of it.

use super::{
    CliError,
    input::{self, InputArgs},
    output::Output,
};
use crate::{
    decode::{Batch, Limits, Refusal, decode},
    model::Record,
};
use serde_json::{Value, json};
use std::path::Path;

/// Command line of `decode`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let settings = args.input.settings(Limits::default())?;
    let mut out = Output::create(Path::new("-"))?;
    let mut batch = Batch::default();
    for path in &args.input.files {
        let (topic, mut records) = input::open(path)?;
        while let Some(value) = records.next_record().map_err(|e| input::read_error(path, e))? {
            let record = Record { topic: &topic, value: Some(value), ..Record::default() };
            decode(&settings, &record, &mut batch);
            out.json_line(&verdict(&batch))?;
        }
    }
    out.flush()
}

fn verdict(batch: &Batch) -> Value {
    let refused = batch.parts.iter().find_map(|part| part.verdict.as_ref().err());
    let (verdict, reason) = match refused {
        None => ("accept", Value::Null),
        Some(Refusal::Skip(reason)) => ("skip", json!(reason)),
        Some(Refusal::DeadLetter { reason, .. }) => ("reject", json!(reason)),
    };
    json!({ "verdict": verdict, "reason": reason, "events": batch.events })
}
