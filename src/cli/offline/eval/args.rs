//! The command line of `eval`: dates, budgets and delays as people write them.

use super::tasks::Evaluation;
use crate::{
    cli::{moment, offline::input::parse_format},
    decode::Format,
    eval::{EvalVerdicts, LabelRole},
    model::{Chain, EventTime},
};
use serde_json::{Value, json};
use std::{num::NonZeroUsize, path::PathBuf};

/// Command line of `eval`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Events in the order of their time: files of lines, also .gz, .xz and .zst
    #[arg(long, value_name = "FILE", required_unless_present = "simulate", num_args = 1..)]
    pub(super) events: Vec<PathBuf>,
    /// CSV with a header: subject, 1 or 0. Whoever is not listed counts as negative
    #[arg(long, value_name = "FILE", required_unless_present = "simulate")]
    pub(super) labels: Option<PathBuf>,
    /// Instead of files: about this many transactions of a simulated chain, whose planted incidents
    /// are positive
    #[arg(long, value_name = "N", conflicts_with_all = ["events", "labels", "subject"])]
    pub(super) simulate: Option<usize>,
    /// Format of the events, as for replay
    #[arg(long, value_parser = parse_format, required_unless_present = "simulate")]
    pub(super) format: Option<Format>,
    /// Chain by CAIP-2 id; by default the one that the format is named after
    #[arg(long, value_parser = Chain::parse)]
    pub(super) chain: Option<Chain>,
    /// What the events are, for the format mapped (see config/mappings)
    #[arg(long, value_name = "FILE")]
    pub(super) mapping: Option<PathBuf>,
    /// Configuration file; without it the defaults
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Whom the labels speak about: to, from or tx
    #[arg(long, value_parser = parse_role, default_value = "to")]
    subject: LabelRole,
    /// Who is judged: none, budget:RATE (the subjects of that many alerts, e.g. budget:2/d) or all
    #[arg(long, value_parser = parse_verdicts, default_value = "none")]
    pub(super) verdicts: EvalVerdicts,
    /// From an alert to its verdict, e.g. 1d or 12h
    #[arg(long, value_name = "TIME", value_parser = moment::span, default_value = "1d")]
    pub(super) verdict_delay: i64,
    /// Alert budgets to report on, e.g. 2/d,5/d
    #[arg(long, value_name = "RATES", value_delimiter = ',', value_parser = parse_budget,
          default_value = "2/d,5/d")]
    pub(super) budget: Vec<DailyBudget>,
    /// Nobody is judged before this date
    #[arg(long, value_name = "DATE", value_parser = moment::date)]
    pub(super) warm_up_until: Option<EventTime>,
    /// The first date that is reported on: YYYY, YYYY-MM or YYYY-MM-DD
    #[arg(long, value_name = "DATE", value_parser = moment::date)]
    pub(super) test_from: Option<EventTime>,
    /// The first date that is not reported on any more; events from it on are not read
    #[arg(long, value_name = "DATE", value_parser = moment::date)]
    pub(super) test_until: Option<EventTime>,
    /// Share of the positive subjects that is kept; rows that touch the others are dropped
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value = "1")]
    pub(super) keep_positives: f64,
    /// Seeds: of the sample and of the engine
    #[arg(long, value_name = "SEEDS", value_delimiter = ',', default_value = "0")]
    pub(super) seed: Vec<u64>,
    /// Make the models do without these features: value (all that are computed from the value)
    #[arg(long, value_name = "CLASS", value_parser = ["value"])]
    drop_features: Option<String>,
    /// The greatest p-value that raises an alert; by default triage.p_max of the configuration
    /// file, and without one 0.05, so that what limits alerts is the budget
    #[arg(long, value_name = "P")]
    pub(super) p_max: Option<f64>,
    /// Times that the labels are moved to other subjects, as a control
    #[arg(long, value_name = "N", default_value = "10")]
    pub(super) control: u32,
    /// Skip the run without value features
    #[arg(long)]
    pub(super) skip_no_value: bool,
    /// Bounds on figures of the report, by path, e.g. `mean.ap: { min: 0.5 }`: exit code 3 when one
    /// is missed
    #[arg(long, value_name = "FILE")]
    pub(super) gate: Option<PathBuf>,
    /// Where the report goes: .json, or .html with curves
    #[arg(long, value_name = "FILE")]
    pub(super) report: Vec<PathBuf>,
    /// Runs side by side; by default one for each processor
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// A number of alerts a day, and how it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DailyBudget {
    pub(super) name: String,
    pub(super) per_day: f64,
}

