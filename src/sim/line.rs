//! What the simulator hands out: lines of exporter JSON, and the truth about them.

use crate::model::{EventTime, Family, Reference};
use serde::Serialize;

/// One record as an exporter would put it on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub family: Family,
    /// The topic it belongs on, one per chain: see [`topic`].
    pub topic: &'static str,
    pub event_time: EventTime,
    /// ethereum-etl or bitcoin-etl JSON.
    pub json: String,
    /// The transactions it carries, for counting: 1 or 0.
    pub n_transactions: u32,
    /// Index into [`Truth::incidents`] when the record is part of a planted incident.
    pub incident: Option<usize>,
    /// Seen in the memory pool only: the record has no block and so no time of its own.
    pub is_pending: bool,
}

/// Returns the topic that the simulator proposes for a family.
pub fn topic(family: Family) -> &'static str {
    match family {
        Family::Evm => "sim.evm.v1",
        Family::Utxo => "sim.utxo.v1",
    }
}

/// One planted incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Planted {
    /// The incident's line in `incident::TABLE`.
    pub name: &'static str,
    pub family: Family,
    /// The rule ids that should notice; `score` is the statistical lane. One is enough.
    pub detectors: &'static [&'static str],
    /// Transaction ids, hex without 0x, in order of appearance.
    pub tx_ids: Vec<String>,
    /// Accounts (and for reorganisations block hashes) the incident is about, as alerts show them.
    pub subjects: Vec<String>,
    /// Event time of the first record, in milliseconds.
    pub first_ms: i64,
    pub last_ms: i64,
    /// Records that carry it.
    pub n_records: u64,
}

/// What is true about a scenario; complete once its lines have been drained.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    pub incidents: Vec<Planted>,
    /// Prices, labels and a watch list that fit the simulated population.
    pub reference: Reference,
    pub n_transactions: u64,
}

impl Truth {
    /// Notes that a record with an incident's transaction has been handed out.
    pub(super) fn note(&mut self, incident: usize, tx_id: Option<String>, time: EventTime) {
        let planted = &mut self.incidents[incident];
        if planted.n_records == 0 {
            planted.first_ms = time.millis();
        }
        planted.n_records += 1;
        planted.last_ms = time.millis();
        if let Some(id) = tx_id
            && planted.tx_ids.last() != Some(&id)
        {
            planted.tx_ids.push(id);
        }
    }
}
