//! `replay --snapshot`: the state after history as the first snapshot of a group.

use crate::{
    audit::HashChains,
    cli::CliError,
    config::Config,
    journal::takeover::Progress,
    model::GroupPartition,
    pipeline::{Driver, Flood, Image},
    store::{Params, Store},
};

/// Where the state goes, and for whom.
#[derive(Debug, clap::Args)]
pub(super) struct SeedArgs {
    /// Publishes the state after the last record as the first snapshot of a group, at this URL or
    /// directory (that of snapshots.url), so that its first `run` starts warm
    #[arg(long, value_name = "URL", requires = "config")]
    snapshot: Option<String>,
    /// The group; default: that of the configuration
    #[arg(long, requires = "snapshot")]
    group: Option<String>,
    /// The input topic; default: the only one of the configuration
    #[arg(long, requires = "snapshot")]
    topic: Option<String>,
    /// Its partition
    #[arg(long, requires = "snapshot", default_value = "0")]
    partition: i32,
    /// Offset of the first record of the topic that is not in the files; default: as many as the
    /// files have records
    #[arg(long, value_name = "N", requires = "snapshot")]
    offset: Option<u32>,
}

/// A snapshot that is to be written.
pub(super) struct SeedSnapshot {
    store: Store,
    place: GroupPartition,
    offset: Option<u32>,
}

impl SeedArgs {
    /// Returns whether a snapshot is wanted.
    pub(super) fn is_wanted(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Opens the store; `None` when no snapshot is wanted.
    pub(super) fn open(&self, config: &Config) -> Result<Option<SeedSnapshot>, CliError> {
        let Some(url) = &self.snapshot else { return Ok(None) };
        let only = match config.run.inputs.as_slice() {
            [input] => Some(input.topic.clone()),
            _ => None,
        };
        let topic = self.topic.clone().or(only);
        let topic = topic.ok_or_else(|| CliError::Usage("--topic is required".to_owned()))?;
        let params = Params { url: url.clone(), ..config.run.snapshots.clone() };
        let failed = |e| CliError::failure("cannot use the snapshot store", e);
        let Some(store) = Store::open(&params).map_err(failed)? else {
            return Err(CliError::Usage("--snapshot none publishes nothing".to_owned()));
        };
        let group = self.group.clone().unwrap_or_else(|| config.run.kafka.group.clone());
        let place = GroupPartition { group, topic, partition: self.partition };
        if let Some(newest) = store.list(&place).map_err(failed)?.first() {
            return Err(CliError::Usage(format!(
                "{place} has a snapshot at offset {} already: the group has started",
                newest.offset
            )));
        }
        Ok(Some(SeedSnapshot { store, place, offset: self.offset }))
    }
}

impl SeedSnapshot {
    /// Returns the topic and partition that the records stand for.
    pub(super) fn place(&self) -> (&str, i32) {
        (&self.place.topic, self.place.partition)
    }

    /// Publishes the state; returns what to tell.
    ///
    /// The alerts of the history keep their numbers and their chain: the first alert of `run` is
    /// the next one.
    pub(super) fn publish(
        self,
        mut driver: Driver,
        chains: &HashChains,
        n_records: u64,
    ) -> Result<String, CliError> {
        let Self { store, place, offset } = self;
        let chain = chains.of(&place.topic, place.partition);
        let n_records = i64::try_from(n_records).unwrap_or(i64::MAX);
        let offset = offset.map_or(n_records, i64::from);
        // Only records of the topic itself could be folded again if the snapshot were lost.
        let start = if offset == n_records { 0 } else { offset };
        let progress = Progress { start, ..Progress::default() };
        let seq = chain.seq();
        let mut image = Image::new(progress, chain, Flood::default());
        image.is_seed = true;
        let header = image.header(place.clone(), offset, driver.engine());
        let frozen = driver.freeze();
        let body =
            image.encode(&frozen).map_err(|e| CliError::failure("cannot encode the state", e))?;
        let n_bytes = store
            .publish(header, &body)
            .map_err(|e| CliError::failure("cannot publish the snapshot", e))?;
        Ok(format!(
            "snapshot of {place} at offset {offset} ({n_bytes} bytes) in {}: a first start begins \
             there, and its first alert is number {}",
            store.url(),
            seq + 1
        ))
    }
}
