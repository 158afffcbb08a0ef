//! Which store, and which snapshot in it, a `state` command is about.

use super::CliError;
use crate::{
    config::Config,
    runtime::snapshot::{Header, Params, Place, Store, StoreError},
};
use std::path::PathBuf;

/// Where the snapshots are.
#[derive(Debug, clap::Args)]
pub(super) struct StoreArgs {
    /// URL or directory of the store, instead of the configuration's
    #[arg(long, visible_alias = "snapshot", value_name = "URL", env = "TXWARDEN_SNAPSHOTS_URL")]
    snapshots: Option<String>,
    /// Configuration file
    #[arg(short, long, value_name = "FILE", env = "TXWARDEN_CONFIG")]
    config: Option<PathBuf>,
}

/// Which snapshot; without any, the newest whole one of the only place.
#[derive(Debug, clap::Args)]
pub(super) struct PlaceArgs {
    /// Consumer group
    #[arg(long)]
    group: Option<String>,
    /// Input topic
    #[arg(long)]
    topic: Option<String>,
    /// Partition of the topic
    #[arg(long)]
    partition: Option<i32>,
    /// Offset of the snapshot; without it the newest that is whole
    #[arg(long)]
    offset: Option<i64>,
}

impl StoreArgs {
    /// Opens the store, and reads the configuration if there is one.
    pub(super) fn open(&self) -> Result<(Store, Option<Config>), CliError> {
        self.open_at(None)
    }

    /// As [`StoreArgs::open`], at a URL if there is one.
    pub(super) fn open_at(&self, url: Option<&str>) -> Result<(Store, Option<Config>), CliError> {
        let config = match &self.config {
            Some(path) => Some(Config::load(path).map_err(|e| CliError::Config(e.to_string()))?),
            None => None,
        };
        let mut params = config.as_ref().map_or_else(Params::default, |c| c.run.snapshots.clone());
        if let Some(url) = url.or(self.snapshots.as_deref()) {
            url.clone_into(&mut params.url);
        }
        let opened = Store::open(&params).map_err(|e| CliError::Config(e.to_string()))?;
        let off =
            || CliError::Usage("snapshots are turned off (url: none): name --snapshots".into());
        Ok((opened.ok_or_else(off)?, config))
    }
}

impl PlaceArgs {
    /// Returns the places that are asked for.
    pub(super) fn places(&self, store: &Store) -> Result<Vec<Place>, CliError> {
        let mut places = store.places().map_err(failed)?;
        places.retain(|place| {
            self.group.as_ref().is_none_or(|group| *group == place.group)
                && self.topic.as_ref().is_none_or(|topic| *topic == place.topic)
                && self.partition.is_none_or(|partition| partition == place.partition)
        });
        Ok(places)
    }

    /// Returns the one place that is asked for.
    pub(super) fn place(&self, store: &Store) -> Result<Place, CliError> {
        let mut places = self.places(store)?;
        match (places.pop(), places.as_slice()) {
            (Some(only), []) => Ok(only),
            (None, _) => Err(CliError::Usage(format!("there is no such place in {}", store.url()))),
            (Some(last), others) => {
                let names: Vec<String> =
                    others.iter().chain([&last]).map(ToString::to_string).collect();
                Err(CliError::Usage(format!(
                    "several places have snapshots ({}): choose with --group, --topic, --partition",
                    names.join(", ")
                )))
            }
        }
    }

    /// Returns the header of the snapshot that is asked for in a place.
    pub(super) fn header(&self, store: &Store, place: &Place) -> Result<Header, CliError> {
        if let Some(offset) = self.offset {
            return store.header(place, offset).map_err(failed);
        }
        let mut last = StoreError::Missing { what: format!("a snapshot of {place}") };
        for entry in store.list(place).map_err(failed)? {
            match store.header(place, entry.offset) {
                Ok(header) => return Ok(header),
                Err(error) => last = error,
            }
        }
        Err(failed(last))
    }
}

/// Wraps an error of the store.
pub(super) fn failed(error: StoreError) -> CliError {
    CliError::failure("cannot use the snapshot store", error)
}
