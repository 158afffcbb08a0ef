//! `check`: everything that can be known to be wrong before `run` is started.

use super::{CliError, output};
use crate::{
    config::Config,
    decode::{self, Format},
    engine::Engine,
    model::{Chain, Reference},
};
use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

/// Command line of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", env = "TXWARDEN_CONFIG")]
    config: PathBuf,
    /// Do not ask the broker for the topics
    #[arg(long)]
    no_environment: bool,
    /// Exit with code 3 when there are warnings
    #[arg(long)]
    deny_warnings: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let config = Config::load(&args.config).map_err(|e| CliError::Config(e.to_string()))?;
    let mut warnings = Vec::new();
    let mut n_not_evaluable = 0;
    let mut text = String::new();
    if config.run.inputs.is_empty() {
        warnings.push("inputs: no input topic is named; `run` would refuse to start".to_owned());
    }
    for chain in chains(&config) {
        let setup = config.engine_setup(&chain);
        let _ = writeln!(text, "{chain}: {}", reference_counts(&setup.reference));
        if shows_hashes(&config, &chain) && !decode::is_recipe_known(&chain) {
            let _ = writeln!(
                text,
                "{chain}: blocks whose hash is made otherwise than Ethereum's are read, but not \
                 verified (src/manual/chains.md)"
            );
        }
        warnings.extend(config.notes(&chain).iter().map(|note| format!("{chain}: {note}")));
        let engine =
            Engine::new(setup).map_err(|e| CliError::Config(crate::pipeline::causes(&e)))?;
        let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (rule, need) in engine.not_evaluable() {
            missing.entry(rule).or_default().push(super::rules::need_text(need));
        }
        n_not_evaluable += missing.len();
        for (rule, needs) in missing {
            let _ = writeln!(text, "{chain}: {rule} stays quiet: {}", needs.join("; "));
        }
        for (rule, need) in super::rules::weaker_on(&chain, &config.engine_setup(&chain).reference)
        {
            let need = super::rules::need_text(need);
            let _ = writeln!(text, "{chain}: {rule} runs, and says less: {need}");
        }
    }
    match crate::pipeline::load_signer(&config.run.audit) {
        Ok(Some(signer)) => {
            let _ = writeln!(text, "checkpoints are signed with key {}", signer.key_id());
        }
        Ok(None) => {
            let _ = writeln!(text, "note: checkpoints are unsigned: audit.key_file is not set");
        }
        Err(error) => warnings.push(crate::pipeline::causes(&error)),
    }
    codecs(&config, &mut text)?;
    if !args.no_environment {
        warnings.extend(environment(&config)?);
    }
    for warning in &warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    let n_rules = crate::detect::rules::TABLE.len();
    let _ = writeln!(
        text,
        "ok: {}, {n_rules} rules ({n_not_evaluable} not evaluable), {} models, {}",
        count(config.run.inputs.len(), "input"),
        crate::detect::models::TABLE.len(),
        count(warnings.len(), "warning")
    );
    output::stdout(text.as_bytes())?;
    if args.deny_warnings && !warnings.is_empty() { Err(CliError::Findings) } else { Ok(()) }
}

/// Returns the chains of the inputs, once each.
pub(super) fn chains(config: &Config) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    for input in &config.run.inputs {
        if let Ok(chain) = Chain::parse(&input.chain)
            && !chains.contains(&chain)
        {
            chains.push(chain);
        }
    }
    chains
}

/// Returns whether an input of an EVM chain shows what its ids are hashes of.
fn shows_hashes(config: &Config, chain: &Chain) -> bool {
    let is_shown =
        |format: Format| matches!(format, Format::EvmRpc | Format::EvmBlock | Format::EvmRaw);
    let mut inputs = config.run.inputs.iter();
    inputs.any(|input| *input.chain == *chain.id && is_shown(input.format))
}

/// Counts things in English.
fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

fn reference_counts(reference: &Reference) -> String {
    format!(
        "prices for {} assets, {} watched accounts, {} labelled accounts",
        reference.prices.len(),
        reference.watch.len(),
        reference.labels.len()
    )
}

/// Says which codecs of Kafka can be read; a missing one is a mistake of whoever built the program.
#[cfg(feature = "kafka")]
fn codecs(config: &Config, text: &mut String) -> Result<(), CliError> {
    let asked = crate::kafka::Codecs::ask(&config.run.kafka);
    let codecs = asked.map_err(|e| CliError::Config(crate::pipeline::causes(&e)))?;
    codecs.require_all().map_err(CliError::Config)?;
    let _ = writeln!(text, "kafka codecs built in: {codecs}");
    Ok(())
}

/// Without Kafka nothing is compressed.
#[cfg(not(feature = "kafka"))]
fn codecs(_config: &Config, _text: &mut String) -> Result<(), CliError> {
    Ok(())
}

/// Returns what is wrong with the topics; an unreachable broker is one warning.
#[cfg(feature = "kafka")]
fn environment(config: &Config) -> Result<Vec<String>, CliError> {
    let mut warnings = Vec::new();
    let topics = match super::bus::broker::topics(&config.run.kafka) {
        Ok(topics) => topics,
        Err(error) => {
            let brokers = &config.run.kafka.brokers;
            return Ok(vec![format!(
                "topics were not checked: no answer from {brokers} ({}); start the broker, correct \
                 kafka.brokers (or TXWARDEN_KAFKA_BROKERS), or leave this out with \
                 --no-environment",
                crate::pipeline::causes(&error)
            )]);
        }
    };
    for input in &config.run.inputs {
        match topics.get(&input.topic) {
            None => warnings.push(format!("input topic {} does not exist", input.topic)),
            Some(n) if *n > 1 && !input.allow_partitions => warnings.push(format!(
                "input topic {} has {n} partitions: an account's history would be split; merge \
                 them with a stream of route:, or set allow_partitions",
                input.topic
            )),
            Some(_) => {}
        }
    }
    let merged = config.route.streams.iter().flat_map(|stream| &stream.inputs);
    for topic in merged.filter(|topic| !topics.contains_key(*topic)) {
        warnings.push(format!("topic {topic} of route.streams does not exist"));
    }
    let outputs = &config.run.outputs;
    for topic in outputs.topics() {
        if !topics.contains_key(topic) && !outputs.create_topics {
            warnings.push(format!(
                "output topic {topic} does not exist; create it or set outputs.create_topics"
            ));
        }
    }
    Ok(warnings)
}

/// Without Kafka there is nothing to ask.
#[cfg(not(feature = "kafka"))]
fn environment(_config: &Config) -> Result<Vec<String>, CliError> {
    Ok(Vec::new())
}
