//! The model table: one file and one line a learning detector.

mod amount_z;
mod burst;
mod columns;
mod dbscan;
mod definition;
mod evidence;
mod groups;
mod kmeans;
mod lesson;
mod peer_z;
mod refit;
mod seasonal;
mod sentence;
mod soft_and;
mod spot;
mod verdicts;

pub use amount_z::AmountZ;
pub use burst::Burst;
pub use dbscan::Dbscan;
use definition::entry;
pub use definition::{Build, Definition, Enabled, Entry, build, run_fit};
pub use kmeans::Kmeans;
pub use peer_z::PeerZ;
pub use refit::Schedule;
pub use seasonal::Seasonal;
pub use sentence::feature as write_feature;
pub use soft_and::SoftAnd;
pub use spot::Spot;
pub use verdicts::Verdicts;

/// Every model, by id, with the default weight of its surprise in the combined score.
///
/// The soft-AND is what ranks fraud without labels; the others are for what it cannot see, and
/// weigh little until verdicts earn them more. Burst at 0.5 could raise an alert on its own: one in
/// ten was true on the labelled stream; at 0.1 nine in ten are.
pub const TABLE: &[Entry] = &[
    entry::<SoftAnd>(1.0),
    entry::<Burst>(0.1),
    entry::<AmountZ>(0.25),
    entry::<PeerZ>(0.1),
    entry::<Spot>(0.1),
    entry::<Seasonal>(0.1),
    entry::<Kmeans>(0.15),
    entry::<Dbscan>(0.15),
    // It claims a share that grows with the accounts judged fraud, and nothing before.
    entry::<Verdicts>(0.0),
];
