//! The simulated EVM chain: population, blocks and ethereum-etl JSON.

mod chain;
mod draft;
mod json;
mod planner;
mod population;
mod world;

pub(super) use draft::{Addr, Effect, EvmDraft};
pub(super) use planner::EvmPlanner;
pub(super) use world::{EvmWorld, season};
