//! What nodes have told, as against what blocks hold: never undone.

pub(super) mod sightings;
