//! Drives one engine over records: writes what it wants written, a batch at a time.

use super::super::turns::Turns;
use crate::{
    audit::HashChains,
    cli::{CliError, output::OutputFile},
    decode::Settings,
    engine::Action,
    model::Record,
    pipeline::Driver,
};

/// The files that actions go to; those that are absent are not wanted.
pub(super) struct OutputFiles {
    pub alerts: OutputFile,
    pub findings: Option<OutputFile>,
    pub dead_letters: Option<OutputFile>,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WrittenCounts {
    /// First revisions.
    pub n_alerts: u64,
    /// Further revisions.
    pub n_revisions: u64,
}

/// Writes what engines want written, a batch at a time.
pub(super) struct Writing {
    outputs: OutputFiles,
    batch: usize,
    n_pending: usize,
    counts: WrittenCounts,
    pub actions: Vec<Action>,
    chains: HashChains,
}

/// One engine and what it wants written.
pub(super) struct ReplayFold {
    driver: Driver,
    turns: Turns,
    n_records: u64,
    writing: Writing,
}

impl ReplayFold {
    /// Makes a fold that writes after every `batch` records.
    pub(super) fn new(driver: Driver, turns: Turns, outputs: OutputFiles, batch: usize) -> Self {
        Self { driver, turns, n_records: 0, writing: Writing::new(outputs, batch) }
    }

    /// Returns the number of records folded.
    pub(super) fn n_records(&self) -> u64 {
        self.n_records
    }

    /// Folds one record; returns whether a batch ended with it.
    pub(super) fn record(
        &mut self,
        settings: &Settings,
        (topic, partition): (&str, i32),
        value: &[u8],
    ) -> Result<bool, CliError> {
        let offset = self.n_records as i64;
        let record = Record { topic, partition, offset, value: Some(value), ..Record::default() };
        self.turns.feed(&mut self.driver, settings, record, &mut self.writing.actions)?;
        self.n_records += 1;
        self.writing.folded()
    }

    /// Writes what is left, and returns the driver with the chain of each topic and partition.
    pub(super) fn finish(mut self) -> Result<(Driver, WrittenCounts, HashChains), CliError> {
        self.writing.flush()?;
        self.turns.finish(self.n_records, &mut self.driver)?;
        let (counts, chains) = self.writing.finish()?;
        Ok((self.driver, counts, chains))
    }
}

impl Writing {
    /// Writes after every `batch` records.
    pub(super) fn new(outputs: OutputFiles, batch: usize) -> Self {
        let (counts, chains) = (WrittenCounts::default(), HashChains::default());
        Self { outputs, batch, n_pending: 0, counts, actions: Vec::new(), chains }
    }

    /// Notes that a record was folded; returns whether a batch ended with it.
    pub(super) fn folded(&mut self) -> Result<bool, CliError> {
        self.n_pending += 1;
        let is_full = self.n_pending >= self.batch;
        if is_full {
            self.flush()?;
        }
        Ok(is_full)
    }

    /// Writes what is left, and returns the chain of each topic and partition.
    pub(super) fn finish(mut self) -> Result<(WrittenCounts, HashChains), CliError> {
        self.flush()?;
        self.outputs.alerts.flush()?;
        for output in [&mut self.outputs.findings, &mut self.outputs.dead_letters] {
            output.as_mut().map_or(Ok(()), OutputFile::flush)?;
        }
        Ok((self.counts, self.chains))
    }

    fn flush(&mut self) -> Result<(), CliError> {
        self.n_pending = 0;
        for action in self.actions.drain(..) {
            match action {
                Action::Alert(mut alert) => {
                    let is_first = alert.revision == 1;
                    self.counts.n_alerts += u64::from(is_first);
                    self.counts.n_revisions += u64::from(!is_first);
                    let body = self.chains.seal(&mut alert);
                    let body = body.map_err(|e| CliError::failure("cannot write an alert", e))?;
                    self.outputs.alerts.line(&body)?;
                }
                Action::Finding(finding) => {
                    if let Some(to) = &mut self.outputs.findings {
                        to.json_line(&finding)?;
                    }
                }
                Action::DeadLetter(letter) => {
                    if let Some(to) = &mut self.outputs.dead_letters {
                        to.json_line(&letter)?;
                    }
                }
                Action::Fit(_) | Action::Scored(_) => {}
            }
        }
        Ok(())
    }
}
