//! Counts records of which nothing comes, so that more than a counter says it.

use crate::{
    decode::{Reason, Refuted, SkipReason},
    engine::{DeadLetter, Stats},
    ops::trouble::{Trouble, TroubleKind},
    pipeline::flood::is_format,
};

/// So many refusals by checks, or errors of a node, in a row are no coincidence.
const IN_A_ROW_MAX: u64 = 20;

/// As many undecodable records in a row as pause a partition where the settings say so.
const UNDECODABLE_MAX: u64 = 100;

/// So many skipped records in a row are worth a word: some topics hold nothing else for a while.
const SKIPPED_MAX: u64 = 1_000;

/// Records in one window: some refusals among them may be each block of an exporter whose
/// transactions are records of their own.
const WINDOW: u64 = 10_000;

/// The kinds that are told from these counts.
pub const KINDS: [TroubleKind; 6] = [
    TroubleKind::Paused,
    TroubleKind::Refused,
    TroubleKind::NodeErrors,
    TroubleKind::Undecodable,
    TroubleKind::Skipped,
    TroubleKind::Unverified,
];

/// The counts of one partition, in records and never in time.
#[derive(Clone, Debug, Default)]
pub struct Fruitless {
    /// What became of the newest records, all alike, and how many they are.
    run: Option<(TroubleKind, u64)>,
    n_decoded: u64,
    n_errors: u64,
    /// Of the newest dead letter of the record that is being folded.
    reason: Option<Reason>,
    /// Of the window: records, and those that a check refused.
    n_in_window: u64,
    n_refused: u64,
    /// Blocks that went unverified, in all; and records since the newest of them.
    n_unverified: u64,
    n_since_unverified: u64,
    /// Whether the window, or the one before, has many of them.
    is_often_refused: bool,
    /// The newest refusal by a check, and the newest of a format.
    refused: String,
    undecodable: Option<String>,
}

impl Fruitless {
    /// Notes a dead letter of the record that is being folded; returns whether it says that the
    /// format is wrong.
    pub fn note(&mut self, letter: &DeadLetter) -> bool {
        self.reason = Some(letter.reason);
        let said = || format!("{}: {}", letter.reason.as_str(), letter.detail);
        if is_check(letter.reason) {
            self.refused = said();
            self.n_refused += 1;
            self.is_often_refused |= self.n_refused >= IN_A_ROW_MAX;
        } else {
            self.undecodable = Some(said());
        }
        is_format(letter.reason)
    }

    /// Counts a record after it was folded, by its newest dead letter and by what the engine has
    /// counted; returns whether anything in it could be decoded.
    pub fn count(&mut self, stats: &Stats) -> bool {
        let n_errors = stats.skipped.get(SkipReason::NodeError.as_str()).copied().unwrap_or(0);
        let is_error = n_errors > self.n_errors;
        let is_decoded = stats.n_decoded > self.n_decoded;
        (self.n_errors, self.n_decoded) = (n_errors, stats.n_decoded);
        let unverified = Refuted::Unverified.as_str();
        let n_unverified = stats.checks_failed.get(unverified).copied().unwrap_or(0);
        self.n_since_unverified = match n_unverified > self.n_unverified {
            true => 0,
            false => self.n_since_unverified.saturating_add(1),
        };
        self.n_unverified = n_unverified;
        self.n_in_window += 1;
        if self.n_in_window >= WINDOW {
            self.is_often_refused = self.n_refused >= IN_A_ROW_MAX;
            (self.n_in_window, self.n_refused) = (0, 0);
        }
        let reason = self.reason.take();
        if is_decoded {
            self.run = None;
            return true;
        }
        let kind = match reason {
            Some(reason) if is_check(reason) => TroubleKind::Refused,
            Some(_) => TroubleKind::Undecodable,
            None if is_error => TroubleKind::NodeErrors,
            // What is skipped on purpose neither helps nor hurts what else is in a row.
            None if self.run.is_some_and(|(kind, _)| kind != TroubleKind::Skipped) => return false,
            None => TroubleKind::Skipped,
        };
        let n = self.run.filter(|(before, _)| *before == kind).map_or(0, |(_, n)| n);
        self.run = Some((kind, n + 1));
        false
    }

    /// Returns whether blocks have gone unverified of late.
    pub fn is_unverified(&self) -> bool {
        self.n_unverified > 0 && self.n_since_unverified < WINDOW
    }

