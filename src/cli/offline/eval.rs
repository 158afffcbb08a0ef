//! `eval`: how well the engine ranks labelled traffic, with every score made before learning.

mod args;
mod gate;
mod html;
mod tasks;
mod text;

use super::{input, log::RecordedLog};
use crate::{
    cli::{CliError, output},
    config::{Config, load_mapping},
    decode::{Format, Settings},
    eval::{self, Curves, Labels, Stream},
    model::Chain,
};
pub(in crate::cli) use args::Args;
use gate::FigureGate;
use serde_json::{Value, json};
use std::{fs, path::Path};
use tasks::Evaluation;

/// The name and version of the report.
const SCHEMA: &str = "txwarden.eval/1";

/// The floor of surprise where no configuration sets one: alerts are to be limited by the budget.
const P_MAX: f64 = 0.05;
/// The simulated chain is the same for every seed of the engine.
const SIMULATION_SEED: u64 = 1;

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    let mut config = match &args.config {
        Some(path) => Config::load(path).map_err(|e| CliError::Config(e.to_string()))?,
        None => Config::default(),
    };
    let gate = args.gate.as_deref().map(FigureGate::load).transpose()?;
    let (stream, truth) = data(args, &config)?;
    let chain = &stream.settings().chain;
    let dir = args.config.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    config.add_chain(chain, dir).map_err(|e| CliError::Config(e.to_string()))?;
    let mut setup = config.engine_setup(chain);
    setup.params.detect.is_value_blind |= args.is_value_dropped();
    if let Some(p_max) = args.p_max.or(args.config.is_none().then_some(P_MAX)) {
        setup.params.triage.p_max = p_max;
    }
    let evaluation = Evaluation::new(args, &stream, &truth, setup)?;
    let seeds = evaluation.run(args.threads())?;
    let curves: Vec<Curves> = seeds.iter().map(|seed| seed.curves.clone()).collect();
    let reports: Vec<Value> = seeds.iter().map(|seed| json!(seed.report)).collect();
    let report = json!({
        "schema": SCHEMA,
        "version": env!("CARGO_PKG_VERSION"),
        "settings": args.describe(&evaluation),
        "mean": eval::mean(&reports),
        "seeds": reports,
    });
    for path in &args.report {
        let is_html = path.extension().is_some_and(|e| e == "html");
        let text = if is_html { html::page(&report, &curves) } else { format!("{report:#}\n") };
        fs::write(path, text)
            .map_err(|source| CliError::Write { path: path.display().to_string(), source })?;
    }
    output::stdout(text::summary(&report).as_bytes())?;
    let misses = gate.map_or(Vec::new(), |gate| gate.misses(&report));
    misses.iter().for_each(|miss| output::say(&format!("gate: {miss}")));
    if misses.is_empty() { Ok(()) } else { Err(CliError::Findings) }
}

/// Reads or makes the events and their labels.
fn data(args: &Args, config: &Config) -> Result<(Stream, Labels), CliError> {
    if let Some(n) = args.simulate {
        return eval::simulated(n, SIMULATION_SEED)
            .map_err(|e| CliError::failure("cannot simulate", e));
    }
    let missing = |flag: &str| CliError::Usage(format!("{flag} is required"));
    let labels = args.labels.as_deref().ok_or_else(|| missing("--labels"))?;
    let format = args.format.ok_or_else(|| missing("--format"))?;
    let stream = read(args, settings(args, format, config)?, config)?;
    let text = fs::read_to_string(labels).map_err(|source| input::read_error(labels, source))?;
    let truth =
        Labels::parse(&text, &stream).map_err(|e| CliError::failure("cannot use the labels", e))?;
    Ok((stream, truth))
}

/// Returns how the events are decoded.
fn settings(args: &Args, format: Format, config: &Config) -> Result<Settings, CliError> {
    let chain = match &args.chain {
        Some(chain) => chain.clone(),
        None => Chain::parse(format.default_chain())
            .map_err(|e| CliError::failure("the format has no chain", e))?,
    };
    let mapping = args.mapping.as_deref().map(load_mapping).transpose();
    let mapping = mapping.map_err(|e| CliError::Config(e.to_string()))?;
    if format == Format::Mapped && mapping.is_none() {
        return Err(CliError::Usage("--mapping is required".to_owned()));
    }
    Ok(Settings { limits: config.limits.clone(), mapping, ..Settings::new(format, chain) })
}

/// Reads every record into memory.
fn read(args: &Args, settings: Settings, config: &Config) -> Result<Stream, CliError> {
    let mut stream = Stream::new(settings, args.role());
    if let Some(log) = RecordedLog::open(&args.events, config)? {
        let place = log.only_input(config)?;
        log.each(|record| {
            if (record.topic, record.partition) == (&*place.topic, place.partition) {
                stream.push_record(&record);
            }
            Ok(true)
        })?;
        return Ok(stream);
    }
    for path in &args.events {
        let (_, mut records) = input::open(path)?;
        while let Some(value) = records.next_record().map_err(|e| input::read_error(path, e))? {
            if stream.is_empty() {
                input::check_plain(path, value)?;
            }
            stream.push(value);
        }
    }
    Ok(stream)
}
