//! Where a partition's engine starts, and how a rebuilt state proves that it is the old one.

use super::{
    super::OnLostHistory,
    progress::{Progress, Recorded},
};
use crate::source::kafka::{Start, TopicPartition};

/// What is known about a partition when it is taken over.
pub struct Facts<'a> {
    pub at: &'a TopicPartition,
    pub group: &'a str,
    /// The committed offset and its metadata.
    pub committed: Option<(i64, String)>,
    /// The first offset of the log, and the next to be written.
    pub bounds: (i64, i64),
    pub start: Option<Start>,
    pub on_lost_history: OnLostHistory,
}

/// Where to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// A group's first start, from where its `start` says.
    First(Start),
    /// Fold from `start` without emitting, and go live at `live_at`.
    Resume {
        start: i64,
        live_at: i64,
        /// What the rebuilt state must agree with.
        recorded: Option<Recorded>,
    },
}

/// Decides where to start.
///
/// # Errors
/// A sentence for the operator, when starting would lose or repeat records silently.
pub fn plan(facts: Facts<'_>) -> Result<Plan, String> {
    let Facts { at: TopicPartition { topic, partition }, group, bounds: (low, high), .. } = facts;
    let Some((committed, metadata)) = facts.committed else {
        return facts.start.map(Plan::First).ok_or_else(|| {
            format!(
                "group {group} has no committed offset for topic {topic} partition {partition}: \
                 the first start of a group needs start: (earliest, latest or a time); if this \
                 is not its first start, the offsets were lost: restore them with \
                 kafka-consumer-groups --reset-offsets"
            )
        });
    };
    let is_lenient = facts.on_lost_history == OnLostHistory::Continue;
    if committed > high {
        if is_lenient {
            return Ok(Plan::Resume { start: low, live_at: low, recorded: None });
        }
        return Err(format!(
            "group {group} has committed offset {committed} for topic {topic} partition \
             {partition}, but its log ends at {high}: the topic was deleted or truncated; use \
             another group, or on_lost_history: continue to read what is there"
        ));
    }
    let recorded = Recorded::parse(&metadata);
    let start = recorded.as_ref().map_or(low, |p| p.start).min(committed);
    if start >= low {
        return Ok(Plan::Resume { start, live_at: committed, recorded });
    }
    if is_lenient {
        return Ok(Plan::Resume { start: low, live_at: committed.max(low), recorded: None });
    }
    Err(format!(
        "topic {topic} partition {partition} starts at offset {low}, but group {group} started \
         at {start} and its state cannot be rebuilt from what is left: raise the topic's \
         retention, or set on_lost_history: continue to go on with a shorter history"
    ))
}

/// Compares a rebuilt state with what was recorded when it was first built.
///
/// # Errors
/// A sentence for the operator, when the same setup gave another answer.
pub fn verify(at: &TopicPartition, ours: &Progress, recorded: &Recorded) -> Result<(), String> {
    let is_comparable = (&ours.setup, &ours.version) == (&recorded.setup, &recorded.version);
    if !is_comparable {
        tracing::warn!(
            topic = at.topic,
            partition = at.partition,
            before = recorded.setup,
            now = ours.setup,
            alerts_before = recorded.seq,
            alerts_now = ours.seq,
            "settings or version changed since the last commit: history was judged anew"
        );
        return Ok(());
    }
    if ours.seq == recorded.seq {
        return Ok(());
    }
    Err(format!(
        "rebuilding topic {} partition {} from offset {} gave {} alerts, but {} were written \
         under the same settings ({}) and version ({}): the log has changed (compaction, or \
         records deleted); compare the alert topic with a replay, then use another group",
        at.topic, at.partition, recorded.start, ours.seq, recorded.seq, ours.setup, ours.version
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(seq: u64) -> Progress {
        let (setup, version) = ("abcd".to_owned(), "0.1.0".to_owned());
        Progress { start: 100, seq, setup, version, ..Progress::default() }
    }

    fn recorded(seq: u64) -> Recorded {
        Recorded::parse(&progress(seq).render()).unwrap()
    }

    fn planned(
        committed: Option<(i64, &str)>,
        bounds: (i64, i64),
        start: Option<Start>,
        on_lost_history: OnLostHistory,
    ) -> Result<Plan, String> {
        let at = TopicPartition { topic: "t".to_owned(), partition: 0 };
        let committed = committed.map(|(offset, text)| (offset, text.to_owned()));
        plan(Facts { at: &at, group: "g", committed, bounds, start, on_lost_history })
    }

    #[test]
    fn a_start_never_guesses() {
        use OnLostHistory::{Continue, Refuse};
        let ours = progress(7).render();
        let refused = planned(None, (0, 10), None, Refuse).unwrap_err();
        assert!(refused.contains("the first start of a group needs start:"), "{refused}");
        assert_eq!(
            planned(None, (0, 10), Some(Start::Latest), Refuse),
            Ok(Plan::First(Start::Latest))
        );
        let resumed = Plan::Resume { start: 100, live_at: 150, recorded: Some(recorded(7)) };
        assert_eq!(planned(Some((150, &ours)), (90, 200), None, Refuse), Ok(resumed));
        let foreign = Plan::Resume { start: 90, live_at: 150, recorded: None };
        assert_eq!(planned(Some((150, "")), (90, 200), None, Refuse), Ok(foreign));
        for bounds in [(101, 200), (160, 200), (0, 149)] {
            assert!(planned(Some((150, &ours)), bounds, None, Refuse).is_err(), "{bounds:?}");
        }
        let shorter = Plan::Resume { start: 101, live_at: 150, recorded: None };
        assert_eq!(planned(Some((150, &ours)), (101, 200), None, Continue), Ok(shorter));
        let anew = Plan::Resume { start: 0, live_at: 0, recorded: None };
        assert_eq!(planned(Some((150, &ours)), (0, 149), None, Continue), Ok(anew));
    }

    #[test]
    fn only_the_same_settings_must_give_the_same_alerts() {
        let at = TopicPartition { topic: "t".to_owned(), partition: 0 };
        assert_eq!(verify(&at, &progress(7), &recorded(7)), Ok(()));
        assert!(verify(&at, &progress(8), &recorded(7)).unwrap_err().contains("8 alerts, but 7"));
        let other = Progress { setup: "ef".to_owned(), ..progress(8) };
        assert_eq!(verify(&at, &other, &recorded(7)), Ok(()));
    }
}
