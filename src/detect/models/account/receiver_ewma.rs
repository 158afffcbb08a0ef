//! What a receiver's score has been so far: one account's evidence adds up over its payments.

use crate::model::AccountKey;
use serde::{Deserialize, Serialize};

/// Receivers remembered; a power of two. Half a megabyte.
const SLOTS: usize = 1 << 16;

/// The last smoothed score of receivers, by hash slot: a newcomer takes the slot of whoever was
/// there, so that the table never grows and needs no eviction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standings {
    /// Who is in a slot: the bits of the key that do not choose it. Empty until the first one.
    owners: Vec<u32>,
    #[serde(with = "crate::ml::floats")]
    scores: Vec<f32>,
}

impl Standings {
    /// Makes an empty table.
    pub fn new() -> Self {
        Self { owners: Vec::new(), scores: Vec::new() }
    }

    /// Returns whether the columns fit together (after a restore).
    pub fn is_shaped(&self) -> bool {
        let n = self.owners.len();
        (n == 0 || n == SLOTS) && self.scores.len() == n
    }

    /// Returns an account's last score, if its slot has not been taken since.
    pub fn get(&self, account: AccountKey) -> Option<f64> {
        let (slot, owner) = place(account);
        let is_owner = self.owners.get(slot).is_some_and(|&o| o == owner);
        is_owner.then(|| f64::from(self.scores[slot]))
    }

    /// Remembers an account's score.
    pub fn set(&mut self, account: AccountKey, score: f64) {
        if self.owners.is_empty() {
            self.owners = vec![0; SLOTS];
            self.scores = vec![0.0; SLOTS];
        }
        let (slot, owner) = place(account);
        self.owners[slot] = owner;
        self.scores[slot] = score as f32;
    }
}

/// Returns an account's slot and what it is known by there, which is never that of an empty one.
fn place(account: AccountKey) -> (usize, u32) {
    ((account.0 % SLOTS as u64) as usize, ((account.0 >> 32) as u32).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_belongs_to_whoever_came_last() {
        let (first, second) = (AccountKey(5 << 32 | 9), AccountKey(6 << 32 | 9));
        let mut standings = Standings::new();
        assert_eq!(standings.get(first), None);
        standings.set(first, -2.5);
        assert_eq!((standings.get(first), standings.get(second)), (Some(-2.5), None));
        standings.set(second, -1.0);
        assert_eq!((standings.get(first), standings.get(second)), (None, Some(-1.0)));
        assert!(standings.is_shaped());
    }
}
