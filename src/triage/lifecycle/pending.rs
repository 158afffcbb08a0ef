//! Open alerts on transactions that are in no block: by transaction, by what they claim, by when
//! they are given up.

use crate::model::{AlertId, EventTime, TxId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Conflict keys of one pending transaction by which a rival finds its alerts: a sender has one
/// nonce, and few payments spend more outputs.
pub const KEYS_MAX: usize = 64;

/// Alerts that wait for other nodes: more than are raised within seconds.
const CHECKS_MAX: usize = 4_096;

/// A transaction that is in no block, as far as alerts on it are concerned.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    pub tx: TxId,
    /// Digests of what it claims; the first [`KEYS_MAX`] count.
    pub keys: Vec<u64>,
}

impl Pending {
    /// Returns what an alert's fate hangs on.
    pub(in crate::triage) fn claim(&self, until: EventTime) -> PendingClaim {
        PendingClaim {
            tx: self.tx,
            keys: self.keys.iter().take(KEYS_MAX).copied().collect(),
            until,
        }
    }
}

/// What an alert's fate hangs on as long as its transaction is pending.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::triage) struct PendingClaim {
    pub(in crate::triage) tx: TxId,
    /// Digests of what the transaction claims.
    pub(in crate::triage) keys: Box<[u64]>,
    /// When it is given up, if no block has come with it.
    pub(in crate::triage) until: EventTime,
}

/// The alerts on pending transactions; as many as are open at most.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::triage) struct PendingAlerts {
    claims: BTreeMap<AlertId, PendingClaim>,
    by_tx: BTreeMap<TxId, BTreeSet<AlertId>>,
    by_key: BTreeMap<u64, BTreeSet<AlertId>>,
    deadlines: BTreeSet<(EventTime, AlertId)>,
}

impl PendingAlerts {
    /// Returns whether there are none.
    pub(in crate::triage) fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    /// Returns how many there are.
    pub(in crate::triage) fn len(&self) -> usize {
        self.claims.len()
    }

    /// Adds an alert, or replaces what its fate hangs on.
    pub(in crate::triage) fn insert(&mut self, id: AlertId, claim: PendingClaim) {
        self.remove(id);
        self.by_tx.entry(claim.tx).or_default().insert(id);
        for key in &claim.keys {
            self.by_key.entry(*key).or_default().insert(id);
        }
        self.deadlines.insert((claim.until, id));
        self.claims.insert(id, claim);
    }

    /// Takes an alert out: its transaction is in a block, or it is forgotten.
    pub(in crate::triage) fn remove(&mut self, id: AlertId) -> Option<PendingClaim> {
        let claim = self.claims.remove(&id)?;
        leave(&mut self.by_tx, &claim.tx, id);
        for key in &claim.keys {
            leave(&mut self.by_key, key, id);
        }
        self.deadlines.remove(&(claim.until, id));
        Some(claim)
    }

    /// Returns the alerts on a transaction.
    pub(in crate::triage) fn of(&self, tx: &TxId) -> Vec<AlertId> {
        self.by_tx.get(tx).into_iter().flatten().copied().collect()
    }

    /// Returns the alerts on other transactions that claim any of these keys.
    pub(in crate::triage) fn rivals(
        &self,
        tx: &TxId,
        keys: impl Iterator<Item = u64>,
    ) -> BTreeSet<AlertId> {
        let claimed = keys.filter_map(|key| self.by_key.get(&key)).flatten();
        claimed.filter(|id| self.claims.get(id).is_some_and(|c| c.tx != *tx)).copied().collect()
    }

    /// Returns the alerts whose time is over, the earliest first.
    pub(in crate::triage) fn due(&self, now: EventTime) -> Vec<AlertId> {
        let due = self.deadlines.iter().take_while(|(until, _)| *until <= now);
        due.map(|(_, id)| *id).collect()
    }
}

/// Alerts about which other nodes have still to be heard, by when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::triage) struct CorroborationChecks(BTreeSet<(EventTime, AlertId, TxId)>);

impl CorroborationChecks {
    /// Adds an alert; beyond the bound the earliest is not looked at any more.
    pub(in crate::triage) fn push(&mut self, due: EventTime, id: AlertId, tx: TxId) {
        self.0.insert((due, id, tx));
        if self.0.len() > CHECKS_MAX {
            self.0.pop_first();
        }
    }

    /// Takes out the first one that is due.
    pub(in crate::triage) fn pop_due(&mut self, now: EventTime) -> Option<(AlertId, TxId)> {
        let (due, id, tx) = *self.0.first()?;
        (due <= now).then(|| {
            self.0.pop_first();
            (id, tx)
        })
    }
}

fn leave<K: Ord>(index: &mut BTreeMap<K, BTreeSet<AlertId>>, key: &K, id: AlertId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}
