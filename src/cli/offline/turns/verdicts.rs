//! `--verdicts`: an analyst's verdicts from a file, taken in at their event time.

use crate::{cli::CliError, engine::Control, model::Verdict, pipeline::Driver};
use std::{collections::VecDeque, fs, path::Path};

/// Verdicts of one file: a thousand a day reach it in three years.
const VERDICTS_MAX: usize = 1 << 20;

/// Verdicts that have not been taken in yet, by time.
pub(super) struct VerdictFile {
    ahead: VecDeque<Verdict>,
}

impl VerdictFile {
    /// Reads verdicts as JSON lines, in any order; those of one time keep theirs.
    pub(super) fn load(path: &Path, chain: &str) -> Result<Self, CliError> {
        let usage = |what: String| CliError::Usage(format!("{}: {what}", path.display()));
        let text = fs::read_to_string(path)
            .map_err(|source| CliError::Read { path: path.display().to_string(), source })?;
        let mut ahead = Vec::new();
        for (line, n) in text.lines().zip(1u32..).filter(|(line, _)| !line.trim().is_empty()) {
            let verdict = Verdict::parse(line.as_bytes())
                .map_err(|e| usage(format!("line {n} is no verdict: {e}")))?;
            if !verdict.is_on(chain) {
                return Err(usage(format!("line {n}: {} is not on {chain}", verdict.subject)));
            }
            if ahead.len() >= VERDICTS_MAX {
                return Err(usage(format!("more than {VERDICTS_MAX} verdicts")));
            }
            ahead.push(verdict);
        }
        ahead.sort_by_key(|verdict| verdict.time_ms);
        Ok(Self { ahead: ahead.into() })
    }

    /// Hands over those that were given by the time of the newest event so far: each applies
    /// before the record that follows.
    pub(super) fn apply(&mut self, driver: &mut Driver) -> Result<(), CliError> {
        let now_ms = driver.engine().stats().event_time_ms;
        while self.ahead.front().is_some_and(|v| v.time_ms <= now_ms) {
            let Some(verdict) = self.ahead.pop_front() else { break };
            driver
                .control(Control::Verdict(Box::new(verdict)))
                .map_err(|e| CliError::failure("cannot apply a verdict", e))?;
        }
        Ok(())
    }
}
