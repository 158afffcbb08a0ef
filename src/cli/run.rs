//! `run`: consume, detect and emit until told to stop.

mod watch;

use super::{CliError, check, signals};
use crate::{
    config::Config,
    ops::{
        http::{self, Shared},
        log,
        metrics::{Metric, Metrics},
    },
    runtime::{self, InputSetup},
};
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use watch::Watch;

/// Command line of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", env = "TXWARDEN_CONFIG")]
    config: PathBuf,
    /// Log level or filter, instead of the file's
    #[arg(long, value_name = "LEVEL", env = "TXWARDEN_LOG")]
    log_level: Option<String>,
    /// Address of the HTTP server, instead of the file's
    #[arg(long, value_name = "ADDRESS", env = "TXWARDEN_HTTP_LISTEN")]
    http_listen: Option<SocketAddr>,
    /// Kafka brokers, instead of the file's
    #[arg(long, value_name = "HOST:PORT,…", env = "TXWARDEN_KAFKA_BROKERS")]
    brokers: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let mut config = Config::load(&args.config).map_err(|e| CliError::Config(e.to_string()))?;
    config.log.level = args.log_level.clone().unwrap_or(config.log.level);
    config.http.listen = args.http_listen.unwrap_or(config.http.listen);
    config.run.kafka.brokers = args.brokers.clone().unwrap_or(config.run.kafka.brokers);
    log::start(&config.log).map_err(|e| CliError::Config(super::causes(&e)))?;
    let metrics =
        Arc::new(Metrics::new().map_err(|e| CliError::failure("cannot make the metrics", e))?);
    describe(&config, &metrics)?;
    let is_ready = Arc::new(AtomicBool::new(false));
    let stop = Arc::new(AtomicBool::new(false));
    let listener = http::bind(&config.http)
        .map_err(|e| CliError::failure("cannot listen for http; see http.listen", e))?;
    let shared = Shared { metrics: Arc::clone(&metrics), is_ready: Arc::clone(&is_ready) };
    signals::beside(Arc::clone(&stop), move |_| {
        http::serve(listener, shared, std::future::pending())
    })?;
    let inputs = inputs(&config)?;
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, listen = %config.http.listen, inputs = inputs.len(), "started");
    let watch = Arc::new(Watch::new(metrics, is_ready));
    let outcome = runtime::run(&config.run, inputs, Arc::clone(&stop), watch);
    let is_asked = stop.load(Ordering::Acquire);
    match outcome {
        Ok(()) => {
            tracing::info!(is_asked, "stopped");
            Ok(())
        }
        Err(error) if matches!(error, runtime::RuntimeError::Params(_)) => {
            Err(CliError::Config(super::causes(&error)))
        }
        Err(error) => {
            tracing::error!(error = %super::causes(&error), code = error.code(), "cannot go on");
            Err(CliError::failure("cannot go on", error))
        }
    }
}

fn inputs(config: &Config) -> Result<Vec<InputSetup>, CliError> {
    let mut inputs = Vec::with_capacity(config.run.inputs.len());
    for input in &config.run.inputs {
        // Chains were parsed when the file was checked.
        let Some(settings) = config.settings(input) else {
            return Err(CliError::Config(format!("chain {} cannot be used", input.chain)));
        };
        let setup = config.engine_setup(&settings.chain);
        inputs.push(InputSetup { topic: input.topic.clone(), settings, setup });
    }
    Ok(inputs)
}

/// Sets the metrics that follow from the configuration alone, and starts those with known labels.
fn describe(config: &Config, metrics: &Metrics) -> Result<(), CliError> {
    metrics.set(Metric::BuildInfo, &[env!("CARGO_PKG_VERSION")], 1.0);
    watch::start(metrics);
    for input in &config.run.inputs {
        watch::start_partition(metrics, &input.topic, 0);
    }
    for chain in check::chains(config) {
        let setup = config.engine_setup(&chain);
        let reference = Arc::clone(&setup.reference);
        metrics.set(Metric::ConfigInfo, &[&chain.id, &setup.config_hash], 1.0);
        metrics.set(Metric::Labels, &[&chain.id], reference.labels.len() as f64);
        metrics.set(Metric::Watched, &[&chain.id], reference.watch.len() as f64);
        metrics.set(Metric::Prices, &[&chain.id], reference.prices.len() as f64);
        let detect = setup.params.detect.clone();
        let engine =
            crate::engine::Engine::new(setup).map_err(|e| CliError::Config(super::causes(&e)))?;
        let mut n_enabled = 0;
        for entry in crate::detect::rules::TABLE {
            let is_enabled = detect.rules.get(entry.meta.id).is_none_or(|m| m.enabled)
                && entry.meta.families.contains(&chain.family);
            n_enabled += usize::from(is_enabled);
            metrics.set(Metric::NotEvaluable, &[&chain.id, entry.meta.id], 0.0);
        }
        metrics.set(Metric::RulesEnabled, &[&chain.id], n_enabled as f64);
        for (rule, need) in engine.not_evaluable() {
            let missing = super::rules::need_text(need);
            tracing::warn!(chain = %chain, rule, missing, "rule is not evaluable");
            metrics.set(Metric::NotEvaluable, &[&chain.id, rule], 1.0);
        }
    }
    Ok(())
}
