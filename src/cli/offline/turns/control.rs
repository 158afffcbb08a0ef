//! `--control`: the turns of an exported control log, taken where a run took them.

use crate::{
    cli::CliError,
    journal::{Bundle, Change, ControlEntry, Position, WHOLE_TOPIC, check, turns},
    model::{GroupPartition, Record},
    pipeline::{Driver, control::bundles_of},
    store::{self, Store},
};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

/// The control log of one input partition during a replay.
pub(super) struct ControlLog {
    place: GroupPartition,
    position: Position,
    /// Where the partition's first start was: the offset of the first record of the files.
    first_offset: i64,
}

impl ControlLog {
    /// Reads the entries of a partition from a file of JSON lines, and fetches what they name.
    ///
    /// `wanted` is `group/topic/partition`; it may be left out when the file holds only one.
    pub(super) fn load(
        path: &Path,
        wanted: Option<&str>,
        own: Bundle,
        snapshots: &store::Params,
    ) -> Result<Self, CliError> {
        let usage = |what: String| CliError::Usage(format!("{}: {what}", path.display()));
        let text = fs::read_to_string(path)
            .map_err(|source| CliError::Read { path: path.display().to_string(), source })?;
        let mut places: BTreeMap<GroupPartition, Vec<ControlEntry>> = BTreeMap::new();
        for (line, n) in text.lines().zip(1u32..).filter(|(line, _)| !line.trim().is_empty()) {
            let entry = ControlEntry::parse(line.as_bytes())
                .map_err(|e| usage(format!("line {n}: {e}")))?;
            // What a topic agreed upon is in each partition's setups as well.
            if entry.place.partition != WHOLE_TOPIC
                && wanted.is_none_or(|wanted| wanted == entry.key())
            {
                places.entry(entry.place.clone()).or_default().push(entry);
            }
        }
        let known: Vec<String> = places.keys().map(ToString::to_string).collect();
        let (place, entries) = match (places.pop_first(), places.is_empty()) {
            (Some(only), true) => only,
            (None, _) => return Err(usage("no entries of this partition".to_owned())),
            (Some(_), false) => {
                let text = format!("entries of {}: choose with --place", known.join(" and "));
                return Err(usage(text));
            }
        };
        Self::of(place, entries, own, snapshots).map_err(usage)
    }

    /// Begins the history that the entries of a partition tell, and fetches what they name.
    pub(super) fn of(
        place: GroupPartition,
        entries: Vec<ControlEntry>,
        own: Bundle,
        snapshots: &store::Params,
    ) -> Result<Self, String> {
        check(&place, &entries)?;
        // The settings at hand serve where they are the ones of that time.
        let store = match is_foreign(&entries, &own) {
            true => Store::open(snapshots)
                .map_err(|e| format!("cannot open the bundles' store: {e}"))?,
            false => None,
        };
        let turns = turns(&place, entries, &[Arc::new(own)], bundles_of(store.as_ref()))?;
        let position = Position::begin(place.clone(), turns)
            .ok_or_else(|| "the control log does not begin with a setup".to_owned())?;
        let first_offset = position.begins_at();
        Ok(Self { place, position, first_offset })
    }

    /// Returns what is in force.
    pub(super) fn bundle(&self) -> &Arc<Bundle> {
        self.position.bundle()
    }

    /// Returns where the history begins.
    pub(super) fn begins_at(&self) -> i64 {
        self.first_offset
    }

    /// Returns how many turns have not been taken.
    pub(super) fn n_ahead(&self) -> usize {
        self.position.n_ahead()
    }

    /// Returns the record as it stood in its topic.
    pub(super) fn record<'a>(&'a self, idx: u64, value: &'a [u8]) -> Record<'a> {
        let GroupPartition { topic, partition, .. } = &self.place;
        let offset = self.first_offset + idx as i64;
        Record { topic, partition: *partition, offset, value: Some(value), ..Record::default() }
    }

    /// Applies what applies before a record; returns whether it must not be read.
    pub(super) fn apply(&mut self, idx: u64, driver: &mut Driver) -> Result<bool, CliError> {
        let mut is_set_aside = false;
        while let Some(turn) = self.position.take_due(self.first_offset + idx as i64) {
            let failed = |e| CliError::failure("cannot apply a control entry", e);
            match turn.step.control() {
                Some(control) => driver.control(control).map_err(failed)?,
                None => is_set_aside |= turn.offset == self.first_offset + idx as i64,
            }
        }
        Ok(is_set_aside)
    }

    /// Applies what is left after the last record: it changes no answer, but is counted.
    pub(super) fn finish(&mut self, n_records: u64, driver: &mut Driver) -> Result<(), CliError> {
        self.apply(n_records, driver)?;
        match self.position.ahead() {
            None => Ok(()),
            Some(turn) => Err(CliError::Usage(format!(
                "control entry {} applies at offset {}, but the files end before it: they do not \
                 hold all records of {} from offset {} on",
                turn.n, turn.offset, self.place, self.first_offset
            ))),
        }
    }
}

/// Returns whether entries name a bundle other than our own.
fn is_foreign(entries: &[ControlEntry], own: &Bundle) -> bool {
    entries.iter().any(|entry| match &entry.change {
        Change::Setup { bundle, .. } => *bundle != own.hash,
        Change::Verdict { .. } | Change::SetAside | Change::Envelope { .. } => false,
    })
}
