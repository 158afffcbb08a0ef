//! Which store, and which snapshot in it, a `state` command is about.

use super::CliError;
use crate::{
    config::Config,
    engine::{Engine, Setup},
    journal::Bundle,
    model::{Chain, GroupPartition},
    pipeline::Image,
    store::{Params, Snapshot, SnapshotHeader, Store, StoreError},
};
use std::path::PathBuf;

/// Where the snapshots are.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct StoreArgs {
    /// URL or directory of the store, instead of the configuration's
    #[arg(long, visible_alias = "snapshot", value_name = "URL", env = "TXWARDEN_SNAPSHOTS_URL")]
    snapshots: Option<String>,
    /// Configuration file
    #[arg(short, long, value_name = "FILE", env = "TXWARDEN_CONFIG")]
    config: Option<PathBuf>,
}

/// Which snapshot; without any, the newest whole one of the only place.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PlaceArgs {
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
    pub(in crate::cli) fn open(&self) -> Result<(Store, Option<Config>), CliError> {
        self.open_at(None)
    }

    /// As [`StoreArgs::open`], at a URL if there is one.
    pub(in crate::cli) fn open_at(
        &self,
        url: Option<&str>,
    ) -> Result<(Store, Option<Config>), CliError> {
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
    /// Returns whether a group is asked for.
    pub(in crate::cli) fn has_group(&self) -> bool {
        self.group.is_some()
    }

    /// Returns the places that are asked for.
    pub(in crate::cli) fn places(&self, store: &Store) -> Result<Vec<GroupPartition>, CliError> {
        let mut places = store.places().map_err(failed)?;
        places.retain(|place| {
            self.group.as_ref().is_none_or(|group| *group == place.group)
                && self.topic.as_ref().is_none_or(|topic| *topic == place.topic)
                && self.partition.is_none_or(|partition| partition == place.partition)
        });
        Ok(places)
    }

    /// Returns the one place that is asked for.
    pub(in crate::cli) fn place(&self, store: &Store) -> Result<GroupPartition, CliError> {
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
    pub(in crate::cli) fn header(
        &self,
        store: &Store,
        place: &GroupPartition,
    ) -> Result<SnapshotHeader, CliError> {
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

/// Restores the engine of a snapshot.
pub(in crate::cli) fn engine_of(
    store: &Store,
    header: &SnapshotHeader,
    config: Option<&Config>,
) -> Result<(Engine, Chain), CliError> {
    let setup = setup(store, header, config)?;
    let chain = setup.chain.clone();
    let Snapshot { body, .. } = store.load(&header.place, header.offset).map_err(failed)?;
    let (_, bytes) =
        Image::decode(&body).map_err(|e| CliError::failure("cannot read the snapshot", e))?;
    let engine = Engine::restore(setup, bytes)
        .map_err(|e| CliError::failure("cannot restore the snapshot", e))?;
    Ok((engine, chain))
}

/// Returns what the snapshot's engine was made from: its bundle, or the settings at hand.
fn setup(
    store: &Store,
    header: &SnapshotHeader,
    config: Option<&Config>,
) -> Result<Setup, CliError> {
    if !header.bundle.is_empty() {
        let bytes = store.get_bundle(&header.bundle).map_err(failed)?;
        let bundle = Bundle::decode(&header.bundle, &bytes)
            .map_err(|e| CliError::failure("cannot read the snapshot's settings", e))?;
        return Ok(bundle.setup);
    }
    let chain = Chain::parse(&header.chain)
        .map_err(|e| CliError::failure("cannot read the snapshot's chain", e))?;
    let default = Config::default();
    let setup = config.unwrap_or(&default).engine_setup(&chain);
    if setup.config_hash == header.config_hash {
        return Ok(setup);
    }
    Err(CliError::Usage(format!(
        "the snapshot was made with configuration {}, and this is {}: name the one that was in \
         force with -c",
        header.config_hash, setup.config_hash
    )))
}
