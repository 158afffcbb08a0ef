//! `explain`: what would have kept an alert quiet, shown by scoring each change again.

use super::{
    input::{self, InputArgs},
    log::{PartitionFolds, RecordedLog},
    turns::{TurnArgs, Turns},
};
use crate::{
    cli::{CliError, output},
    config::Config,
    decode::{Format, Settings, Wrapping},
    engine::{Action, Examination, Features, ScoreReport, Setup, WhatIf},
    model::{Alert, AlertId, Chain, EventId, Record, Severity},
    pipeline::{Driver, Fits},
};
use std::{
    collections::VecDeque,
    fmt::Write,
    path::{Path, PathBuf},
};

/// Recent transactions among whose features single ones are moved.
const TYPICAL_MAX: usize = 8_192;

/// Command line of `explain`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Id of the alert
    #[arg(value_name = "ALERT_ID", required_unless_present = "tx", conflicts_with = "tx")]
    alert: Option<String>,
    /// Hash of a transaction, alerted or not
    #[arg(long, value_name = "HASH")]
    tx: Option<String>,
    /// Configuration file; without it the defaults
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Files of the input from its start on, up to the transaction at least; as for replay
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    /// Format of the records, as for replay
    #[arg(long, value_parser = input::parse_format)]
    format: Option<Format>,
    /// Chain by CAIP-2 id, e.g. eip155:1
    #[arg(long, value_parser = Chain::parse)]
    chain: Option<Chain>,
    /// What the records are, for the format mapped
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// What records are wrapped in, as for replay
    #[arg(long, value_name = "LAYERS", value_parser = Wrapping::parse)]
    envelope: Option<Wrapping>,
    /// The schema or schemas of an envelope, as for replay
    #[arg(long, value_name = "PATH", requires = "envelope")]
    schemas: Option<PathBuf>,
    #[command(flatten)]
    turns: TurnArgs,
    /// Print one JSON object instead of sentences
    #[arg(long)]
    json: bool,
}

/// Why there is nothing to explain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum ExplainError {
    #[error(
        "{what} is in none of the {n_records} records: name the files that `replay` raised it from, \
         from the first on, and the same configuration"
    )]
    NotFound { what: String, n_records: u64 },
    #[error(
        "alert {id} is about no transaction and no payment in a token but {subject}: {quiet_if}"
    )]
    NotScored { id: String, subject: String, quiet_if: String },
}

/// Where a transaction, or a payment in a token, was judged.
struct JudgedPlace {
    /// Counts the records from 0.
    n_record: u64,
    /// The record's partition.
    topic: String,
    partition: i32,
    event: EventId,
    is_tx: bool,
}

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    let mut config = match &args.config {
        Some(path) => Config::load(path).map_err(|e| CliError::Config(e.to_string()))?,
        None => Config::default(),
    };
    let inputs = InputArgs {
        format: args.format,
        chain: args.chain.clone(),
        mapping: args.mapping.clone(),
        envelope: args.envelope.clone(),
        schemas: args.schemas.clone(),
        files: args.input.clone(),
    };
    let dir = args.config.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let source = match RecordedLog::open(&args.input, &config)? {
        Some(log) => {
            log.begin((&inputs, &args.turns, &config), dir, &|_| {})?.tell();
            PastSource::Log(log)
        }
        None => {
            let settings = inputs.settings(&config)?;
            config.add_chain(&settings.chain, dir).map_err(|e| CliError::Config(e.to_string()))?;
            let setup = config.engine_setup(&settings.chain);
            PastSource::Lines(Box::new((settings, setup)))
        }
    };
    let past = Past { args, inputs: &inputs, config: &config, dir, source: &source };
    let place = past.find()?;
    let examination = past.examine(&place)?;
    let text = match args.json {
        true => serde_json::to_string(&examination)
            .map_err(|e| CliError::failure("cannot write the explanation", e))?,
        false => for_people(&examination),
    };
    output::stdout(format!("{text}\n").as_bytes())
}

/// What is folded, twice in the same way.
struct Past<'a> {
    args: &'a Args,
    inputs: &'a InputArgs,
    config: &'a Config,
    dir: &'a Path,
    source: &'a PastSource,
}

/// What the files hold.
enum PastSource {
    Lines(Box<(Settings, Setup)>),
    Log(RecordedLog),
}

/// A fold under way.
enum Fold<'a> {
    Lines { settings: &'a Settings, driver: Option<Box<Driver>>, turns: Box<Turns> },
    Log(PartitionFolds),
}

