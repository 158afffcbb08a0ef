//! Rules and models: against their fixtures, published series and real blocks.

mod coinjoin;
mod feedback;
mod fixture;
mod models;
mod noise;
mod rules;
mod rules_real;
mod streams;
