//! The recent transfer graph: one ring of transfers, each linked to the previous one of either end.

use crate::{
    model::{AccountKey, Address, EventTime, Hash32, TxId},
    state::{
        accounts::profile::event_time,
        apply::tx_prefix,
        tables::{
            fixed_layout::{Plain, plain},
            table::{Aged, Table, TableMark},
            undo_vec::{CellsMark, UndoVec},
            undoable::Undoable,
        },
    },
};
use serde::{Deserialize, Serialize};

/// Moves of one account that are looked at: bounds the cost of every question to the graph.
pub const DEGREE_MAX: usize = 64;

/// One movement of value in the recent transfer graph, seen from one of its ends.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    /// The other end.
    pub other: AccountKey,
    /// First and last two bytes of the other end's address (EVM), for look-alikes.
    pub other_ends: [u8; 4],
    pub time: EventTime,
    /// Whole units of the native asset, base units of a token; 0 when the transaction failed.
    pub value: f32,
    /// Key of the token; `None` is the native asset.
    pub token: Option<AccountKey>,
    /// First 8 bytes of the transaction id; 0 where a transfer is of none.
    pub tx_prefix: u64,
    /// The others, unless an image of layout 4 did not have them.
    tx_rest: Option<[u8; TX_REST]>,
    /// The pair had never moved anything of this asset before.
    pub is_new_edge: bool,
    /// The receiver had never been seen before.
    pub is_fresh_receiver: bool,
    pub is_failed: bool,
}

/// Bytes of a transaction id behind its first eight.
const TX_REST: usize = 24;

impl Move {
    /// Returns the id of the transaction, where it has one and all of it is known.
    pub fn tx(&self) -> Option<TxId> {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&self.tx_prefix.to_be_bytes());
        id[8..].copy_from_slice(&self.tx_rest?);
        Some(Hash32(id))
    }
}

/// One end of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::state) struct TransferEnd {
    pub key: u64,
    pub ends: [u8; 4],
}

impl TransferEnd {
    /// Describes an account as an end of a transfer.
    pub fn new(key: AccountKey, address: &Address) -> Self {
        let ends = match address {
            Address::Evm([a, b, .., c, d]) => [*a, *b, *c, *d],
            Address::Text(_) => [0; 4],
        };
        Self { key: key.0, ends }
    }
}

/// A transfer to be remembered.
#[derive(Clone, Copy, Debug)]
pub(in crate::state) struct NewTransfer {
    pub from: TransferEnd,
    pub to: TransferEnd,
    pub time: u32,
    pub value: f64,
    pub token: Option<AccountKey>,
    /// `None` for what a block does by itself.
    pub tx: Option<TxId>,
    pub is_new_edge: bool,
    pub is_fresh_receiver: bool,
    pub is_failed: bool,
}

/// A transfer as it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct StoredTransfer {
    from: u64,
    to: u64,
    token: u64,
    tx_prefix: u64,
    from_ends: [u8; 4],
    to_ends: [u8; 4],
    time: u32,
    value: f32,
    /// How many transfers ago the sender last sent, and the receiver last received; 0 is never.
    since_sent: u32,
    since_received: u32,
    flags: u8,
}

plain!(StoredTransfer {
    from: u64,
    to: u64,
    token: u64,
    tx_prefix: u64,
    from_ends: [u8; 4],
    to_ends: [u8; 4],
    time: u32,
    value: f32,
    since_sent: u32,
    since_received: u32,
    flags: u8,
});

/// A transfer with the rest of its transaction's id, which images have since layout 5.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Row {
    transfer: StoredTransfer,
    tx_rest: [u8; TX_REST],
}

impl Plain for Row {
    const N_BYTES: usize = StoredTransfer::N_BYTES + TX_REST;
    const N_BYTES_V4: usize = StoredTransfer::N_BYTES;

    fn write(&self, out: &mut [u8]) {
        let (transfer, rest) = out.split_at_mut(StoredTransfer::N_BYTES);
        self.transfer.write(transfer);
        self.tx_rest.write(rest);
    }