impl Fold<'_> {
    fn feed(&mut self, record: Record<'_>, actions: &mut Vec<Action>) -> Result<(), CliError> {
        match self {
            Self::Lines { settings, driver: Some(driver), turns } => {
                turns.feed(driver, settings, record, actions)
            }
            Self::Lines { driver: None, .. } => Ok(()),
            Self::Log(lanes) => lanes.feed(record, actions).map(drop),
        }
    }

    /// Examines an event of a record, which ends the fold.
    fn examine(
        &mut self,
        record: Record<'_>,
        event: &EventId,
        typical: &[Features],
    ) -> Result<Option<Examination>, CliError> {
        match self {
            Self::Lines { settings, driver, turns } => match driver.take() {
                Some(driver) => turns.examine(*driver, settings, record, event, typical),
                None => Ok(None),
            },
            Self::Log(lanes) => lanes.examine(&record, event, typical),
        }
    }

    /// Returns the chain of a record.
    fn chain(&self, topic: &str, partition: i32) -> Option<&Chain> {
        match self {
            Self::Lines { settings, .. } => Some(&settings.chain),
            Self::Log(lanes) => lanes.settings(topic, partition).map(|settings| &settings.chain),
        }
    }
}

/// Hands out every record of plain lines until told to stop; offsets count them from 0.
fn each_line(
    files: &[PathBuf],
    visit: &mut dyn FnMut(Record<'_>) -> Result<bool, CliError>,
) -> Result<(), CliError> {
    let mut offset = 0;
    for path in files {
        let (topic, mut records) = input::open(path)?;
        while let Some(value) = records.next_record().map_err(|e| input::read_error(path, e))? {
            let record = Record { topic: &topic, offset, value: Some(value), ..Record::default() };
            if offset == 0 {
                input::check_plain(path, value)?;
            }
            offset += 1;
            if !visit(record)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

impl Past<'_> {
    /// Begins a fold with all its turns ahead.
    fn begin(&self) -> Result<Fold<'_>, CliError> {
        let adjust = |setup: &mut Setup| setup.is_reporting_scores = true;
        let (settings, setup) = match self.source {
            PastSource::Log(log) => {
                let args = (self.inputs, &self.args.turns, self.config);
                return log.begin(args, self.dir, &adjust).map(Fold::Log);
            }
            PastSource::Lines(lines) => (&lines.0, &lines.1),
        };
        let mut setup = setup.clone();
        let turns = self.args.turns.open(self.config, settings, &mut setup)?;
        adjust(&mut setup);
        let driver = Driver::new(setup, Fits::Background)
            .map_err(|e| CliError::failure("cannot make the detector", e))?;
        Ok(Fold::Lines { settings, driver: Some(Box::new(driver)), turns: Box::new(turns) })
    }

    /// Hands out every record with its number, until told to stop; returns how many there were.
    fn each_record(
        &self,
        mut visit: impl FnMut(u64, Record<'_>) -> Result<bool, CliError>,
    ) -> Result<u64, CliError> {
        let mut n_records = 0;
        let mut count = |record: Record<'_>| {
            n_records += 1;
            visit(n_records - 1, record)
        };
        match self.source {
            PastSource::Lines(_) => each_line(&self.args.input, &mut count)?,
            PastSource::Log(log) => log.each(count)?,
        }
        Ok(n_records)
    }

    /// Finds the record in which the alert was raised, or the transaction was first scored.
    fn find(&self) -> Result<JudgedPlace, CliError> {
        let args = self.args;
        let failed = |error| CliError::failure("cannot explain", error);
        let wanted = args.tx.as_deref().or(args.alert.as_deref()).unwrap_or_default();
        let wanted = wanted.to_ascii_lowercase();
        let (mut fold, mut actions) = (self.begin()?, Vec::new());
        let mut place = None;
        let n_records = self.each_record(|n_record, record| {
            fold.feed(record, &mut actions)?;
            let Some(chain) = fold.chain(record.topic, record.partition) else { return Ok(true) };
            let raised = actions.iter().find_map(|action| match action {
                Action::Alert(a) if args.alert.is_some() && a.alert_id == wanted => Some(a.clone()),
                _ => None,
            });
            for action in actions.drain(..) {
                let Action::Scored(report) = action else { continue };
                let is_meant = match &raised {
                    Some(alert) => is_about(alert, &report, chain),
                    None => args.tx.is_some() && is_of(&report, &wanted, chain),
                };
                if is_meant {
                    let (topic, partition) = (record.topic.to_owned(), record.partition);
                    let (event, is_tx) = (report.event, report.is_tx);
                    place = Some(JudgedPlace { n_record, topic, partition, event, is_tx });
                    return Ok(false);
                }
            }
            if let Some(alert) = raised {
                let quiet_if = alert.evidence.first().map(|e| e.quiet_if.clone());
                return Err(failed(ExplainError::NotScored {
                    id: alert.alert_id,
                    subject: alert.subject,
                    quiet_if: quiet_if.unwrap_or_default(),
                }));
            }
            Ok(true)
        })?;
        let what = if args.tx.is_some() { "transaction" } else { "alert" };
        let what = format!("{what} {wanted}");
        place.ok_or_else(|| failed(ExplainError::NotFound { what, n_records }))
    }

    /// Brings an engine to where the transaction was judged, and examines it there.
    fn examine(&self, place: &JudgedPlace) -> Result<Examination, CliError> {
        let (mut fold, mut actions) = (self.begin()?, Vec::new());
        let mut typical: VecDeque<Features> = VecDeque::new();
        let mut examination = None;
        let is_log = matches!(self.source, PastSource::Log(_));
        let n_records = self.each_record(|n_record, record| {
            if n_record == place.n_record {
                examination = fold.examine(record, &place.event, typical.make_contiguous())?;
                return Ok(false);
            }
            if is_log && (record.topic, record.partition) != (&*place.topic, place.partition) {
                return Ok(true);
            }
            fold.feed(record, &mut actions)?;
            for action in actions.drain(..) {
                let Action::Scored(report) = action else { continue };
                if report.is_tx != place.is_tx {
                    continue;
                }
                if typical.len() == TYPICAL_MAX {
                    typical.pop_front();
                }
                typical.push_back(report.features);
            }
            Ok(true)
        })?;
        let what = format!("event {}", place.event.hex());
        let not_found = ExplainError::NotFound { what, n_records };
        examination.ok_or_else(|| CliError::failure("cannot explain", not_found))
    }
}

/// Returns whether an alert was raised on what was scored.
fn is_about(alert: &Alert, report: &ScoreReport, chain: &Chain) -> bool {
    let rules = alert.evidence.iter().map(|e| e.detector.as_str());
    let id = |lane| AlertId::of(&chain.id, &alert.subject, report.event, lane);
    rules.chain(["score"]).any(|lane| id(lane).hex() == alert.alert_id)
        || alert.tx.as_ref().is_some_and(|tx| is_of(report, &tx.id, chain))
}

/// Returns whether a transaction with this hash was scored.
fn is_of(report: &ScoreReport, hash: &str, chain: &Chain) -> bool {
    let text = report.tx.filter(|_| report.is_tx).map(|tx| chain.hash_text(&tx));
    let hash = hash.trim_start_matches("0x");
    text.is_some_and(|text| text.trim_start_matches("0x").eq_ignore_ascii_case(hash))
}

/// Writes an examination in sentences.
fn for_people(e: &Examination) -> String {
    let judged = &e.judgement;
    let mut text = format!("transaction {}\nabout {}\n", e.tx, e.subject);
    let mut line = |parts: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{parts}");
    };
    let is_beyond = judged.lanes.contains(&"score");
    match judged.p_value {
        None => line(format_args!("\nscore: the models are warming up")),
        Some(p) => {
            let side = if is_beyond { "beyond" } else { "not beyond" };
            let threshold = e.p_threshold;
            line(format_args!("\nscore: p = {p:.2e}, {side} the threshold {threshold:.2e}"));
        }
    }
    for (finding, share) in e.evidence.iter().filter(|(_, share)| *share >= 0.01) {
        let (percent, id) = (100.0 * share, finding.detector.as_str());
        line(format_args!("  {percent:>3.0} % {id} (additive): {}", finding.explanation));
        if is_beyond {
            let tried = e.named.iter().find(|(model, _)| *model == id).map(|(_, change)| change);
            let tried = tried.and_then(|c| Some((c.p_value?, c.quiets.is_empty())));
            let tried = tried.map_or_else(String::new, |(p, is_loud)| {
                let but = if is_loud { ", still beyond" } else { "" };
                format!(" (tried: p = {p:.2e}{but})")
            });
            line(format_args!("        the score would be quiet with {}{tried}", finding.quiet_if));
        }
    }
    for finding in judged.findings.iter() {
        let (id, severity) = (finding.detector, finding.severity.as_str());
        line(format_args!("\nrule {id} ({severity}): {}", finding.explanation));
        line(format_args!("  quiet if {}", finding.quiet_if));
    }
    if judged.lanes.is_empty() {
        line(format_args!("\nnothing was found: there is nothing to keep quiet"));
        return text;
    }
    line(format_args!("\nsingle changes, each scored again by the engine as it was then"));
    for lane in &judged.lanes {
        let of_lane = |c: &&WhatIf| c.quiets.contains(lane);
        let changes: Vec<&WhatIf> = e.features.iter().chain(&e.inputs).filter(of_lane).collect();
        let is_info = |id: &str| {
            judged.findings.iter().any(|f| f.detector == id && f.severity == Severity::Info)
        };
        let note = if is_info(lane) { " (raises no alert by default)" } else { "" };
        match changes.is_empty() {
            true => line(format_args!("  {lane}{note}: none of those tried keeps it quiet")),
            false => line(format_args!("  {lane}{note} is quiet with")),
        }
        for change in changes {
            line(format_args!("    {}", sentence(change)));
        }
    }
    text
}

fn sentence(change: &WhatIf) -> String {
    let WhatIf { input, from, to, rank_distance, p_value, .. } = change;
    let mut text = format!("{input}: {to} instead of {from}");
    // Writing to a string cannot fail.
    let _ = match (rank_distance, p_value) {
        (Some(d), Some(p)) => write!(text, " ({:.0} % of ranks): p = {p:.2e}", 100.0 * d),
        (None, Some(p)) => write!(text, ": p = {p:.2e}"),
        _ => Ok(()),
    };
    text
}
