//! `dlq replay`: records that can be read now go back to their topic, each once.

use super::{
    ConfigArg, Selection,
    letters::{self, DlqError, Letter, Notes, REPLAYED, Replayed},
    load,
    original::{self, Lost, Original},
    place::{RecordPosition, Which},
    show::verdict,
};
use crate::{
    cli::{CliError, output},
    config::Config,
    decode::{Reason, Settings, inspect::RecordVerdict},
    kafka::{
        ScanError, Scanner,
        rewrite::{Parcel, Rewriter},
    },
    model::TopicPartition,
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

/// The most records of one call: their letters are held in memory.
const RECORDS_MAX: usize = 10_000;
/// The most records of one transaction.
const TRANSACTION_RECORDS_MAX: usize = 500;
/// The most bytes of one transaction, one record aside.
const TRANSACTION_BYTES_MAX: usize = 4 << 20;
/// Headers that a replay adds; those of an earlier replay make way.
const HEADERS: [&str; 3] = ["dlq-replay-of", "dlq-replay-letter", "dlq-replay-reason"];

/// Command line of `dlq replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Letters by OFFSET or PARTITION/OFFSET, or records by TOPIC/PARTITION/OFFSET; default all
    #[arg(value_name = "LETTER", value_parser = Which::parse)]
    which: Vec<Which>,
    #[command(flatten)]
    selection: Selection,
    /// Write to this topic instead of the record's own
    #[arg(long, value_name = "TOPIC")]
    to: Option<String>,
    /// The repaired value of the one record that is named
    #[arg(long, value_name = "FILE", requires = "which")]
    value: Option<PathBuf>,
    /// How many records at most, the first in the order of their topics
    #[arg(long, value_name = "N", default_value_t = RECORDS_MAX)]
    limit: usize,
    /// Write; without it only what would be written is said
    #[arg(long)]
    yes: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum LetterOutcome {
    /// It can be read now; written unless this is a dry run.
    Replayed {
        to: String,
    },
    /// It can still not be read, or holds nothing to score.
    Refused {
        verdict: &'static str,
        reason: &'static str,
        detail: String,
    },
    Lost {
        why: &'static str,
    },
    /// No input of the configuration reads its topic.
    NoInput,
    /// It was not its bytes that were refused: replayed only when asked for by name.
    NotNamed,
}

#[derive(Debug, Serialize)]
struct ReplayLine {
    record: String,
    letter: String,
    was: Reason,
    #[serde(flatten)]
    outcome: LetterOutcome,
}

#[derive(Debug, Serialize)]
struct ReplayTotals {
    is_dry_run: bool,
    n_replayed: usize,
    /// Selected, and written back by an earlier call.
    n_replayed_before: usize,
    n_not_replayed: usize,
    /// Selected, and beyond the limit: another call takes them.
    n_left: usize,
    records: Vec<ReplayLine>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    if args.value.is_some() && args.which.len() != 1 {
        return Err(CliError::Usage("--value repairs one record: name one".to_owned()));
    }
    let config = load(&args.config.config)?;
    let kafka = &config.run.kafka;
    // First of all: from here on no other replay can write, and what one left open is undone, so
    // that the notes that are read next are complete.
    let id = format!("{}-dlq-replay", kafka.group);
    let failed = |e| CliError::failure("cannot write to the brokers", e);
    let writer = args.yes.then(|| Rewriter::connect(kafka, &id).map_err(failed)).transpose()?;
    let scanner = Scanner::open(kafka, "txwarden-dlq").map_err(DlqError::from)?;
    let chosen = choose(args, &scanner, &config.run.outputs.dead_letters)?;
    let mut replay = Replay {
        args,
        config: &config,
        scanner: &scanner,
        writer,
        batch: Vec::new(),
        widths: BTreeMap::new(),
    };
    let outcomes = replay.all(&chosen)?;
    let line =
        |((place, letter), outcome): ((&RecordPosition, &Letter), LetterOutcome)| ReplayLine {
            record: place.to_string(),
            letter: format!("{}/{}", letter.partition, letter.offset),
            was: letter.body.reason,
            outcome,
        };
    let records: Vec<ReplayLine> = chosen.letters.iter().zip(outcomes).map(line).collect();
    let n_replayed =
        records.iter().filter(|l| matches!(l.outcome, LetterOutcome::Replayed { .. })).count();
    let summary = ReplayTotals {
        is_dry_run: !args.yes,
        n_replayed,
        n_replayed_before: chosen.n_replayed_before,
        n_not_replayed: records.len() - n_replayed,
        n_left: chosen.n_left,
        records,
    };
    if args.json {
        let text = serde_json::to_string_pretty(&summary)
            .map_err(|e| CliError::failure("cannot write the summary", e))?;
        output::stdout(format!("{text}\n").as_bytes())?;
    } else {
        output::stdout(summary.text().as_bytes())?;
    }
    if summary.n_not_replayed == 0 { Ok(()) } else { Err(CliError::Findings) }
}

/// The letters that are meant, one for each record, in the order of the records.
#[derive(Default)]
struct Chosen {
    letters: BTreeMap<RecordPosition, Letter>,
    n_replayed_before: usize,
    n_left: usize,
}

fn choose(args: &Args, scanner: &Scanner, topic: &str) -> Result<Chosen, CliError> {
    let notes = Notes::read(scanner, topic)?;
    let (limit, since_ms) = (args.limit.clamp(1, RECORDS_MAX), args.selection.since_ms());
    let mut chosen = Chosen::default();
    letters::each(scanner, topic, &notes, &mut |letter| {
        let is_named = args.which.is_empty() || args.which.iter().any(|which| letter.is(which));
        if !is_named || !args.selection.has(&letter, since_ms) {
            return;
        }
        if letter.is_replayed {
            chosen.n_replayed_before += 1;
            return;
        }
        // Several parts of one record, or several groups: one record all the same.
        chosen.letters.entry(letter.place()).or_insert(letter);
        if chosen.letters.len() > limit {
            chosen.letters.pop_last();
            chosen.n_left += 1;
        }
    })?;
    Ok(chosen)
}

/// A record that is to be read again, with its letter and how.
type Wanted<'l> = (&'l RecordPosition, &'l Letter, Settings);

struct Replay<'a> {
    args: &'a Args,
    config: &'a Config,
    scanner: &'a Scanner,
    /// None in a dry run.
    writer: Option<Rewriter>,
    /// Records and the notes about them, of the next transaction.
    batch: Vec<Parcel>,
    /// How many partitions topics have.
    widths: BTreeMap<String, i32>,
}

