//! `dlq list`: how many letters there are of each reason and partition, and the newest of them.

use super::{
    ConfigArg, Selection,
    letters::{self, Letter, Notes},
    load,
};
use crate::{
    cli::{CliError, moment::utc, output},
    kafka::Scanner,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
};

/// The most letters that are listed one by one.
const LISTED_MAX: usize = 10_000;

/// Command line of `dlq list`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    selection: Selection,
    /// How many of the newest letters are listed, at most 10,000; all are counted
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The letters of one reason about one partition.
#[derive(Debug, Serialize)]
struct LetterCount {
    reason: &'static str,
    disposition: &'static str,
    topic: String,
    partition: i32,
    n_letters: u64,
    n_replayed: u64,
    oldest_ms: i64,
    newest_ms: i64,
}

#[derive(Serialize)]
struct LetterListing {
    dead_letters: String,
    n_letters: u64,
    /// Records of the topic that this version did not write.
    n_foreign: u64,
    counts: Vec<LetterCount>,
    /// The newest, in the order of the topic.
    letters: VecDeque<Letter>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let config = load(&args.config.config)?;
    let topic = &config.run.outputs.dead_letters;
    let scanner =
        Scanner::open(&config.run.kafka, "txwarden-dlq").map_err(letters::DlqError::from)?;
    let notes = Notes::read(&scanner, topic)?;
    let (limit, since_ms) = (args.limit.min(LISTED_MAX), args.selection.since_ms());
    let mut counts: BTreeMap<_, LetterCount> = BTreeMap::new();
    let (mut newest, mut n_letters) = (VecDeque::new(), 0);
    let n_foreign = letters::each(&scanner, topic, &notes, &mut |letter| {
        if !args.selection.has(&letter, since_ms) {
            return;
        }
        n_letters += 1;
        let body = &letter.body;
        let key = (body.reason, body.topic.clone(), body.partition);
        let count = counts.entry(key).or_insert_with(|| LetterCount {
            reason: body.reason.as_str(),
            disposition: body.disposition.as_str(),
            topic: body.topic.clone(),
            partition: body.partition,
            n_letters: 0,
            n_replayed: 0,
            oldest_ms: i64::MAX,
            newest_ms: i64::MIN,
        });
        count.n_letters += 1;
        count.n_replayed += u64::from(letter.is_replayed);
        count.oldest_ms = count.oldest_ms.min(letter.written_ms);
        count.newest_ms = count.newest_ms.max(letter.written_ms);
        newest.push_back(letter);
        if newest.len() > limit {
            newest.pop_front();
        }
    })?;
    let listing = LetterListing {
        dead_letters: topic.clone(),
        n_letters,
        n_foreign,
        counts: counts.into_values().collect(),
        letters: newest,
    };
    if args.json {
        let text = serde_json::to_string_pretty(&listing)
            .map_err(|e| CliError::failure("cannot write the list", e))?;
        return output::stdout(format!("{text}\n").as_bytes());
    }
    output::stdout(listing.text().as_bytes())
}

impl LetterListing {
    fn text(&self) -> String {
        let Self { dead_letters, n_letters, n_foreign, counts, letters } = self;
        let mut out = format!("{dead_letters}: {n_letters} dead letters\n");
        if *n_foreign > 0 {
            let _ = writeln!(out, "{n_foreign} records are no dead letters of this version");
        }
        if !counts.is_empty() {
            let _ = writeln!(
                out,
                "\n{:>8} {:>8}  {:<20} {:<10} {:<20}  record's partition",
                "letters", "replayed", "reason", "kept as", "newest"
            );
        }
        for c in counts {
            let _ = writeln!(
                out,
                "{:>8} {:>8}  {:<20} {:<10} {:<20}  {}/{}",
                c.n_letters,
                c.n_replayed,
                c.reason,
                c.disposition,
                utc(c.newest_ms),
                c.topic,
                c.partition
            );
        }
        if !letters.is_empty() {
            let _ = writeln!(out, "\nthe newest {}, by their own partition/offset:", letters.len());
        }
        for letter in letters {
            let (at, body) = (format!("{}/{}", letter.partition, letter.offset), &letter.body);
            let done = if letter.is_replayed { " (replayed)" } else { "" };
            let _ = writeln!(
                out,
                "{at:<10} {} {} of {} part {}: {}{done}",
                utc(letter.written_ms),
                body.reason.as_str(),
                letter.place(),
                body.part_index,
                body.detail,
            );
        }
        out
    }
}
