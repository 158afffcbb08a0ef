//! Writes values as JSON lines to a file or to standard output.

use serde::Serialize;
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

/// Whether the reader of the output is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputReader {
    Present,
    /// It closed the pipe, as `head` does: time to stop, quietly and with success.
    Gone,
}

/// A sink of JSON lines.
pub struct JsonLines {
    out: BufWriter<Box<dyn Write + Send>>,
}

impl JsonLines {
    /// Writes to standard output.
    pub fn stdout() -> Self {
        Self::new(Box::new(io::stdout()))
    }

    /// Writes to a new file, replacing an old one.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self::new(Box::new(File::create(path)?)))
    }

    /// Writes to anything.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out: BufWriter::new(out) }
    }

    /// Writes one line.
    ///
    /// # Errors
    /// When the output fails in another way than by its reader going away.
    pub fn write(&mut self, value: &impl Serialize) -> io::Result<OutputReader> {
        let written = serde_json::to_writer(&mut self.out, value)
            .map_err(io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"));
        reader(written)
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// As [`JsonLines::write`].
    pub fn flush(&mut self) -> io::Result<OutputReader> {
        reader(self.out.flush())
    }
}

fn reader(written: io::Result<()>) -> io::Result<OutputReader> {
    match written {
        Ok(()) => Ok(OutputReader::Present),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(OutputReader::Gone),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let mut sink = JsonLines::new(Box::new(Closed));
        // Small lines stay in the buffer until it is flushed.
        assert_eq!(sink.write(&1).unwrap(), OutputReader::Present);
        assert_eq!(sink.flush().unwrap(), OutputReader::Gone);
        let long = "x".repeat(100_000);
        assert_eq!(sink.write(&long).unwrap(), OutputReader::Gone);
    }
}
