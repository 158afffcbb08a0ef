//! The recent transfer graph as rules read it: moves inside a window, and spans of time in words.

use crate::{
    detect::rules::REFS_MAX,
    model::{AccountKey, Chain, EventTime},
    state::Move,
};

/// How late an event may have been without hiding the moves before it.
const LATE_MAX_US: i64 = EventTime::HOUR;

/// Returns the successful moves of one asset (`None` is the native one) with a value, not before
/// `since`, newest first.
///
/// # Cost
/// Each move is a step through the graph: gate with a profile first.
pub fn recent(
    moves: impl Iterator<Item = Move>,
    token: Option<AccountKey>,
    since: EventTime,
) -> impl Iterator<Item = Move> {
    // A late event may lie between newer ones: only a move that is much too old ends the walk.
    moves.take_while(move |m| since.since(m.time) <= LATE_MAX_US).filter(move |m| {
        m.token == token && !m.is_failed && m.value > 0.0 && m.time.since(since) >= 0
    })
}

/// Returns how many different accounts are at the other end.
pub fn n_others(moves: &[Move]) -> usize {
    let mut others: Vec<AccountKey> = moves.iter().map(|m| m.other).collect();
    others.sort_unstable();
    others.dedup();
    others.len()
}

/// Returns the sum of the values.
pub fn sum(moves: &[Move]) -> f64 {
    moves.iter().fold(0.0, |sum, m| sum + f64::from(m.value))
}

/// Writes the transactions of moves as refs, as the chain's explorers show them.
///
/// Of a move from before a restore of an older image only the beginning of the id is known.
pub fn tx_refs(chain: &Chain, moves: &[Move]) -> Vec<String> {
    let text = |m: &Move| match (m.tx(), m.tx_prefix) {
        (Some(id), _) => Some(format!("tx:{}", chain.hash_text(&id))),
        (None, 0) => None,
        (None, prefix) => Some(format!("tx:0x{prefix:016x}…")),
    };
    moves.iter().take(REFS_MAX).filter_map(text).collect()
}

/// Writes a span of time, e.g. `a second` (also for what one block holds), `45 s`, `12 min`,
/// `3.5 h`, `12 days`.
pub fn span_text(us: i64) -> String {
    let us = us.max(0);
    match us {
        _ if us < 2 * EventTime::SECOND => "a second".to_owned(),
        _ if us < 2 * EventTime::MINUTE => format!("{} s", us / EventTime::SECOND),
        _ if us < 2 * EventTime::HOUR => format!("{} min", us / EventTime::MINUTE),
        _ if us < 3 * EventTime::DAY => {
            let tenths = us / (EventTime::HOUR / 10);
            match (tenths / 10, tenths % 10) {
                (hours, 0) => format!("{hours} h"),
                (hours, tenth) => format!("{hours}.{tenth} h"),
            }
        }
        _ => format!("{} days", us / EventTime::DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well() {
        let text = |s| span_text(s * EventTime::SECOND);
        assert_eq!(text(45), "45 s");
        assert_eq!(text(600), "10 min");
        assert_eq!(text(2 * 3_600), "2 h");
        assert_eq!(text(12_600), "3.5 h");
        assert_eq!(text(86_400 * 30), "30 days");
        assert_eq!(text(1), "a second");
        assert_eq!(text(0), "a second");
        assert_eq!(text(-5), "a second");
    }
}
