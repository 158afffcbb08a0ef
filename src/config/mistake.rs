//! One mistake in a configuration, with its place in the file.

use std::fmt;

/// A place in a file; line 0 is the file as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    pub line: u64,
    pub column: u64,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    pub at: At,
    pub text: String,
}

impl Mistake {
    /// Makes a mistake at a place.
    pub fn new(at: At, text: impl Into<String>) -> Self {
        Self { at, text: text.into() }
    }
}

/// Every mistake of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file's name as it was given.
    pub file: String,
    /// In the order of the file, without repetition.
    pub mistakes: Vec<Mistake>,
}

impl ConfigError {
    /// Sorts mistakes into the order of the file.
    pub(super) fn new(file: &str, mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort();
        mistakes.dedup();
        Self { file: file.to_owned(), mistakes }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.mistakes.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            match mistake.at {
                At { line: 0, .. } => write!(f, "{separator}{}: {}", self.file, mistake.text)?,
                At { line, column } => {
                    write!(f, "{separator}{}:{line}:{column}: {}", self.file, mistake.text)?;
                }
            }
        }
        Ok(())
    }
}
