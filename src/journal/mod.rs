//! The control log as values: its entries, the turns they make, and where a takeover starts.

mod bundle;
mod control_entry;
mod position;
pub mod takeover;
mod turn;

pub use bundle::{Bundle, BundleError};
pub use control_entry::{
    Change, ControlEntry, ENTRIES_MAX, VerdictOrigin, WHOLE_TOPIC, Why, check,
};
pub use position::Position;
pub use turn::{Turn, TurnStep, turns};
