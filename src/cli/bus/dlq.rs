//! `dlq`: what could not be read, listed, shown and, where it can be read now, written back.

mod letters;
mod list;
mod original;
mod place;
mod replay;
mod show;

use crate::{
    cli::{CliError, moment},
    config::Config,
    decode::Reason,
    model::EventTime,
    ops::now_ms,
};
use clap::Subcommand;
use std::path::{Path, PathBuf};

/// Command line of `dlq`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    what: DlqCommand,
}

#[derive(Debug, Subcommand)]
enum DlqCommand {
    /// Count dead letters by reason, topic and partition, and list the newest
    List(list::Args),
    /// Show the original record, why it was refused, and what it decodes to now
    Show(show::Args),
    /// Write records that can be read now back to their topic; only says so without --yes
    Replay(replay::Args),
}

/// Which dead letters are meant.
#[derive(Debug, clap::Args)]
struct Selection {
    /// Only letters of this reason; may be repeated
    #[arg(long, value_name = "REASON", value_parser = parse_reason)]
    reason: Vec<Reason>,
    /// Only letters written since then: a date (2026-03-01), or a time ago (90s, 30m, 12h, 7d)
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    since: Option<When>,
    /// Only letters about records of this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
}

/// A point in time, absolute or counted back from now.
#[derive(Clone, Copy, Debug)]
enum When {
    At(EventTime),
    Ago(i64),
}

impl Selection {
    /// Returns whether a letter is meant; `since_ms` is what [`Selection::since_ms`] returned.
    fn has(&self, letter: &letters::Letter, since_ms: i64) -> bool {
        let body = &letter.body;
        (self.reason.is_empty() || self.reason.contains(&body.reason))
            && self.topic.as_ref().is_none_or(|topic| *topic == body.topic)
            && letter.written_ms >= since_ms
    }

    /// Returns the earliest time that is meant, in milliseconds.
    fn since_ms(&self) -> i64 {
        match self.since {
            None => i64::MIN,
            Some(When::At(time)) => time.millis(),
            Some(When::Ago(span)) => now_ms().saturating_sub(EventTime::from_micros(span).millis()),
        }
    }
}

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    match &args.what {
        DlqCommand::List(args) => list::run(args),
        DlqCommand::Show(args) => show::run(args),
        DlqCommand::Replay(args) => replay::run(args),
    }
}

fn load(path: &Path) -> Result<Config, CliError> {
    Config::load(path).map_err(|e| CliError::Config(e.to_string()))
}

/// Where the configuration is.
#[derive(Debug, clap::Args)]
struct ConfigArg {
    /// Configuration file: brokers, topics, and how each input is read
    #[arg(short, long, value_name = "FILE", env = "TXWARDEN_CONFIG")]
    config: PathBuf,
}

fn parse_reason(text: &str) -> Result<Reason, String> {
    Reason::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or_else(|| {
        let known: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("known reasons are {}", known.join(", "))
    })
}

fn parse_when(text: &str) -> Result<When, String> {
    match (moment::date(text), moment::span(text)) {
        (Ok(time), _) => Ok(When::At(time)),
        (_, Ok(span)) => Ok(When::Ago(span)),
        _ => Err("expected a date such as 2026-03-01, or a time ago such as 12h or 7d".to_owned()),
    }
}