    fn read(bytes: &[u8]) -> Self {
        let (transfer, rest) = bytes.split_at(StoredTransfer::N_BYTES);
        Self { transfer: StoredTransfer::read(transfer), tx_rest: Plain::read(rest) }
    }
}

const IS_NEW_EDGE: u8 = 1;
const IS_FRESH_RECEIVER: u8 = 2;
const IS_FAILED: u8 = 4;
const HAS_TOKEN: u8 = 8;
/// It is of a transaction, all of whose id is kept.
const HAS_TX: u8 = 16;

/// Where an account's newest transfers are: their number from the first ever, plus one; 0 is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Heads {
    sent: u64,
    received: u64,
}

plain!(Heads { sent: u64, received: u64 });

impl Aged for Heads {
    fn last_used(&self) -> u32 {
        // Never asked for: the table cannot fill up, see `RecentTransfers::forget_oldest`.
        self.sent.max(self.received) as u32
    }
}

/// The newest transfers of a chain.
///
/// # Cost
/// 96 bytes a transfer and up to 58 for the heads of its two ends.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::state) struct RecentTransfers {
    ring: UndoVec<Row>,
    heads: Table<Heads>,
    n_ever: u64,
    n_max: usize,
}

/// A point to which the graph can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct GraphMark {
    ring: CellsMark,
    heads: TableMark,
    n_ever: u64,
}

impl RecentTransfers {
    /// Makes an empty graph.
    pub fn new(n_transfers_max: usize) -> Self {
        let n_max = n_transfers_max.max(1);
        // Each transfer keeps at most two accounts' heads alive.
        Self { ring: UndoVec::new(), heads: Table::new(2 * n_max), n_ever: 0, n_max }
    }

    /// Remembers a transfer; the oldest one leaves when there are too many.
    pub fn push(&mut self, new: &NewTransfer) {
        if self.ring.len() == self.n_max {
            self.forget_oldest();
        }
        let number = self.n_ever + 1;
        let since = |head: Option<&Heads>, pick: fn(&Heads) -> u64| {
            let last = head.map_or(0, pick);
            if last == 0 { 0 } else { u32::try_from(number - last).unwrap_or(0) }
        };
        let Hash32(id) = new.tx.unwrap_or_default();
        let mut tx_rest = [0; TX_REST];
        tx_rest.copy_from_slice(&id[id.len() - TX_REST..]);
        let transfer = StoredTransfer {
            from: new.from.key,
            to: new.to.key,
            token: new.token.map_or(0, |t| t.0),
            tx_prefix: new.tx.as_ref().map_or(0, tx_prefix),
            from_ends: new.from.ends,
            to_ends: new.to.ends,
            time: new.time,
            value: new.value.min(f64::from(f32::MAX)) as f32,
            since_sent: since(self.heads.get(new.from.key), |h| h.sent),
            since_received: since(self.heads.get(new.to.key), |h| h.received),
            flags: [
                (new.is_new_edge, IS_NEW_EDGE),
                (new.is_fresh_receiver, IS_FRESH_RECEIVER),
                (new.is_failed, IS_FAILED),
                (new.token.is_some(), HAS_TOKEN),
                (new.tx.is_some(), HAS_TX),
            ]
            .iter()
            .fold(0, |flags, (is_set, flag)| flags | if *is_set { *flag } else { 0 }),
        };
        let row = Row { transfer, tx_rest };
        if self.ring.len() < self.n_max {
            self.ring.push(row);
        } else {
            self.ring.set((self.n_ever % self.n_max as u64) as usize, row);
        }
        self.n_ever = number;
        self.heads.upsert(new.from.key, Heads::default(), |h| h.sent = number);
        self.heads.upsert(new.to.key, Heads::default(), |h| h.received = number);
    }

