//! `run`: consume, detect and emit until told to stop.

use super::{exporter::Exporter, reload::Reloader, route, signals};
use crate::{
    cli::CliError,
    config::Config,
    ops::{
        http::{self, Shared},
        log,
    },
    pipeline::{self, InputSetup, control::Inputs},
};
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What `run` and `route` share on the command line.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", env = "TXWARDEN_CONFIG")]
    pub(in crate::cli) config: PathBuf,
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

/// Command line of `run`.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct RunArgs {
    #[command(flatten)]
    common: Args,
    /// Run the stage of `route` in this process as well
    #[arg(long, env = "TXWARDEN_ROUTE")]
    route: bool,
}

/// Runs the command.
pub(in crate::cli) fn run(args: &RunArgs) -> Result<(), CliError> {
    let RunArgs { common: args, route: is_routing } = args;
    // First: loading reference data may take seconds.
    let stop = signals::stop_flag()?;
    let config = load(args)?;
    log::start(&config.log).map_err(|e| CliError::Config(crate::pipeline::causes(&e)))?;
    let shared = Shared::new().map_err(|e| CliError::failure("cannot make the metrics", e))?;
    let listener = http::bind(&config.http)
        .map_err(|e| CliError::failure("cannot listen for http; see http.listen", e))?;
    // Port 0 in the settings means any free one.
    let listen = listener.local_addr().unwrap_or(config.http.listen);
    let inputs = inputs(&config)?;
    let exporter = Exporter::new(&shared, &inputs)
        .map_err(|e| CliError::Config(crate::pipeline::causes(&e)))?;
    let exporter = Arc::new(exporter);
    let n_inputs = inputs.len();
    let inputs = Inputs::new(&inputs).map_err(CliError::Config)?;
    let (changing, observer) = (inputs.clone(), Arc::clone(&exporter));
    let reloader = Arc::new(Reloader::new(args.clone(), config.clone(), changing, observer));
    let reload = Arc::clone(&reloader);
    shared.on_reload(move || reload.reload());
    signals::on_hangup(move || drop(reloader.reload()))?;
    http::spawn(listener, shared)
        .map_err(|e| CliError::failure("cannot start the http server", e))?;
    let version = env!("CARGO_PKG_VERSION");
    let brokers = &config.run.kafka.brokers;
    tracing::info!(version, %listen, brokers, inputs = n_inputs, "started");
    let outcome = if *is_routing {
        beside_route(&config, &inputs, &stop, &exporter)?
    } else {
        pipeline::run_reloadable(&config.run, &inputs, Arc::clone(&stop), exporter)
    };
    let is_asked = stop.load(Ordering::Acquire);
    match outcome {
        Ok(()) => {
            tracing::info!(is_asked, "stopped");
            Ok(())
        }
        Err(error) if matches!(error, pipeline::RuntimeError::Params(_)) => {
            Err(CliError::Config(crate::pipeline::causes(&error)))
        }
        Err(error) => {
            tracing::error!(error = %crate::pipeline::causes(&error), code = error.code(), "cannot go on");
            Err(CliError::failure("cannot go on", error))
        }
    }
}

/// Detects, with the stage before it on a thread; when either ends, the other one is told to stop.
fn beside_route(
    config: &Config,
    inputs: &Inputs,
    stop: &Arc<AtomicBool>,
    exporter: &Arc<Exporter>,
) -> Result<Result<(), pipeline::RuntimeError>, CliError> {
    let setup = route::setup(config)?;
    // First: detection looks for the topics that the stage may have to create.
    setup.prepare(stop).map_err(|e| CliError::failure("cannot route", e))?;
    std::thread::scope(|scope| {
        let stage = scope.spawn(|| {
            let done = route::merge(&setup, stop, &**exporter);
            stop.store(true, Ordering::Release);
            done
        });
        let observer: Arc<Exporter> = Arc::clone(exporter);
        let outcome = pipeline::run_reloadable(&config.run, inputs, Arc::clone(stop), observer);
        stop.store(true, Ordering::Release);
        let routed = stage.join().unwrap_or(Err(CliError::Config("the stage panicked".into())));
        routed.map(|()| outcome)
    })
}

/// Reads the file; the command line has the last word.
pub(in crate::cli) fn load(args: &Args) -> Result<Config, CliError> {
    let mut config = Config::load(&args.config).map_err(|e| CliError::Config(e.to_string()))?;
    config.log.level = args.log_level.clone().unwrap_or(config.log.level);
    config.http.listen = args.http_listen.unwrap_or(config.http.listen);
    config.run.kafka.brokers = args.brokers.clone().unwrap_or(config.run.kafka.brokers);
    Ok(config)
}

/// Makes what the inputs are judged with.
pub(in crate::cli) fn inputs(config: &Config) -> Result<Vec<InputSetup>, CliError> {
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
