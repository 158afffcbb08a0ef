//! Pending transactions: who has seen them, and what a block or the lack of one does to alerts.

use crate::{
    detect::Scene,
    model::{
        Alert, Body, Chain, Corroboration, Event, EventTime, Observation, Quality, Retraction,
        RetractionReason, Step, Tx, TxId,
    },
    state::State,
    triage::{Coordinates, Included, Pending, Triage},
};

/// What is done to open alerts for an event.
pub(super) struct Tending<'a> {
    pub chain: &'a Chain,
    pub state: &'a State,
    pub triage: &'a mut Triage,
    /// The newest event time of the stream.
    pub now: EventTime,
    /// Within which other nodes are expected to tell of a transaction, in milliseconds.
    pub corroborate_ms: i64,
    pub at: &'a Coordinates,
    pub alerts: &'a mut Vec<Alert>,
}

impl Tending<'_> {
    /// Brings open alerts up to what an event says of pending transactions, after it was scored.
    pub fn tend(&mut self, event: &Event) {
        match &event.body {
            Body::Tx(tx) if tx.inclusion.is_some() => self.on_included(event, tx),
            Body::Observation(o) => self.on_observation(event, o),
            Body::Block(block) if block.step == Step::Final => {
                if let Some(height) = block.height {
                    self.triage.finalise(height, self.at, self.alerts);
                }
            }
            _ => {}
        }
        // The clock of blocks may be hours ahead or behind: nodes are expected by their own.
        if is_of_mempool(&event.body) {
            let span_ms = self.corroborate_ms;
            while let Some((id, tx)) = self.triage.next_check(event.time) {
                let nodes = corroboration(self.state, &tx, event.time, span_ms);
                self.triage.corroborate(id, nodes, self.at, self.alerts);
            }
        }
        // A source that has never told of a block cannot tell that one came without them.
        if self.state.tip_height().is_some() {
            self.triage.expire(self.now, self.at, self.alerts);
        }
    }

    /// Does the same for an event that repeats what is known: only nodes can tell something by it.
    pub fn tend_again(&mut self, event: &Event) {
        if is_of_mempool(&event.body) {
            self.tend(event);
        }
    }

    fn on_included(&mut self, event: &Event, tx: &Tx) {
        let is_believed = !event.quality.contains(Quality::MISPLACED);
        let is_needed = is_believed && self.triage.n_pending() > 0;
        let Some(inclusion) = tx.inclusion.filter(|_| is_needed) else { return };
        let chain = self.chain;
        let block = inclusion.block.map(|block| chain.hash_text(&block));
        let span_ms = self.corroborate_ms;
        let included = Included {
            tx: tx.id,
            inclusion,
            time: event.time,
            block: block.as_deref(),
            is_failed: tx.is_failed(),
            corroboration: corroboration(self.state, &tx.id, event.time, span_ms),
        };
        self.triage.include(&included, self.at, self.alerts);
        // Who signed the rival has proven it; else its block must.
        let is_proven = event.quality.contains(Quality::SENDER_VERIFIED);
        if !is_proven && !self.state.is_place_proven(event) {
            return;
        }
        let by = chain.hash_text(&tx.id);
        self.triage.contradict(&tx.id, self.state.conflict_keys(tx), &by, self.at, self.alerts);
    }

    /// Takes alerts back once every node that had a transaction has dropped it.
    fn on_observation(&mut self, event: &Event, seen: &Observation) {
        if seen.phase.is_presence() || self.state.sightings(&seen.tx).any(|s| !s.is_gone) {
            return;
        }
        let (reason, by) = match (&seen.replaced_by, &seen.node) {
            (Some(tx), _) => (RetractionReason::Contradiction, self.chain.hash_text(tx)),
            (None, Some(node)) => (RetractionReason::Expired, format!("dropped by {node}")),
            (None, None) => (RetractionReason::Expired, "dropped from the mempool".to_owned()),
        };
        let span_ms = self.corroborate_ms;
        let nodes = corroboration(self.state, &seen.tx, event.time, span_ms);
        let retraction = Retraction { reason, by };
        self.triage.drop_pending(&seen.tx, &retraction, &nodes, self.at, self.alerts);
    }
}

/// Returns whether an event tells of a mempool and not of a block.
fn is_of_mempool(body: &Body) -> bool {
    match body {
        Body::Tx(tx) => tx.inclusion.is_none(),
        Body::Observation(_) => true,
        _ => false,
    }
}

/// Describes a scene's transaction as far as alerts depend on its being pending.
pub(super) fn pending(scene: &Scene<'_>, tx: &Tx) -> Option<Pending> {
    let keys = || scene.state.conflict_keys(tx).take(crate::triage::KEYS_MAX).collect();
    scene.state.is_pending(tx).then(|| Pending { tx: tx.id, keys: keys() })
}

/// Says which nodes have seen a transaction while it was pending, and which of those that have told
/// of anything since have not, once they have had the time to.
pub(super) fn corroboration(
    state: &State,
    tx: &TxId,
    now: EventTime,
    span_ms: i64,
) -> Vec<Corroboration> {
    let mut nodes = Vec::new();
    let mut first: Option<EventTime> = None;
    for seen in state.sightings(tx) {
        first = Some(first.map_or(seen.first, |first| first.min(seen.first)));
        let Some(node) = seen.node else { continue };
        let phase = if seen.is_gone { "removed" } else { "admitted" };
        nodes.push(Corroboration {
            node: node.to_owned(),
            seen_ms: seen.first.millis(),
            phase: phase.to_owned(),
            agrees: !seen.is_gone,
        });
    }
    let Some(first) = first.filter(|first| now.since(*first) >= span_ms.saturating_mul(1_000))
    else {
        return nodes;
    };
    // A node that has been silent since says nothing by its silence.
    for (node, last) in state.nodes().filter(|(_, last)| *last > first) {
        if nodes.iter().all(|known| known.node != node) {
            nodes.push(Corroboration {
                node: node.to_owned(),
                seen_ms: last.millis(),
                phase: "unseen".to_owned(),
                agrees: false,
            });
        }
    }
    nodes
}
