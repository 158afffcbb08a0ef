//! Where tests find the real data that is not part of the repository, and how they skip without.

use std::{env, io::Write, path::PathBuf};

/// Returns the path of a file below `TXWARDEN_DATA`, or says aloud that the test is skipped.
///
/// Written straight to stderr: the test harness captures only the print macros.
pub fn shared(test: &str, path: &str) -> Option<PathBuf> {
    let Some(root) = env::var_os("TXWARDEN_DATA") else {
        skip(test, "TXWARDEN_DATA is not set");
        return None;
    };
    let file = PathBuf::from(root).join(path);
    assert!(file.exists(), "{} is missing below TXWARDEN_DATA", file.display());
    Some(file)
}

/// Says aloud that a test is skipped; `.ci/run` counts these lines.
pub fn skip(test: &str, why: &str) {
    // A failed write to stderr must not fail the test.
    let _ = writeln!(std::io::stderr().lock(), "SKIPPED {test}: {why}");
}
