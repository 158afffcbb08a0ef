//! What is moved: amounts, tokens, and the networks' own coins.

pub(super) mod amount;
pub(super) mod coin;
pub(super) mod stablecoin;
pub(super) mod token;
