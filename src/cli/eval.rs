//! `eval`: how well the engine ranks labelled traffic, with every score made before learning.

mod args;
mod tasks;
mod text;

use super::{CliError, input, output};
use crate::{
    config::{Config, load_mapping},
    decode::{Format, Settings},
    eval::{Stream, Truth},
    model::Chain,
};
pub(super) use args::Args;
use serde_json::{Value, json};
use std::{fs, path::Path};
use tasks::Evaluation;

/// The name and version of the report.
const SCHEMA: &str = "txwarden.eval/1";

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let mut config = match &args.config {
        Some(path) => Config::load(path).map_err(|e| CliError::Config(e.to_string()))?,
        None => Config::default(),
    };
    let settings = settings(args, &config)?;
    let dir = args.config.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    config.add_chain(&settings.chain, dir).map_err(|e| CliError::Config(e.to_string()))?;
    let mut setup = config.engine_setup(&settings.chain);
    setup.params.detect.is_value_blind |= args.is_value_dropped();
    if let Some(p_max) = args.p_max {
        setup.params.triage.p_max = p_max;
    }
    let stream = read(args, settings)?;
    let labels = fs::read_to_string(&args.labels)
        .map_err(|source| input::read_error(&args.labels, source))?;
    let truth = Truth::parse(&labels, &stream)
        .map_err(|e| CliError::failure("cannot use the labels", e))?;
    let evaluation = Evaluation::new(args, &stream, &truth, setup)?;
    let seeds = evaluation.run(args.threads())?;
    let reports: Vec<Value> = seeds.iter().map(|seed| json!(seed.report)).collect();
    let report = json!({
        "schema": SCHEMA,
        "version": env!("CARGO_PKG_VERSION"),
        "settings": args.describe(&evaluation),
        "mean": crate::eval::mean(&reports),
        "seeds": reports,
    });
    for path in &args.report {
        let text = format!("{report:#}\n");
        fs::write(path, text)
            .map_err(|source| CliError::Write { path: path.display().to_string(), source })?;
    }
    output::stdout(text::summary(&report).as_bytes())
}

/// Returns how the events are decoded.
fn settings(args: &Args, config: &Config) -> Result<Settings, CliError> {
    let chain = match &args.chain {
        Some(chain) => chain.clone(),
        None => Chain::parse(args.format.default_chain())
            .map_err(|e| CliError::failure("the format has no chain", e))?,
    };
    let mapping = args.mapping.as_deref().map(load_mapping).transpose();
    let mapping = mapping.map_err(|e| CliError::Config(e.to_string()))?;
    if args.format == Format::Mapped && mapping.is_none() {
        return Err(CliError::Usage("--mapping is required".to_owned()));
    }
    Ok(Settings {
        format: args.format,
        chain,
        is_batch_allowed: true,
        limits: config.limits.clone(),
        mapping,
        envelope: Default::default(),
    })
}

/// Reads every record into memory.
fn read(args: &Args, settings: Settings) -> Result<Stream, CliError> {
    let mut stream = Stream::new(settings, args.role());
    for path in &args.events {
        let (_, mut records) = input::open(path)?;
        while let Some(value) = records.next_record().map_err(|e| input::read_error(path, e))? {
            stream.push(value);
        }
    }
    Ok(stream)
}