impl Replay<'_> {
    /// Replays what was chosen, partition by partition; returns what becomes of each, in order.
    fn all(&mut self, chosen: &Chosen) -> Result<Vec<LetterOutcome>, CliError> {
        let (mut outcomes, mut wanted) = (BTreeMap::new(), Vec::new());
        for (place, letter) in &chosen.letters {
            match self.settings(place, letter) {
                Ok(settings) => wanted.push((place, letter, settings)),
                Err(outcome) => drop(outcomes.insert(place, outcome)),
            }
        }
        let is_same = |a: &Wanted<'_>, b: &Wanted<'_>| {
            (&a.0.topic, a.0.partition) == (&b.0.topic, b.0.partition)
        };
        let scanner = self.scanner;
        for group in wanted.chunk_by(is_same) {
            let Some((first, ..)) = group.first() else { continue };
            let at = TopicPartition { topic: first.topic.clone(), partition: first.partition };
            let offsets: Vec<i64> = group.iter().map(|(place, ..)| place.offset).collect();
            let mut left = group.iter();
            scanner.some::<CliError>(&at, &offsets, &mut |_, record| {
                if let Some((place, letter, settings)) = left.next() {
                    let found = original::of(letter, record.map(Original::of));
                    outcomes.insert(place, self.one(place, letter, settings, found)?);
                }
                Ok(())
            })?;
        }
        self.flush()?;
        Ok(outcomes.into_values().collect())
    }

    /// Returns how a record is to be read now, or why it is left alone.
    fn settings(&self, place: &RecordPosition, letter: &Letter) -> Result<Settings, LetterOutcome> {
        let reason = letter.body.reason;
        let is_asked_for =
            !self.args.which.is_empty() || self.args.selection.reason.contains(&reason);
        if matches!(reason, Reason::CrashLoop | Reason::IdentityConflict) && !is_asked_for {
            return Err(LetterOutcome::NotNamed);
        }
        let to = self.args.to.as_ref().unwrap_or(&place.topic);
        original::settings(self.config, to)
            .or_else(|| original::settings(self.config, &place.topic))
            .ok_or(LetterOutcome::NoInput)
    }

    fn one(
        &mut self,
        place: &RecordPosition,
        letter: &Letter,
        settings: &Settings,
        found: Result<Original, Lost>,
    ) -> Result<LetterOutcome, CliError> {
        let original = match found {
            Ok(original) => original,
            // A repaired record needs nothing of the old one.
            Err(_) if self.args.value.is_some() => Original::default(),
            Err(why) => return Ok(LetterOutcome::Lost { why: why.as_str() }),
        };
        let replayed = self.marked(place, letter, original)?;
        let now = original::decode(settings, letter, &replayed);
        if now.verdict != RecordVerdict::Accept {
            return Ok(LetterOutcome::Refused {
                verdict: verdict(&now),
                reason: now.reason.unwrap_or_default(),
                detail: now.detail.unwrap_or_default(),
            });
        }
        let to = self.args.to.as_ref().unwrap_or(&place.topic).clone();
        let n_partitions = self.n_partitions(&to)?;
        // A chain's records are in one partition: there it stays.
        let partition = (place.partition < n_partitions).then_some(place.partition);
        self.push(place, to.clone(), partition, replayed)?;
        Ok(LetterOutcome::Replayed { to })
    }

    /// Returns the record as it will be written.
    fn marked(
        &self,
        place: &RecordPosition,
        letter: &Letter,
        mut original: Original,
    ) -> Result<Original, CliError> {
        if let Some(path) = &self.args.value {
            original.value = std::fs::read(path)
                .map_err(|source| CliError::Read { path: path.display().to_string(), source })?;
        }
        original.headers.retain(|(name, _)| !HEADERS.contains(&name.as_str()));
        let dlq = &self.config.run.outputs.dead_letters;
        let texts = [
            place.to_string(),
            format!("{dlq}/{}/{}", letter.partition, letter.offset),
            letter.body.reason.as_str().to_owned(),
        ];
        let added = HEADERS.iter().zip(texts);
        original.headers.extend(added.map(|(k, text)| ((*k).to_owned(), text.into_bytes())));
        Ok(original)
    }

    fn n_partitions(&mut self, topic: &str) -> Result<i32, CliError> {
        if let Some(n) = self.widths.get(topic) {
            return Ok(*n);
        }
        let cannot = |e: ScanError| CliError::failure("cannot write to a topic", e);
        let n = self.scanner.n_partitions(topic).map_err(cannot)?;
        self.widths.insert(topic.to_owned(), n);
        Ok(n)
    }

    fn push(
        &mut self,
        place: &RecordPosition,
        topic: String,
        partition: Option<i32>,
        record: Original,
    ) -> Result<(), CliError> {
        if self.writer.is_none() {
            return Ok(());
        }
        let note = Replayed {
            schema: REPLAYED.to_owned(),
            topic: place.topic.clone(),
            partition: place.partition,
            offset: place.offset,
            to: topic.clone(),
        };
        let body =
            serde_json::to_vec(&note).map_err(|e| CliError::failure("cannot write a note", e))?;
        let Original { kafka_ms, key, value, headers, .. } = record;
        self.batch.push(Parcel { topic, partition, kafka_ms, key, value, headers });
        self.batch.push(Parcel {
            topic: self.config.run.outputs.dead_letters.clone(),
            key: Some(place.to_string().into_bytes()),
            value: body,
            headers: vec![("dlq-replayed".to_owned(), place.to_string().into_bytes())],
            ..Parcel::default()
        });
        let n_bytes: usize = self.batch.iter().map(|parcel| parcel.value.len()).sum();
        if self.batch.len() >= 2 * TRANSACTION_RECORDS_MAX || n_bytes >= TRANSACTION_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), CliError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        if self.batch.is_empty() {
            return Ok(());
        }
        let failed = "cannot write to the brokers: call again, what was written is not repeated";
        writer.write(&self.batch).map_err(|e| CliError::failure(failed, e))?;
        self.batch.clear();
        Ok(())
    }
}

