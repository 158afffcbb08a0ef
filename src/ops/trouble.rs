//! Why nothing comes of records that arrive: a closed list, each with a cause and a cure in one
//! sentence, for the log, `/readyz` and a metric.
//!
//! To add one: a variant of [`Trouble`] and its lines in [`TroubleKind`]; whoever notices it tells
//! its observer, and everything else follows.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What is wrong with one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A batch can be neither decompressed nor taken apart: the client is stuck before it.
    Unreadable {
        /// What the client says.
        said: String,
    },
    /// Too many records do not have the configured format.
    Paused {
        /// The newest refusal, where this process has seen it.
        said: Option<String>,
    },
    /// A check refuses records.
    Refused {
        said: String,
        n: u64,
        /// In a row: nothing else arrives.
        is_all: bool,
    },
    /// Records hold a node's errors instead of answers.
    NodeErrors { n: u64 },
    /// Dead letters in a row, and the settings say to go on.
    Undecodable { said: String, n: u64 },
    /// Records that are skipped on purpose, and nothing else.
    Skipped { n: u64 },
    /// There are records, and none comes.
    Stalled {
        n_behind: i64,
        seconds: u64,
        /// The client's newest error, if it had one meanwhile.
        said: Option<String>,
    },
    /// A producer's transaction is open, and hides what was written after it.
    HeldBack { n: i64, seconds: u64 },
    /// Blocks are read and judged, but nothing vouches for them.
    Unverified {
        /// Which, why, and what to do.
        said: String,
    },
}

/// The troubles without their particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TroubleKind {
    Unreadable,
    Paused,
    Refused,
    NodeErrors,
    Undecodable,
    Skipped,
    Stalled,
    HeldBack,
    Unverified,
}

impl TroubleKind {
    pub const ALL: [Self; 9] = [
        Self::Unreadable,
        Self::Paused,
        Self::Refused,
        Self::NodeErrors,
        Self::Undecodable,
        Self::Skipped,
        Self::Stalled,
        Self::HeldBack,
        Self::Unverified,
    ];

    /// Returns the name used as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Paused => "paused",
            Self::Refused => "refused",
            Self::NodeErrors => "node_errors",
            Self::Undecodable => "undecodable",
            Self::Skipped => "skipped",
            Self::Stalled => "stalled",
            Self::HeldBack => "held_back",
            Self::Unverified => "unverified",
        }
    }
}

impl Trouble {
    /// Returns its kind.
    pub fn kind(&self) -> TroubleKind {
        match self {
            Self::Unreadable { .. } => TroubleKind::Unreadable,
            Self::Paused { .. } => TroubleKind::Paused,
            Self::Refused { .. } => TroubleKind::Refused,
            Self::NodeErrors { .. } => TroubleKind::NodeErrors,
            Self::Undecodable { .. } => TroubleKind::Undecodable,
            Self::Skipped { .. } => TroubleKind::Skipped,
            Self::Stalled { .. } => TroubleKind::Stalled,
            Self::HeldBack { .. } => TroubleKind::HeldBack,
            Self::Unverified { .. } => TroubleKind::Unverified,
        }
    }

    /// Returns whether nothing is judged because of it: then `/readyz` does not say ready. The
    /// others are notes there.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Unreadable { .. } | Self::Paused { .. } | Self::Stalled { .. } => true,
            Self::NodeErrors { .. } | Self::Undecodable { .. } => true,
            Self::Refused { is_all, .. } => *is_all,
            Self::HeldBack { .. } | Self::Skipped { .. } | Self::Unverified { .. } => false,
        }
    }

    /// Returns whether the log repeats it as long as it lasts: not what is a chain's way.
    pub fn is_repeated(&self) -> bool {
        !matches!(self, Self::Unverified { .. })
    }
}

