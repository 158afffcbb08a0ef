//! Reads the configuration again while `run` works: on SIGHUP and on `POST /-/reload`.

use super::{exporter::Exporter, run};
use crate::{cli::CliError, config::Config, pipeline::control::Inputs};
use std::sync::{Arc, Mutex, PoisonError};

/// What became of a reload; the label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum ReloadOutcome {
    /// The partitions go on with other settings at the end of their batches.
    Applied,
    /// Nothing that a reload can change is different.
    Unchanged,
    /// The file has mistakes: the old settings stay.
    Refused,
}

impl ReloadOutcome {
    pub(in crate::cli) const ALL: [Self; 3] = [Self::Applied, Self::Unchanged, Self::Refused];

    /// Returns the name used as a metric label.
    pub(in crate::cli) fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
        }
    }
}

/// What a reload needs.
pub(in crate::cli) struct Reloader {
    args: run::Args,
    /// As the process was started.
    started: Config,
    inputs: Inputs,
    exporter: Arc<Exporter>,
    /// One reload at a time.
    turn: Mutex<()>,
}

impl Reloader {
    pub(in crate::cli) fn new(
        args: run::Args,
        started: Config,
        inputs: Inputs,
        exporter: Arc<Exporter>,
    ) -> Self {
        Self { args, started, inputs, exporter, turn: Mutex::new(()) }
    }

    /// Reads the file again and hands over what changed; returns a sentence for whoever asked.
    ///
    /// # Errors
    /// Every mistake in the file; nothing has changed then.
    pub(in crate::cli) fn reload(&self) -> Result<String, String> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.args.config.display();
        match self.replace() {
            Ok((0, ignored)) => {
                self.exporter.reloaded(ReloadOutcome::Unchanged);
                tracing::info!(%path, "configuration read again: nothing to apply");
                Ok(format!("unchanged{}\n", said(&ignored)))
            }
            Ok((n_changed, ignored)) => {
                self.exporter.reloaded(ReloadOutcome::Applied);
                tracing::info!(%path, n_changed, "configuration read again: applied after this batch");
                Ok(format!("applied to {n_changed} inputs{}\n", said(&ignored)))
            }
            Err(error) => {
                self.exporter.reloaded(ReloadOutcome::Refused);
                let error = crate::pipeline::causes(&error);
                tracing::error!(%path, error, "configuration not reloaded: the old one stays");
                Err(format!("{error}\n"))
            }
        }
    }

    /// Returns how many inputs changed, and which settings wait for a restart.
    fn replace(&self) -> Result<(usize, Vec<&'static str>), CliError> {
        let config = run::load(&self.args)?;
        let ignored = fixed(&self.started, &config);
        if !ignored.is_empty() {
            let settings = ignored.join(", ");
            tracing::warn!(settings, "these settings changed and wait for a restart");
        }
        let inputs = run::inputs(&config)?;
        let n_changed = self.inputs.replace(&inputs).map_err(CliError::Config)?;
        if n_changed > 0 {
            let setups: Vec<_> = inputs.iter().map(|input| &input.setup).collect();
            self.exporter
                .reconfigured(&setups)
                .map_err(|e| CliError::Config(crate::pipeline::causes(&e)))?;
        }
        Ok((n_changed, ignored))
    }
}

fn said(ignored: &[&str]) -> String {
    match ignored {
        [] => String::new(),
        names => format!("; {} changed too and wait for a restart", names.join(", ")),
    }
}

/// Lists the sections that differ and that a running process cannot change.
fn fixed(before: &Config, now: &Config) -> Vec<&'static str> {
    let (a, b) = (&before.run, &now.run);
    [
        ("kafka", a.kafka != b.kafka),
        ("outputs", a.outputs != b.outputs),
        ("batch", a.batch != b.batch),
        ("snapshots", a.snapshots != b.snapshots),
        ("workers", a.workers != b.workers),
        ("on_flood", a.on_flood != b.on_flood),
        ("on_lost_history", a.on_lost_history != b.on_lost_history),
        ("verdicts", a.verdicts != b.verdicts),
        ("http", before.http != now.http),
        ("log", before.log != now.log),
    ]
    .into_iter()
    .filter_map(|(name, has_changed)| has_changed.then_some(name))
    .collect()
}
