//! The control log as values: its entries, the turns they make, and where a takeover starts.

pub(crate) mod bundle;
pub(crate) mod control_entry;
pub(crate) mod position;
#[cfg(feature = "runtime")]
pub mod takeover;
pub(crate) mod turn;

pub use bundle::{Bundle, BundleError};
pub use control_entry::{
    Change, ControlEntry, ENTRIES_MAX, VerdictOrigin, WHOLE_TOPIC, Why, check,
};
pub use position::Position;
pub use turn::{Turn, TurnStep, turns};
