//! Who has been alerted about lately: one entry a subject and lane, in event time, bounded.

use crate::model::{AlertId, EventTime};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// The alert that repeats fold into.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CoolDown {
    pub(super) alert: AlertId,
    pub(super) since: EventTime,
}

/// Cool-downs by (subject, lane) hash; when full the oldest leave first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct CoolDowns {
    entries: BTreeMap<u64, CoolDown>,
    order: VecDeque<(u64, AlertId)>,
}

impl CoolDowns {
    /// Returns the running cool-down of a key at `now`, if there is one.
    pub(super) fn get(&self, key: u64, now: EventTime, cool_down_ms: i64) -> Option<CoolDown> {
        let entry = *self.entries.get(&key)?;
        (now.since(entry.since) < cool_down_ms.saturating_mul(1_000)).then_some(entry)
    }

    /// Starts a cool-down, replacing an expired one.
    pub(super) fn start(&mut self, key: u64, entry: CoolDown, entries_max: usize) {
        self.entries.insert(key, entry);
        self.order.push_back((key, entry.alert));
        self.shrink_to(entries_max);
    }

    /// Forgets the oldest beyond a bound.
    pub(super) fn shrink_to(&mut self, entries_max: usize) {
        while self.order.len() > entries_max {
            if let Some((key, alert)) = self.order.pop_front() {
                // Only if the key was not started again since.
                if self.entries.get(&key).is_some_and(|e| e.alert == alert) {
                    self.entries.remove(&key);
                }
            }
        }
    }

    /// Ends the cool-down that an alert started: the alert is no longer true.
    pub(super) fn end(&mut self, alert: AlertId) {
        self.entries.retain(|_, e| e.alert != alert);
    }
}
