//! `record`: topics to a file with all that Kafka says of each record, for an exact replay.

mod bounds;
mod file;

use crate::{
    cli::{CliError, moment, output, serve::signals},
    config::Config,
    files::recorded::{Mark, MarkEnd, Survey, write_mark, write_record},
    kafka::{ScanError, Scanner, Span},
    model::TopicPartition,
    ops::now_ms,
};
use bounds::RecordBound;
use file::RecordFile;
use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

/// Command line of `record`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", env = "TXWARDEN_CONFIG")]
    config: PathBuf,
    /// Topics; default: the inputs of the configuration
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    /// Where the record goes: a file that does not exist yet; default: standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Continues a record where it ends; what was cut off at its end is read again
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "from", "since"])]
    resume: Option<PathBuf>,
    /// Pack with zstd, as a file whose name ends in .zst is
    #[arg(long, conflicts_with = "resume")]
    zstd: bool,
    /// First offset, of every partition or of one; default: the oldest that there is
    #[arg(long, value_name = "[TOPIC/PARTITION=]OFFSET", value_parser = RecordBound::parse,
          conflicts_with = "since")]
    from: Vec<RecordBound>,
    /// Offset behind the last record, of every partition or of one; default: the end as it is at
    /// the start of the command
    #[arg(long, value_name = "[TOPIC/PARTITION=]OFFSET", value_parser = RecordBound::parse,
          conflicts_with = "until")]
    to: Vec<RecordBound>,
    /// Begin with the first record of this time, in UTC (2027-01-31) or so long ago (12h)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// End before the first record of this time, in UTC (2027-01-31) or so long ago (12h)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Leave out the control topic, without which a replay knows neither settings nor verdicts. It
    /// is recorded whole, whatever the bounds
    #[arg(long)]
    without_control: bool,
}

/// Why a record cannot be made.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Cli(#[from] CliError),
}

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    let config = Config::load(&args.config).map_err(|e| CliError::Config(e.to_string()))?;
    let stop = signals::stop_flag()?;
    let now_ms = now_ms();
    let time = |text: &Option<String>| {
        let read = |text: &String| moment::ago(text, now_ms).map_err(CliError::Usage);
        text.as_ref().map(read).transpose()
    };
    let (since, until) = (time(&args.since)?, time(&args.until)?);
    let (mut target, known) =
        RecordFile::open(args.output.as_ref(), args.resume.as_ref(), args.zstd)?;
    let job = RecordJob { args, known: &known, since, until, stop: &stop };
    let done = job.record(&config, &mut target);
    let told = done.map_err(|error| match error {
        RecordError::Cli(error) => error,
        RecordError::Scan(error) => CliError::failure("cannot record", error),
    })?;
    told.iter().for_each(|line| output::say(line));
    Ok(())
}

/// What is recorded.
struct RecordJob<'a> {
    args: &'a Args,
    /// What the file that is continued has.
    known: &'a Survey,
    since: Option<i64>,
    until: Option<i64>,
    stop: &'a AtomicBool,
}