    /// Returns what is wrong of one kind, if anything is.
    pub fn trouble(&self, kind: TroubleKind, is_paused: bool) -> Option<Trouble> {
        let in_a_row = self.run.filter(|(run, _)| *run == kind).map_or(0, |(_, n)| n);
        match kind {
            TroubleKind::Paused => {
                is_paused.then(|| Trouble::Paused { said: self.undecodable.clone() })
            }
            TroubleKind::Refused if in_a_row >= IN_A_ROW_MAX => {
                Some(Trouble::Refused { said: self.refused.clone(), n: in_a_row, is_all: true })
            }
            TroubleKind::Refused if self.is_often_refused => {
                let n = self.n_refused.max(IN_A_ROW_MAX);
                Some(Trouble::Refused { said: self.refused.clone(), n, is_all: false })
            }
            TroubleKind::NodeErrors if in_a_row >= IN_A_ROW_MAX => {
                Some(Trouble::NodeErrors { n: in_a_row })
            }
            TroubleKind::Skipped if in_a_row >= SKIPPED_MAX => {
                Some(Trouble::Skipped { n: in_a_row })
            }
            TroubleKind::Undecodable if in_a_row >= UNDECODABLE_MAX && !is_paused => {
                let said = self.undecodable.clone().unwrap_or_default();
                Some(Trouble::Undecodable { said, n: in_a_row })
            }
            _ => None,
        }
    }
}

/// Returns whether a reason is one of the checks that `limits.checks` has a policy for.
fn is_check(reason: Reason) -> bool {
    matches!(reason, Reason::CheckFailed | Reason::IdentityConflict)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Folds records by a letter each: `d`ecoded, refused by a `c`heck, no `f`ormat, too `l`arge, a
    /// node's `e`rror, `s`kipped.
    fn fold(fruitless: &mut Fruitless, stats: &mut Stats, records: &str) {
        for record in records.chars() {
            let reason = match record {
                'c' => Some(Reason::CheckFailed),
                'f' => Some(Reason::MissingField),
                'l' => Some(Reason::TooLarge),
                _ => None,
            };
            if let Some(reason) = reason {
                fruitless.note(&letter(reason));
            }
            stats.n_decoded += u64::from(record == 'd');
            if record == 'e' {
                *stats.skipped.entry("node_error".to_owned()).or_default() += 1;
            }
            fruitless.count(stats);
        }
    }

    fn letter(reason: Reason) -> DeadLetter {
        DeadLetter {
            schema: DeadLetter::SCHEMA.to_owned(),
            reason,
            disposition: reason.disposition(),
            detail: "hash: another one".to_owned(),
            topic: "t".to_owned(),
            partition: 0,
            offset: 0,
            part_index: 0,
            kafka_ms: None,
            format: crate::decode::Format::EvmRpc,
            envelope: "none".to_owned(),
            size: 0,
            sha256: String::new(),
            head_b64: String::new(),
            key_b64: None,
        }
    }

    fn told(records: &str) -> Vec<Trouble> {
        let (mut fruitless, mut stats) = (Fruitless::default(), Stats::default());
        fold(&mut fruitless, &mut stats, records);
        KINDS.into_iter().filter_map(|kind| fruitless.trouble(kind, false)).collect()
    }

    #[test]
    fn what_comes_in_a_row_is_told_until_something_is_decoded() {
        let said = || "check_failed: hash: another one".to_owned();
        let refused = |n, is_all| vec![Trouble::Refused { said: said(), n, is_all }];
        assert_eq!(told(&"c".repeat(19)), []);
        assert_eq!(told(&"c".repeat(25)), refused(25, true));
        assert_eq!(told(&"cs".repeat(20)), refused(20, true), "what is skipped does not count");
        // One good record: not all are refused, but many are.
        assert_eq!(told(&("c".repeat(25) + "d")), refused(25, false));
        assert_eq!(told(&"cddddddddd".repeat(20)), refused(20, false));
        assert_eq!(told(&("e".repeat(20))), [Trouble::NodeErrors { n: 20 }]);
        assert_eq!(told(&("e".repeat(20) + "d")), []);
        assert_eq!(told(&("e".repeat(19) + "f" + "e")), []);
        assert_eq!(told(&"f".repeat(99)), []);
        let said = "missing_field: hash: another one".to_owned();
        assert_eq!(told(&"lf".repeat(50)), [Trouble::Undecodable { said, n: 100 }]);
        assert_eq!(told(&"s".repeat(999)), []);
        assert_eq!(told(&"s".repeat(1_000)), [Trouble::Skipped { n: 1_000 }]);
        assert_eq!(told(&("s".repeat(1_000) + "d" + &"s".repeat(999))), []);
    }

    #[test]
    fn refusals_are_forgotten_after_a_good_window_and_a_pause_says_why() {
        let (mut fruitless, mut stats) = (Fruitless::default(), Stats::default());
        fold(&mut fruitless, &mut stats, &"c".repeat(30));
        fold(&mut fruitless, &mut stats, &"d".repeat(WINDOW as usize - 30));
        assert!(fruitless.trouble(TroubleKind::Refused, false).is_some_and(|t| !t.is_fatal()));
        fold(&mut fruitless, &mut stats, &"d".repeat(WINDOW as usize));
        assert_eq!(fruitless.trouble(TroubleKind::Refused, false), None);
        fold(&mut fruitless, &mut stats, &"f".repeat(100));
        let paused = fruitless.trouble(TroubleKind::Paused, true).unwrap().to_string();
        assert!(paused.contains("missing_field: hash: another one"), "{paused}");
        assert_eq!(fruitless.trouble(TroubleKind::Undecodable, true), None, "said once");
    }
}
