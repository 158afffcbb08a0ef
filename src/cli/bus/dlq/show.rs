//! `dlq show`: one letter with the record that it is about.

use super::{
    ConfigArg,
    letters::{self, DlqError, Letter, Notes},
    load,
    original::{self, Original},
    place::Which,
};
use crate::{
    cli::{CliError, moment::utc, output},
    config::Config,
    decode::inspect::Inspection,
    kafka::Scanner,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Bytes of a record that are shown to people; `--raw` and `--json` have all.
const SHOWN_MAX: usize = 1 << 10;

/// Command line of `dlq show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// OFFSET or PARTITION/OFFSET of the letter, or TOPIC/PARTITION/OFFSET of the record
    #[arg(value_name = "LETTER", value_parser = Which::parse)]
    which: Which,
    /// Print one JSON object, the original bytes as base64
    #[arg(long, conflicts_with = "raw")]
    json: bool,
    /// Print the original bytes and nothing else
    #[arg(long)]
    raw: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let config = load(&args.config.config)?;
    let topic = &config.run.outputs.dead_letters;
    let scanner = Scanner::open(&config.run.kafka, "txwarden-dlq").map_err(DlqError::from)?;
    let notes = Notes::read(&scanner, topic)?;
    // A batch record has a letter for each part that was refused: the first stands for it.
    let mut found: Option<Letter> = None;
    letters::each(&scanner, topic, &notes, &mut |letter| {
        if letter.is(&args.which) && found.is_none() {
            found = Some(letter);
        }
    })?;
    let letter = found.ok_or_else(|| CliError::Failure {
        what: "cannot show it",
        source: format!("{topic} holds no such letter; see `txwarden dlq list`").into(),
    })?;
    let original = original::find(&scanner, &letter)?;
    if args.raw {
        let original = original.map_err(|why| CliError::Failure {
            what: "cannot show the original bytes",
            source: why.as_str().into(),
        })?;
        return output::stdout(&original.value);
    }
    let now = inspection(&config, &letter, original.as_ref().ok());
    if args.json {
        let object = json!({
            "letter": letter,
            "original": original.as_ref().ok().map(as_json),
            "lost": original.as_ref().err().map(|why| why.as_str()),
            "now": now,
        });
        let text = serde_json::to_string_pretty(&object)
            .map_err(|e| CliError::failure("cannot write the letter", e))?;
        return output::stdout(format!("{text}\n").as_bytes());
    }
    let mut out = head(&letter);
    match &original {
        Ok(original) => body(original, &mut out),
        Err(why) => drop(writeln!(out, "original   {}", why.as_str())),
    }
    match &now {
        None => drop(writeln!(out, "now        no input reads topic {}", letter.body.topic)),
        Some(now) => {
            let (reason, detail) = (now.reason.unwrap_or(""), now.detail.as_deref());
            let verdict = verdict(now);
            let n = now.events.len();
            let detail = detail.unwrap_or_default();
            let _ = writeln!(out, "now        {verdict} {reason} {detail} ({n} events)");
        }
    }
    output::stdout(out.as_bytes())
}

/// Decodes the record by the present configuration, if both are there.
fn inspection(config: &Config, letter: &Letter, original: Option<&Original>) -> Option<Inspection> {
    let settings = original::settings(config, &letter.body.topic)?;
    Some(original::decode(&settings, letter, original?))
}

pub(super) fn verdict(now: &Inspection) -> &'static str {
    use crate::decode::inspect::RecordVerdict;
    match now.verdict {
        RecordVerdict::Skip => "skip",
        RecordVerdict::Accept => "accept",
        RecordVerdict::Quarantine => "quarantine",
        RecordVerdict::Reject => "reject",
        RecordVerdict::Unsupported => "unsupported",
    }
}

fn head(letter: &Letter) -> String {
    let body = &letter.body;
    let replayed = if letter.is_replayed { ", and was written back" } else { "" };
    format!(
        "letter     {}/{} of {}{replayed}\n\
         record     {} part {}, {} bytes, sha256 {}\n\
         read as    {} in envelope {}\n\
         group      {}\n\
         reason     {} ({})\n\
         where      {}\n",
        letter.partition,
        letter.offset,
        utc(letter.written_ms),
        letter.place(),
        body.part_index,
        body.size,
        body.sha256,
        body.format.as_str(),
        body.envelope,
        letter.group.as_deref().unwrap_or("unknown"),
        body.reason.as_str(),
        body.disposition.as_str(),
        body.detail,
    )
}

fn body(original: &Original, out: &mut String) {
    let from = if original.is_copy { " (the letter's copy: headers are lost)" } else { "" };
    if let Some(ms) = original.kafka_ms {
        let _ = writeln!(out, "time       {}", utc(ms));
    }
    if let Some(key) = &original.key {
        let _ = writeln!(out, "key        {}", key.escape_ascii());
    }
    for (name, value) in &original.headers {
        let _ = writeln!(out, "header     {}: {}", name.escape_debug(), value.escape_ascii());
    }
    let shown = &original.value[..original.value.len().min(SHOWN_MAX)];
    let more = if shown.len() < original.value.len() { " … (--raw prints all)" } else { "" };
    // Escaped: what was refused may hold anything, a terminal's commands too.
    let _ = writeln!(out, "original{from}\n  {}{more}", shown.escape_ascii());
}

fn as_json(original: &Original) -> Value {
    let headers: Vec<_> = original
        .headers
        .iter()
        .map(|(name, value)| json!({"name": name, "value_b64": STANDARD.encode(value)}))
        .collect();
    json!({
        "is_copy": original.is_copy,
        "kafka_ms": original.kafka_ms,
        "key_b64": original.key.as_deref().map(|key| STANDARD.encode(key)),
        "headers": headers,
        "value_b64": STANDARD.encode(&original.value),
    })
}
