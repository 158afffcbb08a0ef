//! How far a partition has come in its control log: what is in force, and what lies ahead.

use super::{Bundle, Change, ControlEntry, Turn, TurnStep, Why};
use crate::model::GroupPartition;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// How far a partition has come in its control log.
pub struct Position {
    place: GroupPartition,
    /// Entries applied.
    n: u64,
    /// The offset of the first entry of the history.
    begins_at: i64,
    bundle: Arc<Bundle>,
    /// The version of the program that last went on.
    program: String,
    /// The next verdict to use, by partition of the verdict topic.
    verdicts: BTreeMap<i32, i64>,
    ahead: VecDeque<Turn>,
    /// Whether there are entries that are not committed.
    is_owed: bool,
}

impl Position {
    /// Begins a log: the caller appends a setup as its first entry.
    pub fn first(place: GroupPartition, bundle: Arc<Bundle>) -> Self {
        let (verdicts, ahead) = (BTreeMap::new(), VecDeque::new());
        let program = String::new();
        Self { place, n: 0, begins_at: 0, bundle, program, verdicts, ahead, is_owed: false }
    }

    /// Goes back to the beginning of the history that a log tells; `None` when it is empty.
    pub fn begin(place: GroupPartition, turns: Vec<Turn>) -> Option<Self> {
        let n = turns.get(history(&turns))?.n;
        Self::resume(place, turns, n)
    }

    /// Goes back to the point of a log after `n` entries; `None` when they are another history's,
    /// or there are fewer.
    pub fn resume(place: GroupPartition, mut turns: Vec<Turn>, n: u64) -> Option<Self> {
        let from = history(&turns);
        let at = usize::try_from(n).ok().filter(|at| (from + 1..=turns.len()).contains(at))?;
        let ahead = turns.split_off(at).into();
        let turns = &turns[from..];
        let first = turns.first()?;
        let TurnStep::Setup { bundle, .. } = &first.step else { return None };
        let begins_at = first.offset;
        let mut position = Self { ahead, begins_at, ..Self::first(place, Arc::clone(bundle)) };
        turns.iter().for_each(|turn| position.pass(turn));
        Some(position)
    }

    /// Returns how many entries have been applied.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Returns the offset of the history's first record, as its first entry says.
    pub fn begins_at(&self) -> i64 {
        self.begins_at
    }

    /// Returns the bundle in force.
    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// Returns the version of the program that last went on.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Returns the next verdict to use of each partition of the verdict topic.
    pub fn verdicts(&self) -> &BTreeMap<i32, i64> {
        &self.verdicts
    }

    /// Returns whether a record of the verdict topic is new here, and remembers it.
    pub fn is_new_verdict(&mut self, partition: i32, offset: i64) -> bool {
        let next = self.verdicts.entry(partition).or_default();
        let is_new = offset >= *next;
        *next = (*next).max(offset + 1);
        is_new
    }

    /// Takes the next turn that applies before the record at an offset.
    ///
    /// # Cost
    /// A comparison where none is due.
    pub fn take_due(&mut self, offset: i64) -> Option<Turn> {
        if self.ahead.front()?.offset > offset {
            return None;
        }
        let turn = self.ahead.pop_front()?;
        self.pass(&turn);
        Some(turn)
    }

    /// Returns the next turn that is not yet due.
    pub fn ahead(&self) -> Option<&Turn> {
        self.ahead.front()
    }

    /// Returns how many turns are not yet due.
    pub fn n_ahead(&self) -> usize {
        self.ahead.len()
    }

    /// Appends an entry that applies from `offset` on. The caller has it written with the batch,
    /// and has the engine take the step.
    pub fn append(&mut self, offset: i64, step: TurnStep, why: Why, at_ms: i64) -> ControlEntry {
        // INVARIANT: only a live partition appends, and it has no turns ahead.
        assert!(self.ahead.is_empty(), "an entry in front of others");
        let change = match &step {
            TurnStep::Setup { bundle, program } => Change::Setup {
                bundle: bundle.hash.clone(),
                config_hash: bundle.setup.config_hash.clone(),
                program: program.clone(),
                why,
            },
            TurnStep::Verdict { verdict, source } => {
                Change::Verdict { verdict: verdict.clone(), source: source.clone() }
            }
            TurnStep::SetAside => Change::SetAside,
        };
        let n = self.n + 1;
        self.pass(&Turn { n, offset, step });
        self.is_owed = true;
        let (schema, place) = (ControlEntry::SCHEMA.to_owned(), self.place.clone());
        ControlEntry { schema, place, n, offset, change, at_ms }
    }

    /// Returns whether entries wait for their commit.
    pub fn is_owed(&self) -> bool {
        self.is_owed
    }

    /// Notes that all entries are committed.
    pub fn committed(&mut self) {
        self.is_owed = false;
    }

    fn pass(&mut self, turn: &Turn) {
        self.n = turn.n;
        match &turn.step {
            TurnStep::Setup { bundle, program } => {
                self.bundle = Arc::clone(bundle);
                self.program.clone_from(program);
            }
            TurnStep::Verdict { source, .. } => {
                self.is_new_verdict(source.partition, source.offset);
            }
            TurnStep::SetAside => {}
        }
    }
}

/// Returns the index of the turn with which the present history begins: where the log of records
/// was lost and begun anew, offsets go back.
fn history(turns: &[Turn]) -> usize {
    let goes_back = |pair: &[Turn]| pair[1].offset < pair[0].offset;
    turns.windows(2).rposition(goes_back).map_or(0, |before| before + 1)
}
