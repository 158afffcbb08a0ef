//! Which transaction has claimed an outpoint, or a sender's nonce, and what competes with it.

use super::{
    replacement::Bid,
    seen_txs::{SeenTx, SeenTxs},
};
use crate::{
    model::{AccountHasher, Conflict, ConflictKey, ConflictKind, Event, EventTime, OutPoint, Tx},
    state::{
        accounts::profile::seconds,
        tables::{
            fixed_layout::plain,
            table::{Aged, Table},
            undoable::Undoable,
        },
    },
};
use serde::{Deserialize, Serialize};

/// How long a claim is remembered. Mempools drop a transaction after 72 h at most.
const CLAIM_AGE_MAX: i64 = 72 * EventTime::HOUR;
/// Conflicts told of one transaction.
const CONFLICTS_PER_TX_MAX: usize = 16;

/// The claims of all recent transactions, confirmed or not.
///
/// Claims are what has been witnessed, not account history: a reorg does not take them back,
/// because a transaction that was in an orphaned block and lost its outpoint is a confirmed double
/// spend.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::state) struct Conflicts {
    claims: Table<ConflictClaim>,
    txs: SeenTxs,
    n_max: usize,
}

/// Who holds a conflict key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ConflictClaim {
    tx_number: u64,
    /// The one after the number of the transaction that held the key before, 0 if none did: what a
    /// transaction replaced is still true when it is included again after a reorg.
    after: u64,
    time: u32,
}

plain!(ConflictClaim { tx_number: u64, after: u64, time: u32 });

impl Aged for ConflictClaim {
    fn last_used(&self) -> u32 {
        self.time
    }
}

impl Conflicts {
    /// Makes an empty memory of claims.
    pub fn new(n_max: usize) -> Self {
        let n_max = n_max.max(1);
        Self { claims: Table::new(n_max), txs: SeenTxs::new(), n_max }
    }

    /// Returns the conflicts of a transaction with earlier ones.
    pub fn of(
        &self,
        event: &Event,
        tx: &Tx,
        bid: impl FnOnce() -> Bid,
        hasher: &AccountHasher,
    ) -> Vec<Conflict> {
        let mut conflicts: Vec<Conflict> = Vec::new();
        let bid = std::cell::LazyCell::new(bid);
        for key in tx.conflict_keys() {
            let Some(original) = self.rival(tx, hash(&key, hasher)) else { continue };
            let is_told = conflicts.iter().any(|c| c.original == original.id);
            if is_expired(original, event.time) || is_told {
                continue;
            }
            let (kind, value_at_risk) = match key {
                ConflictKey::Order(..) => (ConflictKind::DoubleSpend, bid.total()),
                _ => bid.against(original, hasher),
            };
            conflicts.push(Conflict {
                key,
                kind,
                original: original.id,
                replacement: tx.id,
                is_original_confirmed: original.is_confirmed,
                value_at_risk,
                original_to: original.to.clone(),
            });
            if conflicts.len() == CONFLICTS_PER_TX_MAX {
                break;
            }
        }
        conflicts
    }

    /// Returns whether a transaction carries out an order that another one, which pays the same,
    /// has carried out: an equal order is told twice, not given twice.
    pub fn is_order_repeated(&self, event: &Event, tx: &Tx, hasher: &AccountHasher) -> bool {
        let Some(order) = tx.order() else { return false };
        let original = self.rival(tx, hash(&order, hasher));
        let original = original.filter(|original| !is_expired(original, event.time));
        original.is_some_and(|original| Bid::of(tx, &[], 0, hasher).keeps(original))
    }

    /// Returns who holds a key against a transaction: if it does itself, who held it before.
    fn rival(&self, tx: &Tx, key: u64) -> Option<&SeenTx> {
        let claim = self.claims.get(key)?;
        let holder = self.txs.get(claim.tx_number)?;
        if holder.id != tx.id {
            return Some(holder);
        }
        let before = self.txs.get(claim.after.checked_sub(1)?)?;
        (before.id != tx.id).then_some(before)
    }

    /// Lets a transaction claim its keys: the first one holds them, until another is confirmed.
    pub fn claim(&mut self, event: &Event, tx: &Tx, bid: Bid, hasher: &AccountHasher) {
        let is_confirmed = tx.inclusion.is_some();
        let time = seconds(event.time);
        let number = self.txs.next_number();
        let mut is_holder = false;
        for key in tx.conflict_keys() {
            let hash = hash(&key, hasher);
            let held = self.claims.get(hash).map(|claim| claim.tx_number);
            let holder = held.and_then(|number| Some((number, self.txs.get(number)?)));
            let holder = holder.filter(|(_, holder)| !is_expired(holder, event.time));
            match holder {
                Some((held, holder)) if holder.id == tx.id => {
                    if is_confirmed && !holder.is_confirmed {
                        self.txs.confirm(held);
                    }
                }
                Some(_) if !is_confirmed => {}
                _ => {
                    is_holder = true;
                    let after = holder.map_or(0, |(held, _)| held + 1);
                    let claim = ConflictClaim { tx_number: number, after, time };
                    self.claims.upsert(hash, claim, |held| *held = claim);
                }
            }
        }
        // Claims have no past to go back to.
        self.claims.forget_all();
        if is_holder {
            self.txs.push(bid.seen(event, tx));
        }
        while self.txs.len() > self.n_max
            || self.txs.oldest().is_some_and(|oldest| is_expired(oldest, event.time))
        {
            self.txs.forget_oldest();
        }
    }

    /// Returns the same claims to be written, sharing memory with these.
    pub fn share(&mut self) -> Self {
        let (claims, txs) = (self.claims.share(), self.txs.share());
        Self { claims, txs, n_max: self.n_max }
    }
}

fn is_expired(claim: &SeenTx, now: EventTime) -> bool {
    now.since(claim.time) > CLAIM_AGE_MAX
}

/// Returns the digest of a conflict key.
pub(in crate::state) fn hash(key: &ConflictKey, hasher: &AccountHasher) -> u64 {
    match key {
        ConflictKey::OutPoint(OutPoint { tx, index }) => {
            hasher.hash(&[b"outpoint", &tx.0, &index.to_le_bytes()])
        }
        ConflictKey::SenderNonce(address, nonce) => {
            hasher.hash(&[b"nonce", address.bytes(), &nonce.to_le_bytes()])
        }
        ConflictKey::Order(address, id) => hasher.hash(&[b"order", address.bytes(), &id.0]),
    }
}
