//! How a command ends: what is printed and the exit code.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

pub(super) const OK: u8 = 0;
pub(super) const FAILURE: u8 = 1;
pub(super) const USAGE: u8 = 2;
pub(super) const FINDINGS: u8 = 3;
/// `EX_CONFIG` of `sysexits.h`: supervisors can tell it from a crash and not restart.
pub(super) const BAD_CONFIG: u8 = 78;

/// Why a command did not end with exit code 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// The command line is wrong in a way that the parser cannot see.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong: every mistake, one a line.
    #[error("{0}")]
    Config(String),
    /// The command worked and found something; already printed.
    #[error("findings")]
    Findings,
    #[error("cannot read {path}")]
    Read {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot write {path}")]
    Write {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("{what}")]
    Failure {
        what: &'static str,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl CliError {
    /// Wraps the error of another module.
    pub fn failure(what: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Failure { what, source: Box::new(source) }
    }

    /// Returns whether the reader of our output has gone, as in `| head`.
    fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Config(_) => BAD_CONFIG,
            Self::Findings => FINDINGS,
            _ if self.is_broken_pipe() => OK,
            _ => FAILURE,
        }
    }

    /// Prints the error with its causes and returns the exit code.
    pub(super) fn report(self) -> ExitCode {
        let code = self.code();
        if code != OK && code != FINDINGS {
            let text = match &self {
                Self::Config(mistakes) => mistakes.clone(),
                other => format!("error: {}", crate::pipeline::causes(other)),
            };
            // Nobody is left to tell when stderr is closed.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
        ExitCode::from(code)
    }
}
