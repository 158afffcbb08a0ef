//! The simulated EVM chain: population, blocks and ethereum-etl JSON.

mod chain;
mod draft;
mod json;
mod planner;
mod population;
mod world;

pub(super) use draft::{Addr, Draft, Effect};
pub(super) use planner::Planner;
pub(super) use world::{World, season};
