//! Where commands write: files or standard output, buffered; a closed pipe ends quietly.

use super::CliError;
use serde::Serialize;
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

/// A named, buffered output.
pub(super) struct OutputFile {
    name: String,
    to: BufWriter<Box<dyn Write>>,
}

impl OutputFile {
    /// Opens a file for writing, `-` being standard output.
    pub(super) fn create(path: &Path) -> Result<Self, CliError> {
        let name = path.display().to_string();
        let to: Box<dyn Write> = if name == "-" {
            Box::new(io::stdout())
        } else {
            let failed = |source| CliError::Write { path: name.clone(), source };
            Box::new(File::create(path).map_err(failed)?)
        };
        Ok(Self { name, to: BufWriter::with_capacity(64 << 10, to) })
    }

    /// Writes a value as one line of JSON.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let written = serde_json::to_writer(&mut self.to, value)
            .map_err(io::Error::from)
            .and_then(|()| self.to.write_all(b"\n"));
        self.check(written)
    }

    /// Writes bytes as one line.
    pub(super) fn line(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        let written = self.to.write_all(bytes).and_then(|()| self.to.write_all(b"\n"));
        self.check(written)
    }

    /// Hands everything to the operating system.
    pub(super) fn flush(&mut self) -> Result<(), CliError> {
        let written = self.to.flush();
        self.check(written)
    }

    fn check(&self, written: io::Result<()>) -> Result<(), CliError> {
        written.map_err(|source| CliError::Write { path: self.name.clone(), source })
    }
}

/// Writes bytes to standard output.
pub(super) fn stdout(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|source| CliError::Write { path: "standard output".into(), source })
}

/// Writes a message for people to stderr; it is no failure when nobody reads it.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
