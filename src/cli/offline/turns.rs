//! The turns that a fold of files takes: those of a control log, or of a file of verdicts.

mod control;
mod verdicts;

use crate::{
    cli::CliError,
    config::Config,
    decode::Settings,
    engine::{Action, Examination, Features, Setup},
    journal::{Bundle, ControlEntry},
    model::{EventId, Record},
    pipeline::Driver,
    store,
};
use control::ControlLog;
use std::path::PathBuf;
use verdicts::VerdictFile;

/// Which turns are taken.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct TurnArgs {
    /// Control log of a run, as JSON lines: its settings and verdicts apply where they did, and the
    /// files have to hold its input from the first start on. Gives the alerts that the run wrote
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
    /// Verdicts as JSON lines, as on the verdict topic: each is taken in once event time reaches
    /// its time_ms
    #[arg(long, value_name = "FILE", conflicts_with = "control")]
    verdicts: Option<PathBuf>,
    /// Whose entries of the control log
    #[arg(long, value_name = "GROUP/TOPIC/PARTITION", requires = "control")]
    place: Option<String>,
    /// Where the run kept its bundles of settings, instead of the file's snapshots.url
    #[arg(long, value_name = "URL", requires = "control")]
    bundles: Option<String>,
}

/// The turns ahead.
pub(in crate::cli) struct Turns {
    /// Of the run that is repeated.
    control: Option<ControlLog>,
    verdicts: Option<VerdictFile>,
}

impl TurnArgs {
    /// Reads what the command line names; a control log replaces the setup by its first one.
    pub(in crate::cli) fn open(
        &self,
        config: &Config,
        settings: &Settings,
        setup: &mut Setup,
    ) -> Result<Turns, CliError> {
        let control = self.control(config, settings, setup)?;
        if let Some(control) = &control {
            *setup = control.bundle().setup.clone();
        }
        let load = |path: &PathBuf| VerdictFile::load(path, &settings.chain.id);
        let verdicts = self.verdicts.as_ref().map(load).transpose()?;
        Ok(Turns { control, verdicts })
    }

    /// Opens the turns of a partition whose records are as Kafka had them. `entries` are those of
    /// the partition in the log's control topic, if the log has one.
    pub(in crate::cli) fn open_exact(
        &self,
        config: &Config,
        settings: &Settings,
        setup: &mut Setup,
        entries: Vec<ControlEntry>,
    ) -> Result<Turns, CliError> {
        let load = |path: &PathBuf| VerdictFile::load(path, &settings.chain.id);
        let verdicts = self.verdicts.as_ref().map(load).transpose()?;
        let Some(first) = entries.first() else { return Ok(Turns { control: None, verdicts }) };
        let (own, snapshots) = self.own(config, settings, setup)?;
        let place = first.place.clone();
        let control = ControlLog::of(place, entries, own, &snapshots).map_err(CliError::Usage)?;
        *setup = control.bundle().setup.clone();
        Ok(Turns { control: Some(control), verdicts })
    }

    /// Returns the file of a control log and the place that the command line names.
    pub(in crate::cli) fn named(&self) -> (Option<&PathBuf>, Option<&str>) {
        (self.control.as_ref(), self.place.as_deref())
    }

    /// Returns whether verdicts come from a file.
    pub(in crate::cli) fn has_verdicts(&self) -> bool {
        self.verdicts.is_some()
    }

    /// Returns the bundle at hand, and where others are.
    fn own(
        &self,
        config: &Config,
        settings: &Settings,
        setup: &Setup,
    ) -> Result<(Bundle, store::Params), CliError> {
        let own = Bundle::of(settings, setup)
            .map_err(|e| CliError::failure("cannot write the settings as a bundle", e))?;
        let mut snapshots: store::Params = config.run.snapshots.clone();
        snapshots.url = self.bundles.clone().unwrap_or(snapshots.url);
        Ok((own, snapshots))
    }

    /// Returns the control log that the command line names.
    fn control(
        &self,
        config: &Config,
        settings: &Settings,
        setup: &Setup,
    ) -> Result<Option<ControlLog>, CliError> {
        let Some(path) = &self.control else { return Ok(None) };
        let (own, snapshots) = self.own(config, settings, setup)?;
        ControlLog::load(path, self.place.as_deref(), own, &snapshots).map(Some)
    }
}

