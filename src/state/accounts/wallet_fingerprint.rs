//! How transactions of a UTXO chain are usually written: version, lock time and replaceability.

use crate::{model::UtxoTx, state::tables::undoable::own_mark};
use serde::{Deserialize, Serialize};

/// Ways of writing a transaction that are told apart: three of a version, three of a lock time,
/// replaceable or not.
const WAYS: usize = 18;
/// Transactions counted before all counts are halved: an afternoon of Bitcoin, so that a new
/// wallet's way of writing becomes usual within a day.
const MEMORY: u32 = 65_536;
/// Transactions before a rarity is told.
const KNOWN_MIN: u32 = 256;
/// Lock times below this are heights. Source: Bitcoin Core, `LOCKTIME_THRESHOLD`.
const HEIGHT_MAX: u32 = 500_000_000;

/// Counts of the ways in which recent transactions were written; small enough to be its own mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::state) struct Habits {
    counts: [u32; WAYS],
}

impl Habits {
    /// Returns −ln of the share of transactions written like this one, with one more of each way
    /// than was seen; `None` before enough were.
    pub fn rarity(&self, utxo: &UtxoTx) -> Option<f64> {
        let total: u32 = self.counts.iter().sum();
        let seen = f64::from(self.counts[way(utxo)? % WAYS]) + 1.0;
        (total >= KNOWN_MIN).then(|| -libm::log(seen / (f64::from(total) + WAYS as f64)))
    }

    /// Learns a transaction.
    pub fn learn(&mut self, utxo: &UtxoTx) {
        let Some(way) = way(utxo) else { return };
        self.counts[way % WAYS] += 1;
        if self.counts.iter().sum::<u32>() >= MEMORY {
            self.counts.iter_mut().for_each(|n| *n /= 2);
        }
    }
}

own_mark!(Habits);

/// Numbers the way a transaction is written; `None` when its format does not say.
fn way(utxo: &UtxoTx) -> Option<usize> {
    if utxo.is_coinbase {
        return None;
    }
    let version = match utxo.version? {
        1 => 0,
        2 => 1,
        _ => 2,
    };
    let lock_time = match utxo.lock_time? {
        0 => 0,
        1..HEIGHT_MAX => 1,
        _ => 2,
    };
    Some((version * 3 + lock_time) * 2 + usize::from(utxo.signals_rbf()))
}
