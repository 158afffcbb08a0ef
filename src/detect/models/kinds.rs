//! The kinds of events that are scored: each is ranked among its like.

use crate::{
    detect::Scene,
    feature::Features,
    model::{Body, Family},
};

/// What an event with features is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventKind {
    Transaction,
    /// A payment in a token. Its features stand at the positions of a transaction's, but what is
    /// usual of them is another population's.
    TokenPayment,
}

impl EventKind {
    /// Returns how many kinds a chain has.
    pub fn n_of(family: Family) -> usize {
        match family {
            Family::Evm => 2,
            Family::Utxo => 1,
        }
    }

    /// Returns the kind of a scene that can be ranked, and its features.
    pub fn of<'a>(scene: &Scene<'a>) -> Option<(Self, &'a Features)> {
        let kind = match &scene.event.body {
            Body::Tx(_) => Self::Transaction,
            Body::Transfer(_) => Self::TokenPayment,
            _ => return None,
        };
        Some((kind, scene.features?))
    }

    /// Returns its place in whatever is kept for each kind.
    pub fn idx(self) -> usize {
        self as usize
    }
}
