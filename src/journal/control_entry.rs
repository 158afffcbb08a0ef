//! An entry of the control log, `txwarden.control/1`, and what makes a list of them sound.

use crate::{
    decode::Wrapping,
    model::{GroupPartition, Verdict},
};
use serde::{Deserialize, Serialize};

/// The most entries of one partition that are read: a takeover holds them in memory. A thousand
/// verdicts a day reach it in three years.
pub const ENTRIES_MAX: usize = 1 << 20;

/// The partition that entries of a topic as a whole have: no record is there.
pub const WHOLE_TOPIC: i32 = -1;

/// One entry: a JSON object, under the key `group/topic/partition`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlEntry {
    /// Always `txwarden.control/1`.
    pub schema: String,
    #[serde(flatten)]
    pub place: GroupPartition,
    /// Counts the entries of the place from 1, without gaps; 0 in those of a whole topic.
    pub n: u64,
    /// Applies before the record at this offset is folded.
    pub offset: i64,
    #[serde(flatten)]
    pub change: Change,
    /// When it was written, by the wall clock; for people only.
    pub at_ms: i64,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// Another bundle of settings and reference data is in force.
    Setup {
        /// Its hash: its name in the snapshot store.
        bundle: String,
        /// As in the alerts from here on.
        config_hash: String,
        /// The version of the program that went on with it.
        program: String,
        why: Why,
    },
    /// An analyst's verdict was learned.
    Verdict { verdict: Verdict, source: VerdictOrigin },
    /// The record at the entry's offset was set aside unread, as `crash_loop`.
    SetAside,
    /// A record of this partition shows what the records of the topic are wrapped in. Only the
    /// first such entry of a group's topic counts, whoever wrote it; a partition that goes by it
    /// says so with a setup of its own, which is all that a replay takes.
    Envelope { envelope: Wrapping, shown_in: i32 },
}

/// Why a setup came into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The group's first start on this partition.
    FirstStart,
    /// A start with other settings than before.
    Restart,
    /// The configuration was read again while running.
    Reload,
    /// A record showed what is around it, where the setting is `auto`.
    Decided,
}

/// The record of the verdict topic that an entry was made from: it is never used twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictOrigin {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

impl ControlEntry {
    /// The name and version of the body's schema.
    pub const SCHEMA: &'static str = "txwarden.control/1";

    /// Reads a record of the control topic.
    ///
    /// # Errors
    /// A sentence, when it is no entry or one of a newer version.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let entry: Self = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        match entry.schema == Self::SCHEMA {
            true => Ok(entry),
            false => Err(format!("schema {} is not {}", entry.schema, Self::SCHEMA)),
        }
    }

    /// Returns the Kafka key: all entries of a place are in one partition, in order.
    pub fn key(&self) -> String {
        self.place.to_string()
    }
}

/// Checks the entries of one place: none is missing, doubled, or out of place.
///
/// # Errors
/// A sentence for the operator that names the first wrong entry.
pub fn check(place: &GroupPartition, entries: &[ControlEntry]) -> Result<(), String> {
    let wrong = |what: String| {
        Err(format!(
            "the control log of {place} is not what was written: {what}; restore its records from \
             a copy of the topic, or start a new group"
        ))
    };
    let mut before = i64::MIN;
    for (entry, n) in entries.iter().zip(1u64..) {
        if entry.n != n {
            return wrong(format!("entry {} stands where entry {n} should be", entry.n));
        }
        // A setup may go back: with it the history of a new log begins.
        if entry.offset < before && matches!(entry.change, Change::Verdict { .. }) {
            return wrong(format!("entry {n} applies before the one in front of it"));
        }
        before = entry.offset;
    }
    match entries.first().map(|entry| &entry.change) {
        Some(Change::Verdict { .. } | Change::SetAside | Change::Envelope { .. }) => {
            wrong("it does not begin with a setup".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Judgement;

    fn place() -> GroupPartition {
        GroupPartition { group: "g".to_owned(), topic: "t".to_owned(), partition: 3 }
    }

    fn entry(n: u64, offset: i64) -> ControlEntry {
        let change = Change::Setup {
            bundle: "b".to_owned(),
            config_hash: "c".to_owned(),
            program: "0.1.0".to_owned(),
            why: Why::Reload,
        };
        ControlEntry {
            schema: ControlEntry::SCHEMA.to_owned(),
            place: place(),
            n,
            offset,
            change,
            at_ms: 5,
        }
    }

    fn verdict(n: u64, offset: i64) -> ControlEntry {
        let verdict = Verdict {
            schema: Verdict::SCHEMA.to_owned(),
            alert_id: None,
            subject: "eip155:1:0xab".to_owned(),
            verdict: Judgement::Benign,
            analyst: "ann".to_owned(),
            weight: 0.1,
            time_ms: 1,
            until_ms: None,
            note: Some("ours".to_owned()),
        };
        let source = VerdictOrigin { topic: "v".to_owned(), partition: 0, offset: 9 };
        ControlEntry { change: Change::Verdict { verdict, source }, ..entry(n, offset) }
    }

    #[test]
    fn an_entry_survives_the_topic() {
        for entry in [entry(1, 7), verdict(2, 8)] {
            let text = serde_json::to_string(&entry).unwrap();
            assert_eq!(ControlEntry::parse(text.as_bytes()), Ok(entry.clone()), "{text}");
            assert_eq!(entry.key(), "g/t/3");
            assert!(
                ControlEntry::parse(text.replace("control/1", "control/2").as_bytes()).is_err()
            );
        }
        let text = serde_json::to_string(&entry(1, 7)).unwrap();
        assert!(text.contains(r#""kind":"setup","bundle":"b""#), "{text}");
        assert!(ControlEntry::parse(text.replace("setup", "later").as_bytes()).is_err());
    }

    #[test]
    fn a_gap_a_double_and_a_swap_are_named() {
        assert_eq!(check(&place(), &[]), Ok(()));
        assert_eq!(check(&place(), &[entry(1, 0), verdict(2, 0), entry(3, 9)]), Ok(()));
        for (entries, what) in [
            (vec![entry(1, 0), entry(3, 9)], "entry 3 stands where entry 2"),
            (vec![entry(2, 0)], "entry 2 stands where entry 1"),
            (vec![entry(1, 0), entry(1, 0)], "entry 1 stands where entry 2"),
            (vec![entry(1, 5), verdict(2, 4)], "entry 2 applies before"),
            (vec![verdict(1, 5)], "does not begin with a setup"),
        ] {
            let said = check(&place(), &entries).unwrap_err();
            assert!(said.contains(what) && said.contains("g/t/3"), "{said}");
        }
    }
}
