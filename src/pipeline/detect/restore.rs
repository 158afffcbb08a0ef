//! The newest snapshot of a partition that can be used: what is damaged or too new is passed over.

use super::image::ImageError;
use crate::{
    engine::{Engine, EngineError, Setup},
    model::GroupPartition,
    ops::failpoint,
    pipeline::{Driver, Fits, Image},
    store::{SnapshotEntry, Store, StoreError},
};

/// A partition's state as it was at an offset.
pub struct Restored {
    pub offset: i64,
    pub image: Image,
    pub driver: Driver,
}

/// What became of an attempt to restore a snapshot; the label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreOutcome {
    Restored,
    /// Not what was written, or gone.
    Damaged,
    /// A newer version's.
    Newer,
    /// Made with other settings than those in force.
    OtherSetup,
    /// The store did not answer.
    Unreachable,
    /// No snapshot could be used: the state is rebuilt from the log's start.
    FromLog,
}

impl RestoreOutcome {
    pub const ALL: [Self; 6] = [
        Self::Restored,
        Self::Damaged,
        Self::Newer,
        Self::OtherSetup,
        Self::Unreachable,
        Self::FromLog,
    ];

    /// Returns the name used as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Damaged => "damaged",
            Self::Newer => "newer",
            Self::OtherSetup => "other_setup",
            Self::Unreachable => "unreachable",
            Self::FromLog => "from_log",
        }
    }
}

/// Why one snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    #[error("snapshot cannot be loaded")]
    Store(#[from] StoreError),
    #[error("snapshot's image cannot be read")]
    Image(#[from] ImageError),
    #[error("engine cannot be restored")]
    Engine(#[from] EngineError),
    /// What it was made with is not known any more.
    #[error("no setup for the snapshot: {0}")]
    NoSetup(String),
}

impl RestoreError {
    /// Returns the label of the error.
    pub fn outcome(&self) -> RestoreOutcome {
        match self {
            Self::Store(error) if error.is_retryable() => RestoreOutcome::Unreachable,
            Self::Store(StoreError::Newer { .. })
            | Self::Image(ImageError::Newer { .. })
            | Self::Engine(EngineError::Newer { .. }) => RestoreOutcome::Newer,
            Self::Engine(EngineError::OtherSetup { .. }) | Self::NoSetup(_) => {
                RestoreOutcome::OtherSetup
            }
            _ => RestoreOutcome::Damaged,
        }
    }
}

/// Restores the newest usable snapshot among `entries` (newest first) with an offset from `from` to
/// `to`. `setup_of` says what its engine is made from; `report` hears what became of each attempt.
pub fn newest(
    store: &Store,
    place: &GroupPartition,
    entries: &[SnapshotEntry],
    (from, to): (i64, i64),
    setup_of: &dyn Fn(&Image) -> Result<Setup, String>,
    report: &dyn Fn(RestoreOutcome),
) -> Option<Restored> {
    let is_candidate = |entry: &&SnapshotEntry| (from..=to).contains(&entry.offset);
    for entry in entries.iter().filter(is_candidate) {
        match restore(store, place, entry.offset, setup_of) {
            Ok(restored) => {
                report(RestoreOutcome::Restored);
                return Some(restored);
            }
            Err(error) => {
                let outcome = error.outcome();
                report(outcome);
                tracing::warn!(
                    %place,
                    offset = entry.offset,
                    outcome = outcome.as_str(),
                    error = %with_cause(&error),
                    "snapshot cannot be used: trying the one before"
                );
            }
        }
    }
    None
}

fn restore(
    store: &Store,
    place: &GroupPartition,
    offset: i64,
    setup_of: &dyn Fn(&Image) -> Result<Setup, String>,
) -> Result<Restored, RestoreError> {
    failpoint::hit("restore_before_load");
    let snapshot = store.load(place, offset)?;
    let (image, engine) = Image::decode(&snapshot.body)?;
    let setup = setup_of(&image).map_err(RestoreError::NoSetup)?;
    let engine = Engine::restore(setup, engine)?;
    failpoint::hit("restore_after_load");
    Ok(Restored { offset, image, driver: Driver::over(engine, Fits::Background) })
}

fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_cause(cause)),
        None => error.to_string(),
    }
}
