//! Alerts that can still change: confirmed by depth, retracted by a reorg, revised by repeats.

use super::pending::{PendingAlerts, PendingClaim};
use crate::model::{Alert, AlertId, BlockHash};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use std::{collections::BTreeMap, sync::Arc};

/// An alert and what its fate depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::triage) struct OpenAlert {
    /// The newest revision, shared with frozen copies. JSON inside the snapshot, because the wire
    /// format skips absent fields.
    #[serde(serialize_with = "to_json", deserialize_with = "from_json")]
    pub(in crate::triage) alert: Arc<Alert>,
    pub(in crate::triage) height: Option<u64>,
    pub(in crate::triage) block: Option<BlockHash>,
    /// What it hung on while its transaction was pending: it may be so again after a reorg.
    pub(in crate::triage) claim: Option<PendingClaim>,
    /// Counts all alerts in the order in which they were first raised.
    number: u64,
}

impl OpenAlert {
    /// Makes an entry for an alert that is about to be remembered.
    pub(in crate::triage) fn new(alert: Arc<Alert>) -> Self {
        Self { alert, height: None, block: None, claim: None, number: 0 }
    }
}

/// How far the block of an alert has been buried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::triage) enum AlertStage {
    Included,
    Confirmed,
    Final,
}

/// Open alerts by id, by age, and by height and stage or as pending; when full the oldest are
/// forgotten and stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::triage) struct OpenAlerts {
    by_id: BTreeMap<AlertId, OpenAlert>,
    by_age: BTreeMap<u64, AlertId>,
    n_ever: u64,
    /// By stage and height.
    buried: [BTreeMap<u64, Vec<AlertId>>; 3],
    pub(in crate::triage) pending: PendingAlerts,
}

impl OpenAlerts {
    pub(in crate::triage) fn get_mut(&mut self, id: AlertId) -> Option<&mut OpenAlert> {
        self.by_id.get_mut(&id)
    }

    /// Remembers an alert that was just raised or reinstated.
    pub(in crate::triage) fn insert(&mut self, id: AlertId, mut open: OpenAlert, open_max: usize) {
        open.number = self.by_id.get(&id).map_or(self.n_ever, |known| known.number);
        if open.number == self.n_ever {
            self.by_age.insert(open.number, id);
            self.n_ever += 1;
        }
        self.pending.remove(id);
        match (open.height, &open.claim) {
            (Some(height), _) => self.bury(id, height, AlertStage::Included),
            (None, Some(claim)) => self.pending.insert(id, claim.clone()),
            (None, None) => {}
        }
        self.by_id.insert(id, open);
        self.shrink_to(open_max);
    }

    /// Notes how far the block of an alert has been buried.
    pub(in crate::triage) fn bury(&mut self, id: AlertId, height: u64, stage: AlertStage) {
        self.buried[stage as usize].entry(height).or_default().push(id);
    }

    /// Forgets the oldest beyond a bound.
    pub(in crate::triage) fn shrink_to(&mut self, open_max: usize) {
        while self.by_id.len() > open_max {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.by_id.remove(&oldest);
            self.pending.remove(oldest);
        }
    }

    /// Returns the ids of a stage up to `height`, lowest block first: they leave the stage.
    pub(in crate::triage) fn take_buried(
        &mut self,
        stage: AlertStage,
        height: u64,
    ) -> Vec<(u64, AlertId)> {
        let stage = &mut self.buried[stage as usize];
        let mut later = stage.split_off(&(height + 1));
        std::mem::swap(&mut later, stage);
        later
            .into_iter()
            .flat_map(|(height, ids)| ids.into_iter().map(move |id| (height, id)))
            .collect()
    }

    /// Returns the ids whose block is among `blocks`, lowest block first, then oldest first.
    pub(in crate::triage) fn in_blocks(&self, blocks: &[BlockHash]) -> Vec<AlertId> {
        let mut found: Vec<(Option<u64>, AlertId)> = self
            .by_age
            .values()
            .filter_map(|id| {
                let open = self.by_id.get(id)?;
                blocks.contains(&open.block?).then_some((open.height, *id))
            })
            .collect();
        found.sort_by_key(|(height, _)| *height);
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// Forgets alerts of blocks below `height`: no reorg can reach them any more.
    pub(in crate::triage) fn forget_below(&mut self, height: u64) {
        let Some(height) = height.checked_sub(1) else { return };
        for stage in [AlertStage::Included, AlertStage::Confirmed, AlertStage::Final] {
            for (buried_at, id) in self.take_buried(stage, height) {
                // Orphaned and included again, it is in a later block as well.
                if self.by_id.get(&id).is_some_and(|open| open.height == Some(buried_at)) {
                    self.forget(id);
                }
            }
        }
    }

    /// Forgets an alert, which stays as it is.
    pub(in crate::triage) fn forget(&mut self, id: AlertId) {
        self.pending.remove(id);
        if let Some(open) = self.by_id.remove(&id) {
            self.by_age.remove(&open.number);
        }
    }

    /// Returns the newest revisions, oldest alert first.
    pub(in crate::triage) fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.by_age.values().filter_map(|id| self.by_id.get(id).map(|open| &*open.alert))
    }

    pub(in crate::triage) fn len(&self) -> usize {
        self.by_id.len()
    }
}

fn to_json<S: Serializer>(alert: &Arc<Alert>, s: S) -> Result<S::Ok, S::Error> {
    serde_json::to_string(&**alert).map_err(S::Error::custom)?.serialize(s)
}

fn from_json<'de, D: Deserializer<'de>>(d: D) -> Result<Arc<Alert>, D::Error> {
    serde_json::from_str(&String::deserialize(d)?).map(Arc::new).map_err(D::Error::custom)
}
