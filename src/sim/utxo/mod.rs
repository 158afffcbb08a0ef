//! The simulated UTXO chain: wallets with real coins, blocks and bitcoin-etl JSON.

mod address;
mod draft;
mod json;
mod planner;
mod wallets;
mod world;

pub(super) use draft::{Coin, Draft, Payment};
pub(super) use planner::Planner;
pub(super) use world::World;
