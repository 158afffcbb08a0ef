//! `demo`: simulated chains through an in-process broker and the pipeline of `run`, with a score.

mod board;
mod feed;
mod progress;
mod watch;

use super::{exporter::Exporter, signals};
use crate::{
    cli::{CliError, output},
    decode::{Format, Settings},
    detect::DetectorSettings,
    engine,
    kafka::{self, mock::MockBroker},
    model::{Chain, Family, Reference, Severity, Start},
    ops::http::{self, Shared},
    pipeline::{self, InputParams, InputSetup},
    sim::{Evm, Scenario, Truth, Utxo, topic},
    store,
};
use board::Scoreboard;
use progress::{DemoProgress, Observers};
use serde::Serialize;
use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Command line of `demo`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Seeds the simulated chains: the same seed gives the same records
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Where the summary goes as one JSON object
    #[arg(long, value_name = "PATH")]
    summary: Option<PathBuf>,
    /// Keep the broker and the metrics up until Ctrl-C
    #[arg(long)]
    stay: bool,
    /// One simulated day instead of two, for the project's own tests
    #[arg(long, hide = true)]
    short: bool,
}

/// The demo's result, as `--summary` writes it.
#[derive(Debug, Serialize)]
struct DemoSummary<'a> {
    seed: u64,
    planted: &'a [board::IncidentResult],
    n_detected: usize,
    n_transactions: u64,
    n_alerts: u64,
    n_background_alerts: u64,
    background_alerts_per_1000_tx: f64,
    n_dead_letters: u64,
    first_alert_ms: Option<u64>,
    elapsed_ms: u64,
}

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    let started = Instant::now();
    let stop = signals::stop_flag()?;
    let broker = MockBroker::start().map_err(|e| CliError::failure("cannot start a broker", e))?;
    let params = runtime_params(&broker.bootstrap());
    let topics = params.inputs.iter().map(|i| i.topic.as_str());
    for topic in topics.chain(params.outputs.topics()) {
        broker.create_topic(topic).map_err(|e| CliError::failure("cannot create a topic", e))?;
    }
    // The scenario is a function of its seed: once for the truth, once for the bus.
    let truth = {
        let mut lines = scenario(args).lines();
        lines.by_ref().for_each(drop);
        lines.truth().clone()
    };
    let inputs = inputs(&params, &truth.reference, args.seed)?;
    let progress = Arc::new(DemoProgress::default());
    let (listen, exporter) = serve(&inputs)?;
    introduce(args, &params, &truth, listen)?;
    let mut board = Scoreboard::new(&truth);
    let observers = Arc::new(Observers { progress: Arc::clone(&progress), exporter });
    thread::scope(|scope| {
        let detector = scope.spawn(|| pipeline::run(&params, inputs, Arc::clone(&stop), observers));
        let feeder =
            scope.spawn(|| feed::feed(&params.kafka.brokers, scenario(args), &progress, &stop));
        let alerts = &params.outputs.alerts;
        let watched = watch::watch(&params.kafka.brokers, alerts, &mut board, &progress, &stop);
        let summarised = watched.and_then(|first| {
            summarise(args, &board, &progress, first, started.elapsed())?;
            if args.stay {
                wait_for(&stop);
            }
            Ok(())
        });
        stop.store(true, Ordering::Release);
        let ran = detector.join().ok();
        let fed = feeder.join().ok();
        if let Some(Err(error)) = ran {
            return Err(CliError::failure("the detector stopped", error));
        }
        if let Some(Err(error)) = fed {
            return Err(CliError::failure("the demo cannot feed its broker", error));
        }
        summarised
    })
}

/// Two days of an EVM chain and of a UTXO chain, small enough for half a minute.
fn scenario(args: &Args) -> Scenario {
    let days = if args.short { 1 } else { 2 };
    let evm = Evm { n_blocks: days * 7_200, block_secs: 12, txs_per_block: 1.6, n_users: 3_000 };
    let utxo = Utxo { n_blocks: days * 144, block_secs: 600, txs_per_block: 25.0, n_users: 2_000 };
    Scenario::new(args.seed).evm(evm).utxo(utxo)
}

/// Serves the metrics where `run` does by default, or at any free port if that one is taken.
fn serve(inputs: &[InputSetup]) -> Result<(SocketAddr, Exporter), CliError> {
    let cannot = |e| CliError::failure("cannot serve the demo's metrics", e);
    let usual = http::Params::default();
    let any = http::Params { listen: SocketAddr::new(usual.listen.ip(), 0) };
    let listener: TcpListener = http::bind(&usual).or_else(|_| http::bind(&any)).map_err(cannot)?;
    let listen = listener.local_addr().map_err(cannot)?;
    let shared = Shared::new().map_err(|e| CliError::failure("cannot make the metrics", e))?;
    let exporter = Exporter::new(&shared, inputs)
        .map_err(|e| CliError::failure("the demo's detectors are wrong", e))?;
    http::spawn(listener, shared).map_err(cannot)?;
    Ok((listen, exporter))
}

