//! Rules and models: against their fixtures, published series and real blocks.

pub(crate) mod coinjoin;
pub(crate) mod feedback;
pub(crate) mod fixture;
pub(crate) mod models;
pub(crate) mod noise;
pub(crate) mod rules;
pub(crate) mod rules_real;
pub(crate) mod streams;
