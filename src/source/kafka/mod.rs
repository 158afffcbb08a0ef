//! The Kafka connection: its settings, and the client built from them.

mod params;

pub use params::{Mechanism, Params, Protocol, Security, Start};
