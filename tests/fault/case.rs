//! What a case is, and what it reports.

use crate::lab::Lab;
use std::time::Duration;

/// How thoroughly the suite runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Under `cargo test`: that the suite works at all.
    Smoke,
    /// In CI: at most eight minutes.
    Short,
    Full,
}

/// One line of the table of cases.
pub struct Case {
    pub name: &'static str,
    pub shows: &'static str,
    /// How often the fault happens in each form; 0: the form leaves the case out.
    pub counts: [usize; 3],
    /// Injects the fault so many times and compares with the oracle; panics when it differs.
    pub run: fn(&Lab, usize) -> Outcome,
}

impl Case {
    pub fn count(&self, form: Form) -> usize {
        let [smoke, short, full] = self.counts;
        match form {
            Form::Smoke => smoke,
            Form::Short => short,
            Form::Full => full,
        }
    }
}

/// What a case that held has seen.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub n_records: usize,
    pub n_alerts: usize,
    pub n_dead_letters: usize,
    /// From each fault to the first commit after it in the partition that waited longest.
    pub takeovers: Vec<Duration>,
    pub note: String,
}

impl Outcome {
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub fn taking_over(mut self, takeovers: Vec<Duration>) -> Self {
        self.takeovers = takeovers;
        self
    }

    /// Sums two parts of one case.
    pub fn and(mut self, other: Self) -> Self {
        self.n_records += other.n_records;
        self.n_alerts += other.n_alerts;
        self.n_dead_letters += other.n_dead_letters;
        self.takeovers.extend(other.takeovers);
        if !other.note.is_empty() {
            self.note = if self.note.is_empty() {
                other.note
            } else {
                format!("{}; {}", self.note, other.note)
            };
        }
        self
    }
}