impl ReplayTotals {
    fn text(&self) -> String {
        let mut out = String::new();
        for ReplayLine { record, letter, was, outcome } in &self.records {
            let _ = write!(out, "{record} (letter {letter}, {}): ", was.as_str());
            let _ = match outcome {
                LetterOutcome::Replayed { to } if self.is_dry_run => writeln!(out, "goes to {to}"),
                LetterOutcome::Replayed { to } => writeln!(out, "written to {to}"),
                LetterOutcome::Refused { verdict, reason, detail } => {
                    writeln!(out, "stays: {verdict} {reason} {detail}")
                }
                LetterOutcome::Lost { why } => writeln!(out, "{why}"),
                LetterOutcome::NoInput => writeln!(out, "stays: no input reads its topic"),
                LetterOutcome::NotNamed => {
                    writeln!(out, "stays: name it, or --reason {}", was.as_str())
                }
            };
        }
        let Self { n_replayed, n_replayed_before, n_not_replayed, n_left, .. } = self;
        let what = if self.is_dry_run { "would be written (--yes writes)" } else { "written" };
        let _ = write!(out, "{n_replayed} {what}, {n_not_replayed} stay");
        let _ = writeln!(out, ", {n_replayed_before} were written before, {n_left} are left");
        out
    }
}