/// One sentence: the cause, and behind a semicolon what to do.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { said } => write!(
                f,
                "a batch cannot be read ({said}); if its codec is not built in (txwarden check \
                 names those that are), compress with another one, else the log is damaged: write \
                 its records to a new topic"
            ),
            Self::Paused { said } => {
                f.write_str("paused: too many records do not have the configured format")?;
                if let Some(said) = said {
                    write!(f, " (the last: {said})")?;
                }
                f.write_str(
                    "; correct the input's format, chain or envelope and restart, or set on_flood: \
                     continue",
                )
            }
            Self::Refused { said, n, is_all } => {
                let which = if *is_all { "in a row" } else { "among the last 10,000" };
                write!(
                    f,
                    "a check refused {n} records {which} (the last: {said}); if this chain makes \
                     its hashes otherwise, set limits: {{ checks: {{ hash: flag }} }} (or the \
                     check that the refusal is of), else correct the exporter"
                )
            }
            Self::NodeErrors { n } => write!(
                f,
                "{n} records in a row hold a node's error instead of an answer; look at the node \
                 that the exporter asks, and at its requests"
            ),
            Self::Undecodable { said, n } => write!(
                f,
                "{n} records in a row cannot be decoded (the last: {said}); correct the input's \
                 format, chain or envelope and restart"
            ),
            Self::Skipped { n } => write!(
                f,
                "{n} records in a row were skipped on purpose, as txwarden_skipped_parts_total \
                 counts them; if they should be judged, correct the input's format, mapping or \
                 topic"
            ),
            Self::Stalled { n_behind, seconds, said } => {
                write!(f, "no record came for {seconds} s although {n_behind} are there")?;
                if let Some(said) = said {
                    write!(f, " (the client says: {said})")?;
                }
                f.write_str("; look at the brokers, the partition's leader and the rights to read")
            }
            Self::HeldBack { n, seconds } => write!(
                f,
                "{n} offsets are behind a transaction that is open for {seconds} s; end it: \
                 kafka-transactions.sh finds and aborts it"
            ),
            Self::Unverified { said } => f.write_str(said),
        }
    }
}

type Places = BTreeMap<(String, i32, TroubleKind), Trouble>;

/// The troubles there are now, for whoever asks.
#[derive(Debug, Default)]
pub struct TroubleBoard {
    places: Mutex<Places>,
}

impl TroubleBoard {
    /// Puts a trouble up, or takes it down.
    pub fn set(&self, topic: &str, partition: i32, kind: TroubleKind, trouble: Option<&Trouble>) {
        let at = (topic.to_owned(), partition, kind);
        match trouble {
            Some(trouble) => drop(self.lock().insert(at, trouble.clone())),
            None => drop(self.lock().remove(&at)),
        }
    }

    /// Returns whether something keeps all records of a partition from being judged.
    pub fn is_fatal(&self) -> bool {
        self.lock().values().any(Trouble::is_fatal)
    }

    /// Returns the sentences of those that are fatal, or of the notes.
    pub fn sentences(&self, is_fatal: bool) -> Vec<String> {
        let places = self.lock();
        let chosen = places.iter().filter(|(_, trouble)| trouble.is_fatal() == is_fatal);
        chosen.map(|((topic, n, _), trouble)| format!("{topic}/{n}: {trouble}")).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Trouble> {
        let said = || "hash: the header hashes to something else".to_owned();
        vec![
            Trouble::Unreadable { said: said() },
            Trouble::Paused { said: None },
            Trouble::Paused { said: Some(said()) },
            Trouble::Refused { said: said(), n: 20, is_all: true },
            Trouble::Refused { said: said(), n: 20, is_all: false },
            Trouble::NodeErrors { n: 20 },
            Trouble::Undecodable { said: said(), n: 100 },
            Trouble::Skipped { n: 1_000 },
            Trouble::Stalled { n_behind: 7, seconds: 60, said: None },
            Trouble::HeldBack { n: 9, seconds: 60 },
            Trouble::Unverified { said: "blocks are not verified; wait".to_owned() },
        ]
    }

    #[test]
    fn each_is_one_sentence_with_a_cure() {
        let mut seen = Vec::new();
        for trouble in samples() {
            let text = trouble.to_string();
            let (cause, cure) = text.split_once("; ").unwrap_or_default();
            assert!(!cause.is_empty() && !cure.is_empty(), "{text}");
            assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
            seen.push(trouble.kind());
        }
        seen.dedup();
        assert_eq!(seen, TroubleKind::ALL);
    }

    #[test]
    fn the_board_names_the_place_and_forgets_what_is_over() {
        let board = TroubleBoard::default();
        for trouble in samples() {
            board.set("t", 3, trouble.kind(), Some(&trouble));
        }
        assert!(board.is_fatal());
        assert!(board.sentences(true).iter().all(|text| text.starts_with("t/3: ")));
        // The newer refusals are not all there is, so they are a note.
        assert_eq!((board.sentences(true).len(), board.sentences(false).len()), (5, 4));
        TroubleKind::ALL.iter().filter(|k| **k != TroubleKind::HeldBack).for_each(|k| {
            board.set("t", 3, *k, None);
        });
        assert!(!board.is_fatal() && board.sentences(true).is_empty());
        assert_eq!(board.sentences(false).len(), 1);
        assert_eq!(board.sentences(false)[0].split_once(": ").unwrap().0, "t/3");
    }
}
