//! `verify`: whether alerts are those that were written, by their hashes and by checkpoints.

use crate::{
    audit::{
        Checkpoint, PublicKey,
        verify::{Since, Trail, VerifyReport, Violation, judge},
    },
    cli::{CliError, output},
    files::records::unpack,
};
use std::{
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

/// The longest line that is read; alerts are below 1 MiB, and what is longer is no alert.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// Why a file is no archive of alerts although it may hold some: nobody need have edited it.
const RESHAPED: &str = "it is an array, or JSON over several lines: hashes are over the bytes as \
                        they were written, a line each, so give it as it was";

/// Command line of `verify`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Alerts and checkpoints as JSON lines, as `replay` and `kcat` write them, also packed with
    /// gzip, xz or zstd; `-` is standard input. Each file is one ordered stream: give the
    /// partitions of a topic as a file each
    files: Vec<PathBuf>,
    /// Checkpoints as JSON lines
    #[arg(long, value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// Public key of those whose checkpoints are believed: openssl pkey -pubout -in KEY -out FILE
    #[arg(long, value_name = "FILE")]
    public_key: Vec<PathBuf>,
    /// Start behind a checkpoint: its seq, `latest`, or `first`, the earliest from which all
    /// alerts are there
    #[arg(long, value_name = "SEQ", value_parser = parse_since)]
    from_checkpoint: Option<Since>,
    /// Only the alerts of one input partition
    #[arg(long, value_name = "TOPIC/PARTITION", value_parser = parse_partition)]
    partition: Option<(String, i32)>,
    /// Only checkpoints of this consumer group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[cfg(feature = "kafka")]
    #[command(flatten)]
    topics: TopicArgs,
}

/// Where alerts and checkpoints are read from a broker.
#[cfg(feature = "kafka")]
#[derive(Debug, clap::Args)]
struct TopicArgs {
    /// Configuration file: brokers, topics and group
    #[arg(short, long, value_name = "FILE", conflicts_with = "files")]
    config: Option<PathBuf>,
    /// Kafka brokers
    #[arg(long, value_name = "HOST:PORT,…", conflicts_with = "files")]
    brokers: Option<String>,
    /// Alert topic
    #[arg(long, value_name = "TOPIC", conflicts_with = "files")]
    topic: Option<String>,
    /// Checkpoint topic
    #[arg(long, value_name = "TOPIC", conflicts_with = "files")]
    checkpoints_topic: Option<String>,
}

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    let keys = args.public_key.iter().map(|path| read_key(path)).collect::<Result<Vec<_>, _>>()?;
    let trail = read(args, keys)?;
    if trail.groups().len() > 1 && args.group.is_none() {
        let names: Vec<&str> = trail.groups().keys().map(String::as_str).collect();
        return Err(CliError::Usage(format!(
            "the checkpoints are those of several groups: name one with --group ({})",
            names.join(", ")
        )));
    }
    let since = args.from_checkpoint.unwrap_or_default();
    if let Since::Checkpoint(seq) = since
        && !trail.has_checkpoint(seq)
    {
        return Err(CliError::Usage(format!("there is no checkpoint with seq {seq}")));
    }
    let n_records = trail.n_records();
    let mut report = judge(trail, since);
    if n_records == 0 {
        report.notes.push("no alert was read".to_owned());
    }
    if let Some((topic, partition)) = &args.partition {
        report.keep_only(topic, *partition);
    }
    if args.json {
        let text = serde_json::to_string_pretty(&report)
            .map_err(|e| CliError::failure("cannot write the report", e))?;
        output::stdout(format!("{text}\n").as_bytes())?;
    } else {
        output::stdout(text(&report).as_bytes())?;
    }
    if report.is_intact { Ok(()) } else { Err(CliError::Findings) }
}