    /// Returns an account's outgoing moves, newest first.
    pub fn sent(&self, account: AccountKey) -> impl Iterator<Item = Move> + '_ {
        let head = self.heads.get(account.0).map_or(0, |h| h.sent);
        self.walk(head, |t| t.since_sent).map(|t| t.seen_from_sender())
    }

    /// Returns an account's incoming moves, newest first.
    pub fn received(&self, account: AccountKey) -> impl Iterator<Item = Move> + '_ {
        let head = self.heads.get(account.0).map_or(0, |h| h.received);
        self.walk(head, |t| t.since_received).map(|t| t.seen_from_receiver())
    }

    /// Returns whether an account is an end of any transfer that is still remembered.
    pub fn knows(&self, account: AccountKey) -> bool {
        self.heads.get(account.0).is_some()
    }

    /// Returns the bytes of ring and heads.
    pub fn n_bytes(&self) -> usize {
        self.ring.n_bytes() + self.heads.n_bytes()
    }

    /// Returns whether the ring is within its bound (after a restore).
    pub fn is_sound(&self) -> bool {
        let n_kept = self.n_ever.min(self.n_max as u64);
        self.n_max > 0 && self.ring.len() as u64 == n_kept
    }

    /// Takes the heads that point at the oldest transfer off, so that heads never outnumber ends.
    fn forget_oldest(&mut self) {
        let number = self.n_ever + 1 - self.n_max as u64;
        let Some(Row { transfer: oldest, .. }) = self.at(number).copied() else { return };
        for key in [oldest.from, oldest.to] {
            let is_last = |h: &Heads| h.sent <= number && h.received <= number;
            if self.heads.get(key).is_some_and(is_last) {
                self.heads.remove(key);
            }
        }
    }

    fn walk(
        &self,
        head: u64,
        since: fn(&StoredTransfer) -> u32,
    ) -> impl Iterator<Item = &Row> + '_ {
        let mut next = head;
        let step = move || {
            let row = self.at(next)?;
            next = match since(&row.transfer) {
                0 => 0,
                distance => next.saturating_sub(u64::from(distance)),
            };
            Some(row)
        };
        std::iter::from_fn(step).take(DEGREE_MAX)
    }

    /// Returns the transfer with this number, if it is still in the ring.
    fn at(&self, number: u64) -> Option<&Row> {
        let is_kept =
            number > 0 && number <= self.n_ever && self.n_ever - number < self.n_max as u64;
        is_kept.then(|| self.ring.get(((number - 1) % self.n_max as u64) as usize))
    }
}

impl Undoable for RecentTransfers {
    type Mark = GraphMark;

    fn mark(&self) -> GraphMark {
        // The bound never changes.
        let Self { ring, heads, n_ever, n_max: _ } = self;
        GraphMark { ring: ring.mark(), heads: heads.mark(), n_ever: *n_ever }
    }

    fn revert(&mut self, mark: &GraphMark) {
        let GraphMark { ring, heads, n_ever } = mark;
        self.ring.revert(ring);
        self.heads.revert(heads);
        self.n_ever = *n_ever;
    }

    fn forget(&mut self, mark: &GraphMark) {
        let GraphMark { ring, heads, n_ever: _ } = mark;
        self.ring.forget(ring);
        self.heads.forget(heads);
    }

    fn share(&mut self) -> Self {
        let (ring, heads) = (self.ring.share(), self.heads.share());
        Self { ring, heads, n_ever: self.n_ever, n_max: self.n_max }
    }

    fn n_undo_bytes(&self) -> usize {
        self.ring.n_undo_bytes() + self.heads.n_undo_bytes()
    }
}

impl Row {
    fn seen_from_sender(&self) -> Move {
        self.seen(self.transfer.to, self.transfer.to_ends)
    }

    fn seen_from_receiver(&self) -> Move {
        self.seen(self.transfer.from, self.transfer.from_ends)
    }

    fn seen(&self, other: u64, other_ends: [u8; 4]) -> Move {
        let StoredTransfer { time, value, token, tx_prefix, flags, .. } = self.transfer;
        let has = |flag| flags & flag != 0;
        Move {
            other: AccountKey(other),
            other_ends,
            time: event_time(time),
            value,
            token: has(HAS_TOKEN).then_some(AccountKey(token)),
            tx_prefix,
            tx_rest: has(HAS_TX).then_some(self.tx_rest),
            is_new_edge: has(IS_NEW_EDGE),
            is_fresh_receiver: has(IS_FRESH_RECEIVER),
            is_failed: has(IS_FAILED),
        }
    }
}