impl Turns {
    /// Takes the turns that are due, then folds a record. Its offset counts the records from 0.
    pub(in crate::cli) fn feed(
        &mut self,
        driver: &mut Driver,
        settings: &Settings,
        record: Record<'_>,
        actions: &mut Vec<Action>,
    ) -> Result<(), CliError> {
        let is_set_aside = self.take(driver, record.offset as u64)?;
        match &self.control {
            None => driver.feed(settings, record, actions),
            Some(control) => {
                let record = as_it_stood(control, &record);
                let settings = &control.bundle().settings;
                match is_set_aside {
                    true => driver.set_aside(settings, record, actions),
                    false => driver.feed(settings, record, actions),
                }
            }
        }
        Ok(())
    }

    /// Takes the turns that are due, then examines an event of a record, which ends the fold.
    pub(in crate::cli) fn examine(
        &mut self,
        mut driver: Driver,
        settings: &Settings,
        record: Record<'_>,
        event: &EventId,
        typical: &[Features],
    ) -> Result<Option<Examination>, CliError> {
        self.take(&mut driver, record.offset as u64)?;
        Ok(match &self.control {
            None => driver.examine(settings, &record, event, typical),
            Some(control) => {
                let record = as_it_stood(control, &record);
                driver.examine(&control.bundle().settings, &record, event, typical)
            }
        })
    }

    /// Takes the turns that are due, then folds a record that is as Kafka had it. Returns false for
    /// one from before the first start of the run, which is not folded.
    pub(in crate::cli) fn feed_exact(
        &mut self,
        driver: &mut Driver,
        settings: &Settings,
        record: Record<'_>,
        actions: &mut Vec<Action>,
    ) -> Result<bool, CliError> {
        let Some(n_record) = self.idx(record.offset) else { return Ok(false) };
        let is_set_aside = self.take(driver, n_record)?;
        let settings = self.control.as_ref().map_or(settings, |c| &c.bundle().settings);
        match is_set_aside {
            true => driver.set_aside(settings, record, actions),
            false => driver.feed(settings, record, actions),
        }
        Ok(true)
    }

    /// As [`Self::examine`], of a record that is as Kafka had it.
    pub(in crate::cli) fn examine_exact(
        &mut self,
        mut driver: Driver,
        settings: &Settings,
        record: &Record<'_>,
        event: &EventId,
        typical: &[Features],
    ) -> Result<Option<Examination>, CliError> {
        let Some(n_record) = self.idx(record.offset) else { return Ok(None) };
        self.take(&mut driver, n_record)?;
        let settings = self.control.as_ref().map_or(settings, |c| &c.bundle().settings);
        Ok(driver.examine(settings, record, event, typical))
    }

    /// Applies what applies at the end of a recorded log; returns how many turns lie beyond it.
    pub(in crate::cli) fn finish_exact(
        &mut self,
        to: i64,
        driver: &mut Driver,
    ) -> Result<usize, CliError> {
        let Some(n_records) = self.idx(to) else { return Ok(0) };
        self.take(driver, n_records)?;
        Ok(self.control.as_ref().map_or(0, ControlLog::n_ahead))
    }

    /// Returns where the run's history begins, if a control log says so.
    pub(in crate::cli) fn begins_at(&self) -> Option<i64> {
        self.control.as_ref().map(ControlLog::begins_at)
    }

    /// Counts an offset from where the history begins; `None` before it.
    fn idx(&self, offset: i64) -> Option<u64> {
        u64::try_from(offset - self.begins_at().unwrap_or_default()).ok()
    }

    /// Takes what is left after the last record: it changes no answer, but is counted.
    pub(in crate::cli) fn finish(
        &mut self,
        n_records: u64,
        driver: &mut Driver,
    ) -> Result<(), CliError> {
        self.control.as_mut().map_or(Ok(()), |control| control.finish(n_records, driver))
    }

    /// Returns whether the record that follows must not be read.
    fn take(&mut self, driver: &mut Driver, n_record: u64) -> Result<bool, CliError> {
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.apply(driver)?;
        }
        self.control.as_mut().map_or(Ok(false), |control| control.apply(n_record, driver))
    }
}

/// Returns a record as it stood in its topic.
fn as_it_stood<'a>(control: &'a ControlLog, record: &Record<'a>) -> Record<'a> {
    control.record(record.offset as u64, record.value.unwrap_or_default())
}