impl RecordJob<'_> {
    /// Records everything; returns what to tell.
    fn record(&self, config: &Config, to: &mut RecordFile) -> Result<Vec<String>, RecordError> {
        let control = &config.run.outputs.control;
        let named = match self.args.topics.is_empty() {
            false => self.args.topics.clone(),
            true => config.run.inputs.iter().map(|input| input.topic.clone()).collect(),
        };
        let mut topics: Vec<&String> = named.iter().filter(|topic| *topic != control).collect();
        topics.sort_unstable();
        topics.dedup();
        let scanner = Scanner::open(&config.run.kafka, "txwarden-record")?;
        let mut spans = Vec::new();
        for topic in topics {
            for at in places(&scanner, topic)? {
                spans.push(self.span(&scanner, at)?);
            }
        }
        let mut told = self.pass(&scanner, &spans, to)?;
        // Afterwards: an entry is written with the records that were judged before it.
        if !self.args.without_control && !self.stop.load(Ordering::Acquire) {
            match places(&scanner, control) {
                Ok(all) => {
                    let spans: Result<Vec<Span>, RecordError> =
                        all.into_iter().map(|at| self.whole(&scanner, at)).collect();
                    told.extend(self.pass(&scanner, &spans?, to)?);
                }
                Err(ScanError::Missing(_)) => told.push(format!(
                    "there is no control topic {control}: no run has written alerts yet"
                )),
                Err(error) => return Err(error.into()),
            }
        }
        to.finish()?;
        Ok(told)
    }

    /// Returns what is to be read of an input partition.
    fn span(&self, scanner: &Scanner, at: TopicPartition) -> Result<Span, RecordError> {
        let (first, end) = scanner.bounds(&at)?;
        let place = place_of(&at);
        let known = self.known.places.get(&place).map(|extent| extent.to);
        let from = match (known, RecordBound::of(&self.args.from, &place), self.since) {
            (Some(offset), ..) | (None, Some(offset), _) => offset,
            (None, None, Some(ms)) => scanner.offset_at(&at, ms)?.unwrap_or(end),
            (None, None, None) => first,
        };
        check_first(&place, from, first)?;
        let to = match (RecordBound::of(&self.args.to, &place), self.until) {
            (Some(offset), _) => offset.min(end),
            (None, Some(ms)) => scanner.offset_at(&at, ms)?.unwrap_or(end).min(end),
            (None, None) => end,
        };
        Ok(Span { at, from, to: to.max(from) })
    }

    /// Returns what is to be read of a partition of the control topic: all of it.
    fn whole(&self, scanner: &Scanner, at: TopicPartition) -> Result<Span, RecordError> {
        let (first, end) = scanner.bounds(&at)?;
        let place = place_of(&at);
        let from = self.known.places.get(&place).map_or(first, |extent| extent.to);
        check_first(&place, from, first)?;
        Ok(Span { at, from, to: end.max(from) })
    }

    /// Reads spans to the file, between their marks; returns what to tell.
    fn pass(
        &self,
        scanner: &Scanner,
        spans: &[Span],
        to: &mut RecordFile,
    ) -> Result<Vec<String>, RecordError> {
        let mark = |span: &Span, end, offset, to: &mut RecordFile| {
            write_mark(&Mark { place: place_of(&span.at), end, offset }, &mut to.lines);
        };
        spans.iter().for_each(|span| mark(span, MarkEnd::From, span.from, to));
        let mut n_records = vec![0u64; spans.len()];
        scanner.spans::<RecordError>(spans, &mut |record, stamp| {
            let is_its = |span: &Span| {
                (&*span.at.topic, span.at.partition) == (record.topic, record.partition)
            };
            if let Some(idx) = spans.iter().position(is_its) {
                n_records[idx] += 1;
            }
            write_record(record, stamp, &mut to.lines);
            to.wrote()?;
            Ok(!self.stop.load(Ordering::Acquire))
        })?;
        if self.stop.load(Ordering::Acquire) {
            // Without the last marks: what was read is there, and no more is claimed.
            return Ok(vec!["interrupted: continue with --resume".to_owned()]);
        }
        spans.iter().for_each(|span| mark(span, MarkEnd::To, span.to, to));
        let told = spans.iter().zip(n_records).map(|(Span { at, from, to }, n)| {
            format!("{}/{}: {n} records of offsets {from} to {to}", at.topic, at.partition)
        });
        Ok(told.collect())
    }
}

fn place_of(at: &TopicPartition) -> TopicPartition {
    TopicPartition { topic: at.topic.clone(), partition: at.partition }
}

/// Refuses what is no longer there.
fn check_first(place: &TopicPartition, from: i64, first: i64) -> Result<(), CliError> {
    match from < first {
        false => Ok(()),
        true => Err(CliError::Usage(format!(
            "{place} begins at offset {first}: what was before is deleted, and {from} was asked for"
        ))),
    }
}

/// Returns the partitions of a topic.
fn places(scanner: &Scanner, topic: &str) -> Result<Vec<TopicPartition>, ScanError> {
    let n_partitions = scanner.n_partitions(topic)?;
    let at = |partition| TopicPartition { topic: topic.to_owned(), partition };
    Ok((0..n_partitions).map(at).collect())
}
