//! `tail`: the alert topic for people, or as JSON lines.

use super::broker::{AlertReader, Received};
use crate::{
    cli::{CliError, layout, moment::utc, output, serve::signals},
    config::Config,
    model::Alert,
};
use std::{path::PathBuf, sync::atomic::Ordering};

/// Command line of `tail`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", env = "TXWARDEN_CONFIG")]
    config: PathBuf,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
    /// Start with the oldest alert that the topic still holds
    #[arg(long)]
    from_beginning: bool,
}

/// Runs the command until it is interrupted.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    let config = Config::load(&args.config).map_err(|e| CliError::Config(e.to_string()))?;
    let topic = &config.run.outputs.alerts;
    let reader = AlertReader::open(&config.run.kafka, topic, args.from_beginning)
        .map_err(|e| CliError::failure("cannot read the alert topic", e))?;
    let stop = signals::stop_flag()?;
    let is_coloured = layout::is_coloured();
    while !stop.load(Ordering::Acquire) {
        match reader.next_alert() {
            None => {}
            Some(Err(error)) => output::say(&format!("kafka: {error}")),
            Some(Ok(Err(text))) => output::say(&text),
            // As they were written: their hashes are over these bytes.
            Some(Ok(Ok(Received { mut body, .. }))) if args.json => {
                body.push(b'\n');
                output::stdout(&body)?;
            }
            Some(Ok(Ok(Received { alert, .. }))) => {
                output::stdout(block(&alert, is_coloured).as_bytes())?
            }
        }
    }
    Ok(())
}

/// Returns an alert as a few lines for people.
fn block(alert: &Alert, is_coloured: bool) -> String {
    let severity = layout::severity(alert.severity, is_coloured);
    format!(
        "{severity} {} {} (score {:.2}, revision {}, {})\n  {}\n  subject {}\n  id {}\n",
        utc(alert.event_time_ms),
        alert.title,
        alert.score,
        alert.revision,
        alert.status.as_str(),
        alert.reason,
        alert.subject,
        alert.alert_id,
    )
}
