//! Seeded background traffic and planted incidents with ground truth, as the exporters' JSON.
//!
//! Pure: a scenario is a function of its seed and parameters, byte for byte.

mod evm;
pub mod incident;
mod line;
mod rng;
mod scenario;
mod utxo;
mod writer;

pub use line::{Line, Planted, Truth, topic};
pub use scenario::{Evm, Scenario, ScenarioFeed, Utxo};
