//! `tail`: the alert topic for people, or as JSON lines.

use super::{CliError, broker::AlertReader, layout, output, signals};
use crate::{config::Config, model::Alert};
use std::{path::PathBuf, sync::atomic::Ordering};

/// Command line of `tail`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
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
pub(super) fn run(args: &Args) -> Result<(), CliError> {
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
            Some(Ok(Ok(alert))) if args.json => {
                let line = serde_json::to_string(&alert)
                    .map_err(|e| CliError::failure("cannot write an alert", e))?;
                output::stdout(format!("{line}\n").as_bytes())?;
            }
            Some(Ok(Ok(alert))) => output::stdout(block(&alert, is_coloured).as_bytes())?,
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

/// Writes milliseconds since the epoch as UTC.
///
/// # Source
/// Civil from days (Hinnant, "chrono-compatible low-level date algorithms").
fn utc(ms: i64) -> String {
    let seconds = ms.div_euclid(1_000);
    let days = seconds.div_euclid(86_400) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let clock = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn times_are_civil() {
        assert_eq!(utc(0), "1970-01-01 00:00:00Z");
        assert_eq!(utc(1_709_210_096_000), "2024-02-29 12:34:56Z");
    }
}