fn runtime_params(brokers: &str) -> pipeline::Params {
    let input = |family, format, chain: &str| InputParams {
        topic: topic(family).to_owned(),
        format,
        chain: chain.to_owned(),
        mapping: None,
        envelope: Default::default(),
        schemas: None,
        allow_partitions: false,
        allow_batch: true,
    };
    pipeline::Params {
        kafka: kafka::Params {
            brokers: brokers.to_owned(),
            group: "txwarden-demo".to_owned(),
            start: Some(Start::Earliest),
            // The mock answers a fetch that found nothing only when its wait is over, even if
            // records arrive in between: half a second by default, a real broker answers at once.
            options: [("fetch.wait.max.ms".to_owned(), "20".to_owned())].into(),
            ..kafka::Params::default()
        },
        inputs: vec![
            input(Family::Evm, Format::EthereumEtl, Chain::ETHEREUM),
            input(Family::Utxo, Format::BitcoinEtl, Chain::BITCOIN),
        ],
        // A demonstration leaves nothing behind.
        snapshots: store::Params::off(),
        ..pipeline::Params::default()
    }
}

fn inputs(
    params: &pipeline::Params,
    reference: &Reference,
    seed: u64,
) -> Result<Vec<InputSetup>, CliError> {
    let reference = Arc::new(reference.clone());
    let setup = |input: &InputParams| {
        let chain = Chain::parse(&input.chain)
            .map_err(|e| CliError::failure("the demo's chain is wrong", e))?;
        Ok(InputSetup {
            topic: input.topic.clone(),
            settings: Settings {
                is_batch_allowed: input.allow_batch,
                ..Settings::new(input.format, chain.clone())
            },
            setup: engine::Setup {
                params: engine_params(seed),
                reference: Arc::clone(&reference),
                config_hash: "demo".to_owned(),
                ..engine::Setup::new(chain)
            },
        })
    };
    params.inputs.iter().map(setup).collect()
}

/// Informational rules that the demo raises to low: by default they make no alert.
const RAISED: [&str; 2] = ["coinjoin", "large_native"];

fn engine_params(seed: u64) -> engine::Params {
    let mut params = engine::Params { seed, ..engine::Params::default() };
    for rule in RAISED {
        let member =
            DetectorSettings { severity: Some(Severity::Low), ..DetectorSettings::default() };
        params.detect.rules.insert(rule.to_owned(), member);
    }
    params
}

fn introduce(
    args: &Args,
    params: &pipeline::Params,
    truth: &Truth,
    listen: SocketAddr,
) -> Result<(), CliError> {
    let brokers = &params.kafka.brokers;
    let text = format!(
        "txwarden demo: seed {}, {} simulated transactions, {} planted incidents.\n\
         An in-process mock broker plays Kafka: the pipeline is that of `run`, but the mock\n\
         ignores transactions, so this shows detection and not exactly-once delivery.\n\
         Defaults throughout, except that {} raise low alerts:\n\
         by default they are information, and raise none.\n\n\
         Alerts:   kcat -C -b {brokers} -t {} -o beginning -u\n\
         Metrics:  curl http://{listen}/metrics\n\n",
        args.seed,
        truth.n_transactions,
        truth.incidents.len(),
        RAISED.join(" and "),
        params.outputs.alerts,
    );
    output::stdout(text.as_bytes())
}

fn summarise(
    args: &Args,
    board: &Scoreboard,
    progress: &DemoProgress,
    first: Option<Duration>,
    elapsed: Duration,
) -> Result<(), CliError> {
    let (n_transactions, n_dead_letters) = progress.look(|c| (c.n_transactions, c.n_dead_letters));
    let planted = board.verdicts();
    let summary = DemoSummary {
        seed: args.seed,
        planted,
        n_detected: planted.iter().filter(|v| v.detected).count(),
        n_transactions,
        n_alerts: board.n_alerts,
        n_background_alerts: board.n_background,
        background_alerts_per_1000_tx: board.n_background as f64 * 1e3
            / n_transactions.max(1) as f64,
        n_dead_letters,
        first_alert_ms: first.map(|d| d.as_millis() as u64),
        elapsed_ms: elapsed.as_millis() as u64,
    };
    let mut text = "\nplanted incident       noticed by                 after\n".to_owned();
    for verdict in planted {
        let line = match (&verdict.detector, verdict.delay_ms) {
            (Some(detector), Some(ms)) => {
                format!("{:<22} {detector:<22} {ms:>6} ms\n", verdict.name)
            }
            _ => format!("{:<22} MISSED, expected {}\n", verdict.name, verdict.expected.join(", ")),
        };
        text.push_str(&line);
    }
    text.push_str(&format!(
        "\n{} of {} planted incidents detected in {:.1} s.\n\
         {} alerts on {} transactions, {} of them on background traffic ({:.2} per 1,000).\n",
        summary.n_detected,
        planted.len(),
        elapsed.as_secs_f64(),
        summary.n_alerts,
        n_transactions,
        summary.n_background_alerts,
        summary.background_alerts_per_1000_tx,
    ));
    output::stdout(text.as_bytes())?;
    let Some(path) = &args.summary else { return Ok(()) };
    let mut to = output::OutputFile::create(path)?;
    to.json_line(&summary)?;
    to.flush()
}

/// Waits for Ctrl-C.
fn wait_for(stop: &AtomicBool) {
    output::say("staying; press Ctrl-C to end");
    while !stop.load(Ordering::Acquire) {
        thread::park_timeout(Duration::from_millis(100));
    }
}
