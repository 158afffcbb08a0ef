//! Entities of a UTXO chain: accounts that have spent together, as a bounded union-find.
//!
//! # Source
//! Common-input ownership: Meiklejohn et al., "A Fistful of Bitcoins", IMC 2013, heuristic 1.
//! Transactions that several owners may have signed unite nobody ([`UtxoTx::may_be_joint`]).

use super::edges::{Edges, Pair};
use crate::{
    model::{AccountKey, EventTime, UtxoTx},
    state::{
        accounts::profile::seconds,
        tables::{
            fixed_layout::plain,
            table::{Aged, Table},
        },
    },
};

/// Parents followed to a root. Uniting the smaller with the larger keeps paths below 20; more are
/// left only where evictions have cut a cluster again and again, and then nobody is united.
const HOPS_MAX: usize = 64;
/// Half-life of an entity's payments, in seconds: 24 h, as of the accounts' own.
const HALF_LIFE: f64 = 86_400.0;
/// Seconds between two notes that an account was of use: a day is all that eviction needs.
const TOUCH: u32 = 86_400;

/// Stands where a token does in the pairs of entities, which are apart from those of accounts.
const ENTITY: AccountKey = AccountKey(u64::MAX);

/// One account that has spent together with another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::state) struct EntityMember {
    /// Key of the account it was united under; its own for a root.
    parent: u64,
    /// Accounts under a root that have ever been united; one that was evicted and came back counts
    /// again.
    n_members: u32,
    last_used: u32,
    /// Payments of a root, decayed to `last_used`.
    paid: f32,
    /// Those to somebody it had never paid.
    paid_new: f32,
}

plain!(EntityMember { parent: u64, n_members: u32, last_used: u32, paid: f32, paid_new: f32 });

impl Aged for EntityMember {
    fn last_used(&self) -> u32 {
        self.last_used
    }
}

/// All united accounts of a chain.
///
/// A full table evicts the member longest unused of a few. What was united under an evicted account
/// stays together under its key; the evicted one is on its own until it spends together again.
pub(in crate::state) type Clusters = Table<EntityMember>;

/// What is known of the entity that an account belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entity {
    /// The account that stands for it: the root of its cluster.
    pub root: AccountKey,
    /// Accounts of it, from above: one that was evicted and came back counts again.
    pub n_members: u32,
    /// Payments to others, with a half-life of 24 h.
    pub paid_24h: f64,
    /// Those to somebody it had never paid, likewise.
    pub paid_new_24h: f64,
}

/// Returns the entity of an account that has spent together with others.
///
/// # Cost
/// One look-up for each step to the root, below 20 but for clusters cut by evictions.
pub(in crate::state) fn entity(
    clusters: &Clusters,
    account: AccountKey,
    now: EventTime,
) -> Option<Entity> {
    clusters.get(account.0)?;
    let root = find(clusters, account.0)?;
    let member = clusters.get(root).copied().unwrap_or_default();
    let weight = decay(seconds(now).saturating_sub(member.last_used));
    Some(Entity {
        root: AccountKey(root),
        n_members: member.n_members.max(2),
        paid_24h: f64::from(member.paid) * weight,
        paid_new_24h: f64::from(member.paid_new) * weight,
    })
}

/// Learns who spends together, and whom that entity pays for the first time. Called before the
/// payments enter the pairs.
pub(in crate::state) fn learn(
    clusters: &mut Clusters,
    edges: &mut Edges,
    utxo: &UtxoTx,
    payers: &[u64],
    payees: &[u64],
    now: u32,
) {
    if utxo.may_be_joint() {
        return;
    }
    let [first, others @ ..] = payers else { return };
    for other in others {
        unite(clusters, *first, *other, now);
    }
    if clusters.get(*first).is_none() {
        return;
    }
    let Some(root) = find(clusters, *first) else { return };
    for payer in payers {
        let is_stale = |m: &&EntityMember| now.saturating_sub(m.last_used) >= TOUCH;
        if *payer != root && clusters.get(*payer).filter(is_stale).is_some() {
            clusters.upsert(*payer, EntityMember::default(), |m| m.last_used = now);
        }
    }
    let (mut n, mut n_new) = (0u16, 0u16);
    for payee in payees {
        if find(clusters, *payee) == Some(root) {
            continue;
        }
        let payee = AccountKey(*payee);
        let own = edges.n_payments(Pair::new(AccountKey(*first), payee, None));
        let entity = Pair::new(AccountKey(root), payee, Some(ENTITY));
        let n_before = edges.pay(entity, now).max(own);
        n += 1;
        n_new += u16::from(n_before == 0);
    }
    clusters.upsert(root, alone(root, now), |member| {
        let weight = decay(now.saturating_sub(member.last_used)) as f32;
        member.paid = member.paid * weight + f32::from(n);
        member.paid_new = member.paid_new * weight + f32::from(n_new);
        member.last_used = member.last_used.max(now);
    });
}

/// Returns the root of an account's cluster, itself when it has none; `None` when the path is too
/// long to follow.
fn find(clusters: &Clusters, account: u64) -> Option<u64> {
    let mut at = account;
    for _ in 0..HOPS_MAX {
        match clusters.get(at) {
            Some(member) if member.parent != at => at = member.parent,
            // A root, or a parent that has been evicted: it still stands for its children.
            _ => return Some(at),
        }
    }
    None
}

/// Puts the smaller of two clusters under the root of the larger, of equals the second.
fn unite(clusters: &mut Clusters, a: u64, b: u64, now: u32) {
    let (Some(a), Some(b)) = (find(clusters, a), find(clusters, b)) else { return };
    if a == b {
        return;
    }
    let of = |root| clusters.get(root).copied().unwrap_or_else(|| alone(root, now));
    let (into, from) = if of(b).n_members > of(a).n_members { (b, a) } else { (a, b) };
    let (kept, joined) = (of(into), of(from));
    let moved =
        EntityMember { parent: into, last_used: now.max(joined.last_used), ..alone(from, now) };
    clusters.upsert(from, moved, |member| *member = moved);
    let reference = kept.last_used.max(joined.last_used);
    let weigh = |m: &EntityMember| decay(reference - m.last_used) as f32;
    let root = EntityMember {
        n_members: kept.n_members.saturating_add(joined.n_members),
        last_used: reference,
        paid: kept.paid * weigh(&kept) + joined.paid * weigh(&joined),
        paid_new: kept.paid_new * weigh(&kept) + joined.paid_new * weigh(&joined),
        ..kept
    };
    clusters.upsert(into, root, |member| *member = root);
}

/// Returns the cluster of one account.
fn alone(account: u64, now: u32) -> EntityMember {
    EntityMember { parent: account, n_members: 1, last_used: now, paid: 0.0, paid_new: 0.0 }
}

fn decay(elapsed_s: u32) -> f64 {
    libm::exp2(-f64::from(elapsed_s) / HALF_LIFE)
}