impl Args {
    /// Returns whether value features are dropped.
    pub(super) fn is_value_dropped(&self) -> bool {
        self.drop_features.is_some()
    }

    /// Returns whom the labels speak about.
    pub(super) fn role(&self) -> LabelRole {
        self.subject
    }

    /// Returns how many runs go side by side.
    pub(super) fn threads(&self) -> usize {
        let own = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.map_or(own, NonZeroUsize::get)
    }

    /// Returns what the figures depend on, for the report.
    pub(super) fn describe(&self, evaluation: &Evaluation<'_>) -> Value {
        let files = |paths: &[PathBuf]| -> Vec<String> {
            let name = |p: &PathBuf| p.file_name().map(|n| n.to_string_lossy().into_owned());
            paths.iter().filter_map(name).collect()
        };
        json!({
            "simulate": self.simulate,
            "events": files(&self.events),
            "labels": files(self.labels.as_slice()),
            "subject": format!("{:?}", self.subject).to_lowercase(),
            "verdicts": format!("{:?}", self.verdicts).to_lowercase(),
            "verdict_delay_s": self.verdict_delay / EventTime::SECOND,
            "warm_up_until": evaluation.warm_up_until.secs(),
            "test_from": evaluation.range.from.secs(),
            "test_until": evaluation.range.until.secs(),
            "keep_positives": self.keep_positives,
            "drop_features": self.drop_features,
            "p_max": evaluation.setup.params.triage.p_max,
            "config_hash": evaluation.setup.config_hash,
        })
    }
}

fn parse_role(text: &str) -> Result<LabelRole, String> {
    match text {
        "to" => Ok(LabelRole::To),
        "from" => Ok(LabelRole::From),
        "tx" => Ok(LabelRole::Tx),
        _ => Err("expected to, from or tx".to_owned()),
    }
}

fn parse_verdicts(text: &str) -> Result<EvalVerdicts, String> {
    match text.split_once(':') {
        None if text == "none" => Ok(EvalVerdicts::None),
        None if text == "all" => Ok(EvalVerdicts::All),
        Some(("budget", rate)) => Ok(EvalVerdicts::Budget(parse_rate(rate)?)),
        _ => Err("expected none, budget:RATE or all".to_owned()),
    }
}

fn parse_budget(text: &str) -> Result<DailyBudget, String> {
    Ok(DailyBudget { name: text.to_owned(), per_day: parse_rate(text)? })
}

/// Reads `2/d`, `14/w` or a plain number of alerts a day.
fn parse_rate(text: &str) -> Result<f64, String> {
    let (number, days) = match text.split_once('/') {
        None | Some((_, "d")) => (text.trim_end_matches("/d"), 1.0),
        Some((number, "w")) => (number, 7.0),
        Some(_) => return Err("expected a rate such as 2/d or 14/w".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| "expected a rate such as 2/d".to_owned())?;
    if number.is_finite() && number > 0.0 {
        Ok(number / days)
    } else {
        Err("a rate is above 0".to_owned())
    }
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("expected a share above 0 and at most 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_written() {
        assert_eq!(parse_rate("2/d"), Ok(2.0));
        assert_eq!(parse_rate("14/w"), Ok(2.0));
        assert_eq!(parse_rate("0.5"), Ok(0.5));
        assert!([parse_rate("0/d"), parse_rate("2/y"), parse_rate("")].iter().all(Result::is_err));
        assert_eq!(parse_verdicts("budget:2/d"), Ok(EvalVerdicts::Budget(2.0)));
        assert!(parse_verdicts("budget").is_err() && parse_share("0").is_err());
    }
}
