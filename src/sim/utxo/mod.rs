//! The simulated UTXO chain: wallets with real coins, blocks and bitcoin-etl JSON.

mod address;
mod draft;
mod json;
mod planner;
mod wallets;
mod world;

pub(super) use draft::{DraftPayment, UnspentCoin, UtxoDraft};
pub(super) use planner::UtxoPlanner;
pub(super) use world::UtxoWorld;
