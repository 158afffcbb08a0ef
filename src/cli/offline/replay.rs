//! `replay`: files through one engine, alerts as JSON lines, a summary at the end.

mod fold;
mod seed;
mod summary;

use super::{
    coverage::Coverage,
    input::{self, InputArgs},
    log::RecordedLog,
    turns::TurnArgs,
};
use crate::{
    cli::{
        CliError,
        output::{self, OutputFile},
    },
    config::Config,
    decode::{Settings, envelope::decide},
    engine::{Engine, Setup},
    model::Record,
    pipeline::{Driver, Fits},
};
use fold::{OutputFiles, ReplayFold, Writing, WrittenCounts};
use seed::SeedArgs;
use std::{
    io::IsTerminal,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Instant,
};
use summary::Summary;

/// Command line of `replay`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// Configuration file; without it the defaults, and no prices, watch list or labels: rules that
    /// need them are not evaluable and listed in the summary
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where alerts go as JSON lines
    #[arg(long, value_name = "PATH", default_value = "-")]
    alerts: PathBuf,
    /// Where every finding goes before triage, as JSON lines
    #[arg(long, value_name = "PATH")]
    findings: Option<PathBuf>,
    /// Where records go that could not be decoded
    #[arg(long, value_name = "PATH")]
    dead_letters: Option<PathBuf>,
    /// Where the summary goes as one JSON object
    #[arg(long, value_name = "PATH")]
    summary: Option<PathBuf>,
    /// Where the coverage ledger goes as one JSON object: what became of every part
    #[arg(long, value_name = "PATH")]
    coverage: Option<PathBuf>,
    #[command(flatten)]
    turns: TurnArgs,
    /// Records between two flushes; changes no answer
    #[arg(long, value_name = "N", default_value = "10000")]
    batch: NonZeroUsize,
    #[command(flatten)]
    seed: SeedArgs,
    /// Print no summary for people
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    let started = Instant::now();
    let mut config = match &args.config {
        Some(path) => Config::load(path).map_err(|e| CliError::Config(e.to_string()))?,
        None => Config::default(),
    };
    let dir = args.config.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    if let Some(log) = RecordedLog::open(&args.input.files, &config)? {
        return run_log(args, &config, dir, &log, started);
    }
    let mut settings = args.input.settings(&config)?;
    config.add_chain(&settings.chain, dir).map_err(|e| CliError::Config(e.to_string()))?;
    let seed = args.seed.open(&config)?;
    let mut setup = config.engine_setup(&settings.chain);
    let turns = args.turns.open(&config, &settings, &mut setup)?;
    setup.is_reporting_findings = args.findings.is_some();
    let driver = Driver::new(setup, Fits::Background)
        .map_err(|e| CliError::failure("cannot make the detector", e))?;
    let outputs = args.outputs()?;
    let mut summary_to = args.summary_to()?;
    let mut fold = ReplayFold::new(driver, turns, outputs, args.batch.get());
    let bar = progress();
    let place = seed.as_ref().map(|seed| seed.place());
    for path in &args.input.files {
        read(path, place, &mut settings, &mut fold, &bar)?;
    }
    bar.finish_and_clear();
    let n_records = fold.n_records();
    let (driver, counts, chains) = fold.finish()?;
    let engines = [("replay".to_owned(), driver.engine())];
    args.tell(&engines, &counts, started, &mut summary_to)?;
    if let Some(seed) = seed {
        let told = seed.publish(driver, &chains, n_records)?;
        if !args.quiet {
            output::say(&told);
        }
    }
    Ok(())
}

/// Folds recorded files: an engine for each partition, as `run` has one.
fn run_log(
    args: &Args,
    config: &Config,
    dir: &Path,
    log: &RecordedLog,
    started: Instant,
) -> Result<(), CliError> {
    if args.seed.is_wanted() {
        let text = "--snapshot takes files of plain lines, not records as Kafka had them";
        return Err(CliError::Usage(text.to_owned()));
    }
    let is_reporting = args.findings.is_some();
    let adjust = |setup: &mut Setup| setup.is_reporting_findings = is_reporting;
    let mut lanes = log.begin((&args.input, &args.turns, config), dir, &adjust)?;
    lanes.tell();
    let mut writing = Writing::new(args.outputs()?, args.batch.get());
    let mut summary_to = args.summary_to()?;
    let (bar, mut n_records) = (progress(), 0);
    log.each(|record| {
        if lanes.feed(record, &mut writing.actions)? {
            n_records += 1;
            if writing.folded()? {
                bar.set_position(n_records);
            }
        }
        Ok(true)
    })?;
    bar.finish_and_clear();
    lanes.finish()?;
    let (counts, _) = writing.finish()?;
    let engines = lanes.engines();
    let engines: Vec<_> =
        engines.into_iter().map(|(place, engine)| (place.to_string(), engine)).collect();
    args.tell(&engines, &counts, started, &mut summary_to)
}

impl Args {
    fn outputs(&self) -> Result<OutputFiles, CliError> {
        let create = |path: &Option<PathBuf>| path.as_deref().map(OutputFile::create).transpose();
        Ok(OutputFiles {
            alerts: OutputFile::create(&self.alerts)?,
            findings: create(&self.findings)?,
            dead_letters: create(&self.dead_letters)?,
        })
    }

    fn summary_to(&self) -> Result<Option<OutputFile>, CliError> {
        self.summary.as_deref().map(OutputFile::create).transpose()
    }

    /// Writes summary and coverage of engines after their last records.
    fn tell(
        &self,
        engines: &[(String, &Engine)],
        counts: &WrittenCounts,
        started: Instant,
        summary_to: &mut Option<OutputFile>,
    ) -> Result<(), CliError> {
        let all: Vec<&Engine> = engines.iter().map(|(_, engine)| *engine).collect();
        let summary = Summary::of(&all, counts, started.elapsed().as_secs_f64());
        if let Some(to) = summary_to {
            to.json_line(&summary)?;
            to.flush()?;
        }
        if let Some(path) = &self.coverage {
            let mut to = OutputFile::create(path)?;
            for (source, engine) in engines {
                to.json_line(&Coverage::of(engine, source.clone()))?;
            }
            to.flush()?;
        }
        if !self.quiet {
            output::say(&summary.for_people());
        }
        Ok(())
    }
}

fn read(
    path: &Path,
    place: Option<(&str, i32)>,
    settings: &mut Settings,
    fold: &mut ReplayFold,
    bar: &indicatif::ProgressBar,
) -> Result<(), CliError> {
    let (topic, mut records) = input::open(path)?;
    let place = place.unwrap_or((&topic, 0));
    while let Some(value) = records.next_record().map_err(|e| input::read_error(path, e))? {
        if fold.n_records() == 0 {
            input::check_plain(path, value)?;
        }
        let record = Record { value: Some(value), ..Record::default() };
        if let Some(wrapping) = decide(settings, &record) {
            output::say(&format!("envelope: auto is {wrapping}, as the first record shows"));
            settings.envelope.wrapping = wrapping;
        }
        if fold.record(settings, place, value)? {
            bar.set_position(fold.n_records());
        }
    }
    Ok(())
}

/// Returns a spinner on a terminal and nothing elsewhere.
fn progress() -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let style = indicatif::ProgressStyle::with_template("{spinner} {pos} records, {per_sec}");
    let bar = indicatif::ProgressBar::new_spinner();
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
