//! Commands over files: the fold without a bus.

pub(super) mod coverage;
pub(super) mod decode;
pub(super) mod eval;
pub(super) mod explain;
pub(super) mod input;
pub(super) mod log;
#[cfg(feature = "kafka")]
pub(super) mod record;
pub(super) mod replay;
pub(super) mod turns;
