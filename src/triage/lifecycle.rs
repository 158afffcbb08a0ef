//! What becomes of open alerts: buried by depth, orphaned, included, contradicted, given up.

pub(super) mod open;
pub(super) mod pending;

use super::{Coordinates, Triage};
use crate::model::{
    Alert, AlertId, BlockHash, Corroboration, EventTime, Inclusion, Retraction, RetractionReason,
    Status, TxBlock, TxId,
};
use open::AlertStage;
use pending::PendingClaim;

/// Deepest reorg that can still retract: the journal's bound.
const REORG_DEPTH_MAX: u64 = 256;
/// Microseconds of a millisecond.
const MS: i64 = 1_000;

/// A transaction that came in a block.
#[derive(Clone, Debug)]
pub struct Included<'a> {
    pub tx: TxId,
    pub inclusion: Inclusion,
    pub time: EventTime,
    /// The block's hash as it is shown.
    pub block: Option<&'a str>,
    /// It is known to have moved nothing.
    pub is_failed: bool,
    pub corroboration: Vec<Corroboration>,
}

impl Triage {
    /// Moves the tip: alerts buried deep enough are confirmed, and later final.
    pub fn advance(&mut self, tip_height: u64, at: &Coordinates, out: &mut Vec<Alert>) {
        if tip_height <= self.tip_height {
            return;
        }
        self.tip_height = tip_height;
        if let Some(height) = tip_height.checked_sub(self.depths.n_confirmations) {
            self.settle_to(AlertStage::Included, height, at, out);
        }
        if let Some(height) = tip_height.checked_sub(self.depths.n_final) {
            self.settle_to(AlertStage::Confirmed, height, at, out);
        }
        self.open.forget_below(tip_height.saturating_sub(REORG_DEPTH_MAX));
    }

    /// Makes alerts final up to a height: a node has declared its block so.
    pub fn finalise(&mut self, height: u64, at: &Coordinates, out: &mut Vec<Alert>) {
        self.settle_to(AlertStage::Included, height, at, out);
        self.settle_to(AlertStage::Confirmed, height, at, out);
    }

    /// Takes alerts up to a height out of a stage and into the next.
    fn settle_to(
        &mut self,
        stage: AlertStage,
        height: u64,
        at: &Coordinates,
        out: &mut Vec<Alert>,
    ) {
        let (next, before, after) = match stage {
            AlertStage::Included => (AlertStage::Confirmed, Status::Provisional, Status::Confirmed),
            AlertStage::Confirmed | AlertStage::Final => {
                (AlertStage::Final, Status::Confirmed, Status::Final)
            }
        };
        for (buried_at, id) in self.open.take_buried(stage, height) {
            // One that was orphaned may be in another block now, where its own turn will come.
            if self.open.get_mut(id).is_none_or(|open| open.height != Some(buried_at)) {
                continue;
            }
            self.open.bury(id, buried_at, next);
            self.revise(id, at, out, |alert| {
                // One that was retracted meanwhile stays retracted.
                let is_there = alert.status == before;
                if is_there {
                    alert.set_status(after);
                }
                is_there
            });
        }
    }

    /// Takes back the alerts of orphaned blocks.
    pub fn retract(
        &mut self,
        blocks: &[BlockHash],
        by: &str,
        at: &Coordinates,
        out: &mut Vec<Alert>,
    ) {
        for id in self.open.in_blocks(blocks) {
            self.take_back(id, RetractionReason::Reorg, by, at, out);
            // What was seen pending may come in another block: then the alert is true again.
            let Some(open) = self.open.get_mut(id) else { continue };
            if let Some(claim) = open.claim.clone() {
                (open.height, open.block) = (None, None);
                self.open.pending.insert(id, claim);
            }
        }
        // The chain is shorter now; the same heights will come again.
        self.tip_height = 0;
    }

