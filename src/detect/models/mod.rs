//! The model table: one file and one line a learning detector.

mod account;
mod cluster;
mod definition;
mod evidence;
mod feedback;
mod kinds;
mod ranks;
mod refit;
mod seasonal;
mod sentence;
mod spot;

pub use account::amount_z::AmountZ;
pub use account::burst::Burst;
pub use account::creep::Creep;
pub use account::peer_z::PeerZ;
pub use cluster::dbscan::Dbscan;
pub use cluster::kmeans::Kmeans;
pub use definition::{BuildModel, EnabledModel, ModelDefinition, ModelEntry, build, run_fit};
use definition::{claimant, entry, guard};
pub use evidence::TYPICAL_UNIT;
pub use feedback::verdicts::VerdictModel;
pub use ranks::soft_and::SoftAnd;
pub use refit::Schedule;
pub use seasonal::Seasonal;
pub use sentence::feature as write_feature;
pub use spot::Spot;

/// Every model, by id, with the default weight of its surprise in the combined score.
///
/// The soft-AND is what ranks fraud without labels. The others are guards for what it cannot see:
/// only what they say beyond a finding's surprise counts, because their unsurprised opinions are
/// noise to its ranking (average precision .65 alone, .44 with all of them in full). The two
/// monitors of rates weigh nothing unless configured: on the labelled stream one payment in twenty
/// is a burst to its receiver, and each cost .02 to .08.
pub const TABLE: &[ModelEntry] = &[
    entry::<SoftAnd>(1.0),
    guard::<Burst>(0.0),
    guard::<AmountZ>(0.25),
    guard::<PeerZ>(0.1),
    guard::<Spot>(0.1),
    guard::<Seasonal>(0.0),
    guard::<Kmeans>(0.15),
    guard::<Dbscan>(0.15),
    guard::<Creep>(0.1),
    // It claims a share that grows with the accounts judged fraud, and nothing before.
    claimant::<VerdictModel>(),
];