#[cfg(feature = "kafka")]
fn read(args: &Args, keys: Vec<PublicKey>) -> Result<Trail, CliError> {
    use crate::{config::Config, kafka::Params};
    let TopicArgs { config, brokers, topic, checkpoints_topic } = &args.topics;
    if config.is_none() && brokers.is_none() {
        return read_files(args, keys);
    }
    let run = match config {
        Some(path) => Config::load(path).map_err(|e| CliError::Config(e.to_string()))?.run,
        None => crate::pipeline::Params::default(),
    };
    let kafka = Params {
        brokers: brokers.clone().unwrap_or_else(|| run.kafka.brokers.clone()),
        ..run.kafka.clone()
    };
    let group = args.group.clone().or_else(|| config.as_ref().map(|_| run.kafka.group.clone()));
    let mut trail = Trail::new(keys, group);
    let cannot = |e| CliError::failure("cannot read the topics", e);
    let checkpoints = checkpoints_topic.as_ref().unwrap_or(&run.outputs.checkpoints);
    super::broker::read_topic(&kafka, checkpoints, &mut |place, offset, body| {
        let stream = trail.stream_named(place);
        trail.checkpoint(stream, offset, body);
        Ok(())
    })
    .map_err(cannot)?;
    let alerts = topic.as_ref().unwrap_or(&run.outputs.alerts);
    super::broker::read_topic(&kafka, alerts, &mut |place, offset, body| {
        let stream = trail.stream_named(place);
        trail.alert(stream, offset, body)
    })
    .map_err(cannot)?;
    for path in &args.checkpoints {
        read_file(path, &mut trail, true)?;
    }
    Ok(trail)
}

#[cfg(not(feature = "kafka"))]
fn read(args: &Args, keys: Vec<PublicKey>) -> Result<Trail, CliError> {
    read_files(args, keys)
}

fn read_files(args: &Args, keys: Vec<PublicKey>) -> Result<Trail, CliError> {
    if args.files.is_empty() {
        let missing = "name files of alerts, or a topic with --brokers or --config";
        return Err(CliError::Usage(missing.to_owned()));
    }
    let mut trail = Trail::new(keys, args.group.clone());
    for path in &args.checkpoints {
        read_file(path, &mut trail, true)?;
    }
    for path in &args.files {
        read_file(path, &mut trail, false)?;
    }
    Ok(trail)
}

/// Reads a file line by line, blank lines apart, however it is packed.
fn read_file(path: &Path, trail: &mut Trail, is_checkpoints: bool) -> Result<(), CliError> {
    let name = path.display().to_string();
    let failed = |source: io::Error| CliError::Read { path: name.clone(), source };
    let mut lines = BufReader::new(unpack(path).map_err(failed)?.input);
    let stream = trail.stream_named(&name);
    let (mut line, mut number, mut is_first) = (Vec::new(), 0, true);
    loop {
        line.clear();
        let n = lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if n.map_err(failed)? == 0 {
            return Ok(());
        }
        number += 1;
        // A carriage return is no part of an alert: it came on the way, and proves no edit.
        let body = line.strip_suffix(b"\n").unwrap_or(&line);
        let body = body.strip_suffix(b"\r").unwrap_or(body);
        if body.is_empty() {
            continue;
        }
        if is_first && (body.starts_with(b"[") || body.trim_ascii() == b"{") {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, RESHAPED)));
        }
        is_first = false;
        if is_checkpoints || Checkpoint::is_one(body) {
            trail.checkpoint(stream, number, body);
        } else {
            trail
                .alert(stream, number, body)
                .map_err(|e| CliError::failure("cannot verify so much at once", e))?;
        }
    }
}

fn read_key(path: &Path) -> Result<PublicKey, CliError> {
    let name = path.display().to_string();
    let pem = std::fs::read_to_string(path)
        .map_err(|source| CliError::Read { path: name.clone(), source })?;
    PublicKey::from_pem(&pem).map_err(|e| CliError::Usage(format!("--public-key {name}: {e}")))
}

fn text(report: &VerifyReport) -> String {
    let mut lines: Vec<String> = report.chains.iter().map(ToString::to_string).collect();
    lines.extend(report.findings.iter().map(Violation::to_string));
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    lines.push(if report.is_intact { "intact".to_owned() } else { "NOT INTACT".to_owned() });
    lines.join("\n") + "\n"
}

fn parse_since(text: &str) -> Result<Since, String> {
    match text {
        "latest" => Ok(Since::Latest),
        "first" => Ok(Since::First),
        seq => seq
            .parse()
            .map(Since::Checkpoint)
            .map_err(|_| "expected a sequence number, latest or first".to_owned()),
    }
}

fn parse_partition(text: &str) -> Result<(String, i32), String> {
    let parts =
        text.rsplit_once('/').and_then(|(topic, n)| Some((topic.to_owned(), n.parse().ok()?)));
    parts.ok_or_else(|| "expected topic/partition".to_owned())
}