    /// Moves alerts on a pending transaction into the block that it came in: the same alerts, one
    /// revision further. Those that a lane has raised anew are there already.
    ///
    /// A transaction that failed moved nothing: it contradicts what its pending body promised.
    pub fn include(&mut self, included: &Included<'_>, at: &Coordinates, out: &mut Vec<Alert>) {
        let Inclusion { height, block, index } = included.inclusion;
        let until = included.time.plus(self.params.pending_max_ms.saturating_mul(MS));
        for id in self.open.pending.of(&included.tx) {
            self.open.pending.remove(id);
            let Some(open) = self.open.get_mut(id) else { continue };
            (open.height, open.block) = (Some(height), block);
            // Should the block be orphaned, the wait begins anew.
            open.claim.iter_mut().for_each(|claim| claim.until = until);
            self.open.bury(id, height, AlertStage::Included);
            self.revise(id, at, out, |alert| {
                let was_retracted = alert.status == Status::Retracted;
                if let Some(tx) = &mut alert.tx {
                    let (hash, finality) = (included.block.map(str::to_owned), alert.status);
                    tx.block = Some(TxBlock { height, hash, finality });
                    tx.index = index;
                }
                for seen in &included.corroboration {
                    match alert.corroboration.iter_mut().find(|c| c.node == seen.node) {
                        Some(known) => known.clone_from(seen),
                        None => alert.corroboration.push(seen.clone()),
                    }
                }
                if included.is_failed {
                    let by = included.block.map_or_else(|| height.to_string(), str::to_owned);
                    retract(alert, RetractionReason::Contradiction, &by);
                    return !was_retracted;
                }
                alert.set_status(Status::Provisional);
                alert.retraction = None;
                true
            });
        }
    }

    /// Takes back the alerts on pending transactions that can no longer happen, because another
    /// one that claims the same is in a block.
    pub fn contradict(
        &mut self,
        tx: &TxId,
        keys: impl Iterator<Item = u64>,
        by: &str,
        at: &Coordinates,
        out: &mut Vec<Alert>,
    ) {
        if self.open.pending.is_empty() {
            return;
        }
        for id in self.open.pending.rivals(tx, keys) {
            self.take_back(id, RetractionReason::Contradiction, by, at, out);
        }
    }

    /// Takes back the alerts on a pending transaction that every node has dropped.
    pub fn drop_pending(
        &mut self,
        tx: &TxId,
        retraction: &Retraction,
        nodes: &[Corroboration],
        at: &Coordinates,
        out: &mut Vec<Alert>,
    ) {
        for id in self.open.pending.of(tx) {
            if let Some(open) = self.open.get_mut(id) {
                std::sync::Arc::make_mut(&mut open.alert).corroboration = nodes.to_vec();
            }
            self.take_back(id, retraction.reason, &retraction.by, at, out);
        }
    }

    /// Gives up alerts on transactions that have been pending for too long; after as long again
    /// they are forgotten.
    pub fn expire(&mut self, now: EventTime, at: &Coordinates, out: &mut Vec<Alert>) {
        for id in self.open.pending.due(now) {
            let Some(open) = self.open.get_mut(id) else { continue };
            if open.alert.status == Status::Retracted {
                self.open.forget(id);
                continue;
            }
            let span_ms = self.params.pending_max_ms;
            if let Some(claim) = open.claim.clone() {
                let until = now.plus(span_ms.saturating_mul(MS));
                self.open.pending.insert(id, PendingClaim { until, ..claim });
            }
            let by = format!("no block within {} h", span_ms / 3_600_000);
            self.take_back(id, RetractionReason::Expired, &by, at, out);
        }
    }

    /// Returns an alert on a pending transaction about which all nodes have had the time to tell.
    pub fn next_check(&mut self, now: EventTime) -> Option<(AlertId, TxId)> {
        self.checks.pop_due(now)
    }

    /// Says which nodes have seen an alert's transaction, if that is news.
    pub fn corroborate(
        &mut self,
        id: AlertId,
        nodes: Vec<Corroboration>,
        at: &Coordinates,
        out: &mut Vec<Alert>,
    ) {
        self.revise(id, at, out, |alert| {
            let is_news = alert.corroboration != nodes && alert.status != Status::Retracted;
            if is_news {
                alert.corroboration = nodes;
            }
            is_news
        });
    }

    fn take_back(
        &mut self,
        id: AlertId,
        reason: RetractionReason,
        by: &str,
        at: &Coordinates,
        out: &mut Vec<Alert>,
    ) {
        self.cool_downs.end(id);
        self.revise(id, at, out, |alert| {
            let is_news = alert.status != Status::Retracted;
            if is_news {
                retract(alert, reason, by);
            }
            is_news
        });
    }
}

fn retract(alert: &mut Alert, reason: RetractionReason, by: &str) {
    alert.set_status(Status::Retracted);
    alert.retraction = Some(Retraction { reason, by: by.to_owned() });
}
