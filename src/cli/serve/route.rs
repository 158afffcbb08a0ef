//! `route`: any number of topics and partitions of a chain into the one ordered topic `run` reads.

use super::{
    exporter::Exporter,
    run::{self, Args},
    signals,
};
use crate::{
    cli::CliError,
    config::Config,
    ops::{
        http::{self, Shared},
        log,
    },
    pipeline::route::{self, RouteSetup},
};
use std::sync::{Arc, atomic::AtomicBool};

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    let stop = signals::stop_flag()?;
    let config = run::load(args)?;
    log::start(&config.log).map_err(|e| CliError::Config(crate::pipeline::causes(&e)))?;
    let setup = setup(&config)?;
    let shared = Shared::new().map_err(|e| CliError::failure("cannot make the metrics", e))?;
    let listener = http::bind(&config.http)
        .map_err(|e| CliError::failure("cannot listen for http; see http.listen", e))?;
    let listen = listener.local_addr().unwrap_or(config.http.listen);
    let exporter =
        Exporter::new(&shared, &[]).map_err(|e| CliError::Config(crate::pipeline::causes(&e)))?;
    http::spawn(listener, shared)
        .map_err(|e| CliError::failure("cannot start the http server", e))?;
    let version = env!("CARGO_PKG_VERSION");
    let (brokers, streams) = (&config.run.kafka.brokers, setup.params.streams.len());
    tracing::info!(version, %listen, brokers, streams, "route started");
    merge(&setup, &stop, &exporter)
}

/// Merges until told to stop.
pub(in crate::cli) fn merge(
    setup: &RouteSetup,
    stop: &Arc<AtomicBool>,
    observer: &dyn route::RouteObserver,
) -> Result<(), CliError> {
    route::run(setup, stop, observer).map_err(|error| {
        if matches!(error, crate::pipeline::RuntimeError::Params(_)) {
            return CliError::Config(crate::pipeline::causes(&error));
        }
        tracing::error!(error = %crate::pipeline::causes(&error), code = error.code(), "cannot go on");
        CliError::failure("cannot go on routing", error)
    })
}

/// Makes what the stage is run with.
pub(in crate::cli) fn setup(config: &Config) -> Result<RouteSetup, CliError> {
    if config.route.streams.is_empty() {
        return Err(CliError::Config("route.streams: nothing is to be merged".to_owned()));
    }
    let mut settings = Vec::with_capacity(config.route.streams.len());
    for stream in &config.route.streams {
        let input = config.run.inputs.iter().find(|input| input.topic == stream.output);
        let read = input.and_then(|input| config.settings(input));
        let unknown = || format!("route.streams: {} is no input", stream.output);
        settings.push(read.ok_or_else(|| CliError::Config(unknown()))?);
    }
    Ok(RouteSetup {
        kafka: config.run.kafka.clone(),
        params: config.route.clone(),
        settings,
        batch: config.run.batch.clone(),
        create_topics: config.run.outputs.create_topics,
    })
}
