//! Labels: which subjects are what an analyst would confirm.

use super::stream::{LabelRole, Stream};

/// Why labels were refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TruthError {
    #[error("line {line}: {cell:?} is neither 1, 0, true nor false")]
    Flag { line: usize, cell: String },
    #[error("line {line}: expected a subject, a comma and 1 or 0")]
    Columns { line: usize },
    #[error("no positive subject of the labels occurs in the events")]
    NoPositives,
}

impl TruthError {
    /// Returns the name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Flag { .. } => "bad_flag",
            Self::Columns { .. } => "bad_columns",
            Self::NoPositives => "no_positives",
        }
    }
}

/// Which subjects are positive, by their number in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    is_positive: Vec<bool>,
}

impl Labels {
    /// Reads `subject,flag` lines behind a header; further columns are ignored, and so are
    /// subjects that do not occur in the stream. Whoever is not listed is negative.
    ///
    /// # Errors
    /// When a line is no label, or nobody is positive.
    pub fn parse(text: &str, stream: &Stream) -> Result<Self, TruthError> {
        let mut is_positive = vec![false; stream.n_names()];
        let mut n_positive = 0;
        for (idx, line) in text.lines().enumerate().skip(1) {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let mut cells = line.split(',').map(str::trim);
            let (Some(name), Some(flag)) = (cells.next(), cells.next()) else {
                return Err(TruthError::Columns { line: idx + 1 });
            };
            let flag = match flag {
                "1" | "true" => true,
                "0" | "false" => false,
                _ => return Err(TruthError::Flag { line: idx + 1, cell: flag.to_owned() }),
            };
            // Transaction ids are named without a prefix; hex addresses are shown in lower case.
            let is_tx = stream.role() == LabelRole::Tx;
            let name = name.strip_prefix("0x").filter(|_| is_tx).unwrap_or(name);
            let known = stream.id(name).or_else(|| stream.id(&name.to_ascii_lowercase()));
            if let Some(id) = known {
                n_positive += usize::from(flag && !is_positive[id as usize]);
                is_positive[id as usize] |= flag;
            }
        }
        if n_positive == 0 { Err(TruthError::NoPositives) } else { Ok(Self { is_positive }) }
    }

    /// Makes a truth of the numbers of its positive subjects.
    pub fn of(n_names: usize, positives: impl IntoIterator<Item = u32>) -> Self {
        let mut is_positive = vec![false; n_names];
        for id in positives {
            is_positive[id as usize] = true;
        }
        Self { is_positive }
    }

    /// Returns whether a subject is positive.
    pub fn is_positive(&self, subject: u32) -> bool {
        self.is_positive.get(subject as usize).copied().unwrap_or(false)
    }

    /// Returns the positive subjects, by number.
    pub fn positives(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.is_positive).filter(|(_, is)| **is).map(|(id, _)| id)
    }
}
