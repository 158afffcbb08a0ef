//! Which nodes have told of a transaction while it was pending: one body, several observations.

use crate::{
    model::{AccountHasher, Body, Event, EventTime, TxId},
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

/// Nodes told apart on one chain. What further ones tell counts as what an unnamed source tells.
pub const NODES_MAX: usize = 16;
/// Bytes kept of a node's name.
const NAME_BYTES_MAX: usize = 64;

/// What one node has told of a transaction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting<'a> {
    /// `None` for a source that names no node, and for nodes beyond [`NODES_MAX`].
    pub node: Option<&'a str>,
    pub first: EventTime,
    pub last: EventTime,
    /// The node has dropped it since, for another reason than a block.
    pub is_gone: bool,
}

/// A node that has told of something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct TellingNode {
    name: Box<str>,
    last: EventTime,
}

/// What all nodes have told of one transaction. Times are milliseconds after `first`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct SightedTx {
    first: i64,
    /// A bit for each node that has told of it, and for each that has dropped it. The last place is
    /// that of sources without a name.
    is_seen: u32,
    is_gone: u32,
    since: [i32; PLACES],
    until: [i32; PLACES],
    /// For eviction, in seconds of event time.
    last: u32,
}

const PLACES: usize = NODES_MAX + 1;

plain!(SightedTx {
    first: i64,
    is_seen: u32,
    is_gone: u32,
    since: [i32; PLACES],
    until: [i32; PLACES],
    last: u32,
});

impl Aged for SightedTx {
    fn last_used(&self) -> u32 {
        self.last
    }
}

/// The observations of recent pending transactions.
///
/// They have been witnessed, not booked: no reorg takes them back.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::state) struct Sightings {
    nodes: Vec<TellingNode>,
    txs: Table<SightedTx>,
}

impl Sightings {
    /// Makes an empty memory.
    pub fn new(n_max: usize) -> Self {
        Self { nodes: Vec::new(), txs: Table::new(n_max) }
    }

    /// Notes what an event tells of a pending transaction, if it does; returns whether the node has
    /// not told of it before.
    pub fn witness(&mut self, event: &Event, node: Option<&str>, hasher: &AccountHasher) -> bool {
        let (tx, node, is_presence) = match &event.body {
            Body::Tx(tx) if tx.inclusion.is_none() => (&tx.id, node, true),
            Body::Observation(o) => (&o.tx, o.node.as_deref().or(node), o.phase.is_presence()),
            _ => return false,
        };
        let place = self.place(node, event.time);
        let now = event.time.millis();
        let fresh = SightedTx { first: now, ..SightedTx::default() };
        let mut is_new = false;
        self.txs.upsert(key(tx, hasher), fresh, |seen| {
            let after = i32::try_from(now - seen.first).unwrap_or(i32::MAX);
            is_new = seen.is_seen & 1 << place == 0;
            if is_new {
                seen.is_seen |= 1 << place;
                (seen.since[place], seen.until[place]) = (after, after);
            }
            seen.until[place] = seen.until[place].max(after);
            let gone = u32::from(!is_presence) << place;
            seen.is_gone = seen.is_gone & !(1 << place) | gone;
            seen.last = seen.last.max(seconds(event.time));
        });
        // What has been witnessed has no past to go back to.
        self.txs.forget_all();
        is_new
    }

    /// Returns what each node has told of a transaction, in the order in which nodes first told
    /// anything.
    pub fn of(&self, tx: &TxId, hasher: &AccountHasher) -> impl Iterator<Item = Sighting<'_>> {
        let seen = self.txs.get(key(tx, hasher));
        let places = seen.into_iter().flat_map(|seen| (0..PLACES).map(move |at| (seen, at)));
        places.filter(|(seen, at)| seen.is_seen & 1 << at != 0).map(|(seen, at)| {
            let time = |after: i32| EventTime::from_millis(seen.first + i64::from(after));
            Sighting {
                node: self.nodes.get(at).map(|node| &*node.name),
                first: time(seen.since[at]),
                last: time(seen.until[at]),
                is_gone: seen.is_gone & 1 << at != 0,
            }
        })
    }

    /// Returns the names of all nodes, each with when it last told of anything.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, EventTime)> {
        self.nodes.iter().map(|node| (&*node.name, node.last))
    }

    /// Returns the same memory to be written, sharing its pages with this one.
    pub fn share(&mut self) -> Self {
        Self { nodes: self.nodes.clone(), txs: self.txs.share() }
    }

    /// Returns a node's place, giving it one when it is new and there is one left.
    fn place(&mut self, name: Option<&str>, now: EventTime) -> usize {
        let Some(name) = name else { return NODES_MAX };
        let end = (0..=NAME_BYTES_MAX.min(name.len())).rev().find(|&i| name.is_char_boundary(i));
        let name = &name[..end.unwrap_or(0)];
        let known = self.nodes.iter().position(|node| *node.name == *name);
        let place = known.unwrap_or(self.nodes.len()).min(NODES_MAX);
        match self.nodes.get_mut(place) {
            Some(node) => node.last = node.last.max(now),
            None if place < NODES_MAX => {
                self.nodes.push(TellingNode { name: name.into(), last: now })
            }
            None => {}
        }
        place
    }
}

fn key(tx: &TxId, hasher: &AccountHasher) -> u64 {
    hasher.hash(&[b"sighting", &tx.0])
}
