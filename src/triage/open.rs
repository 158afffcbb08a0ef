//! Alerts that can still change: confirmed by depth, retracted by a reorg, revised by repeats.

use crate::model::{Alert, AlertId, BlockHash};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// An alert and what its fate depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Open {
    /// The newest revision, shared with frozen copies. JSON inside the snapshot, because the wire
    /// format skips absent fields.
    #[serde(serialize_with = "to_json", deserialize_with = "from_json")]
    pub(super) alert: Arc<Alert>,
    pub(super) height: Option<u64>,
    pub(super) block: Option<BlockHash>,
}

/// Open alerts by id, by height and by age; when full the oldest are forgotten and stay as they
/// are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct OpenAlerts {
    by_id: BTreeMap<AlertId, Open>,
    order: VecDeque<AlertId>,
    /// Included and not yet confirmed.
    unconfirmed: BTreeMap<u64, Vec<AlertId>>,
}

impl OpenAlerts {
    pub(super) fn get_mut(&mut self, id: AlertId) -> Option<&mut Open> {
        self.by_id.get_mut(&id)
    }

    /// Remembers an alert that was just raised or reinstated.
    pub(super) fn insert(&mut self, id: AlertId, open: Open, open_max: usize) {
        if let Some(height) = open.height {
            self.unconfirmed.entry(height).or_default().push(id);
        }
        if self.by_id.insert(id, open).is_none() {
            self.order.push_back(id);
        }
        self.shrink_to(open_max);
    }

    /// Forgets the oldest beyond a bound.
    pub(super) fn shrink_to(&mut self, open_max: usize) {
        while self.by_id.len() > open_max {
            let Some(oldest) = self.order.pop_front() else { break };
            self.by_id.remove(&oldest);
        }
    }

    /// Returns the ids that `height` confirms, lowest block first.
    pub(super) fn take_confirmed(&mut self, height: u64) -> Vec<AlertId> {
        let mut later = self.unconfirmed.split_off(&(height + 1));
        std::mem::swap(&mut later, &mut self.unconfirmed);
        later.into_values().flatten().collect()
    }

    /// Returns the ids whose block is among `blocks`, lowest block first, then oldest first.
    pub(super) fn in_blocks(&self, blocks: &[BlockHash]) -> Vec<AlertId> {
        let mut found: Vec<(Option<u64>, AlertId)> = self
            .order
            .iter()
            .filter_map(|id| {
                let open = self.by_id.get(id)?;
                blocks.contains(&open.block?).then_some((open.height, *id))
            })
            .collect();
        found.sort_by_key(|(height, _)| *height);
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// Forgets alerts of blocks below `height`: no reorg can reach them any more.
    pub(super) fn forget_below(&mut self, height: u64) {
        while let Some(oldest) = self.order.front() {
            match self.by_id.get(oldest) {
                Some(open) if open.height.is_none_or(|h| h >= height) => break,
                _ => {}
            }
            if let Some(oldest) = self.order.pop_front() {
                self.by_id.remove(&oldest);
            }
        }
    }

    /// Returns the newest revisions, oldest alert first.
    pub(super) fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.order.iter().filter_map(|id| self.by_id.get(id).map(|open| &*open.alert))
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }
}

fn to_json<S: Serializer>(alert: &Arc<Alert>, s: S) -> Result<S::Ok, S::Error> {
    serde_json::to_string(&**alert).map_err(S::Error::custom)?.serialize(s)
}

fn from_json<'de, D: Deserializer<'de>>(d: D) -> Result<Arc<Alert>, D::Error> {
    serde_json::from_str(&String::deserialize(d)?).map(Arc::new).map_err(D::Error::custom)
}
