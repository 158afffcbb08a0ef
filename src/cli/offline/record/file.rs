//! The file of a record: written in whole pieces, so that one that was cut off can be continued.

use super::super::input::read_error;
use crate::{
    cli::CliError,
    files::recorded::{Item, LineShape, LogReader, RecordedError, SCHEMA, Survey, shape_of},
};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Bytes of lines that are written, and packed, together.
const PIECE_BYTES: usize = 4 << 20;
/// The longest end that may be cut off: a piece with a record as long as Kafka allows.
const TORN_BYTES_MAX: u64 = 64 << 20;
const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
const ZSTD_LEVEL: i32 = 3;

/// Where a record goes.
pub(super) struct RecordFile {
    name: String,
    to: Box<dyn Write>,
    is_packed: bool,
    /// Lines that have not been written yet.
    pub lines: Vec<u8>,
}

impl RecordFile {
    /// Opens a new file, one that is continued, or standard output; returns what it has already.
    pub(super) fn open(
        output: Option<&PathBuf>,
        resume: Option<&PathBuf>,
        is_packed: bool,
    ) -> Result<(Self, Survey), CliError> {
        if let Some(path) = resume {
            return resumed(path);
        }
        let of = |name: String, to: Box<dyn Write>, is_packed| {
            (Self { name, to, is_packed, lines: Vec::new() }, Survey::default())
        };
        let Some(path) = output.filter(|path| *path != Path::new("-")) else {
            return Ok(of("standard output".to_owned(), Box::new(io::stdout()), is_packed));
        };
        let name = path.display().to_string();
        let file = File::create_new(path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => {
                CliError::Usage(format!("{name} exists: continue it with --resume"))
            }
            _ => CliError::Write { path: name.clone(), source },
        })?;
        let is_packed = is_packed || path.extension().is_some_and(|ending| ending == "zst");
        Ok(of(name, Box::new(file), is_packed))
    }

    /// Writes the lines once they are a piece.
    pub(super) fn wrote(&mut self) -> Result<(), CliError> {
        if self.lines.len() < PIECE_BYTES { Ok(()) } else { self.finish() }
    }

    /// Writes what is left.
    pub(super) fn finish(&mut self) -> Result<(), CliError> {
        let written = match (self.lines.is_empty(), self.is_packed) {
            (true, _) => Ok(()),
            (false, false) => self.to.write_all(&self.lines),
            (false, true) => zstd::stream::encode_all(&*self.lines, ZSTD_LEVEL)
                .and_then(|packed| self.to.write_all(&packed)),
        };
        self.lines.clear();
        written
            .and_then(|()| self.to.flush())
            .map_err(|source| CliError::Write { path: self.name.clone(), source })
    }
}

/// Opens a record to continue it: cuts off what is not whole, and surveys what is.
fn resumed(path: &Path) -> Result<(RecordFile, Survey), CliError> {
    let io = |source| read_error(path, source);
    let name = path.display().to_string();
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(64).read_to_end(&mut head).map_err(io)?;
    let is_packed = head.starts_with(ZSTD_MAGIC)
        || head.is_empty() && path.extension().is_some_and(|ending| ending == "zst");
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    let whole = if is_packed { whole_frames(&mut file) } else { whole_lines(&mut file) };
    let (whole, len) = (whole.map_err(io)?, file.metadata().map_err(io)?.len());
    // Only the end of what is surely a record of ours is ever cut off.
    let start = format!("{{\"schema\":\"{SCHEMA}\"");
    let is_ours = whole > 0 || start.as_bytes().starts_with(&head[..head.len().min(start.len())]);
    if !is_ours || len - whole > TORN_BYTES_MAX {
        let text = "no whole piece of a record is in it: record anew to another file";
        return Err(CliError::Usage(format!("{name}: {text}")));
    }
    let survey = match whole {
        0 => Survey::default(),
        _ => surveyed(path, whole)?,
    };
    file.set_len(whole).map_err(io)?;
    file.seek(SeekFrom::End(0)).map_err(io)?;
    Ok((RecordFile { name, to: Box::new(file), is_packed, lines: Vec::new() }, survey))
}

/// Surveys the whole part of a file.
fn surveyed(path: &Path, whole: u64) -> Result<Survey, CliError> {
    let io = |source| read_error(path, source);
    let wrong = |what: String| CliError::Usage(format!("{}: {what}", path.display()));
    if shape_of(path).map_err(io)? != LineShape::Own {
        return Err(wrong("no record of txwarden record".to_owned()));
    }
    let file = File::open(path).map_err(io)?.take(whole);
    let mut reader = LogReader::over(Box::new(file), LineShape::Own).map_err(io)?;
    let mut survey = Survey::default();
    loop {
        let item: Item = match reader.next_item() {
            Ok(None) => return Ok(survey),
            Ok(Some(item)) => item,
            Err(RecordedError::Io(source)) => return Err(io(source)),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let n = reader.n_line();
        survey.add(&item).map_err(|why| wrong(format!("line {n}: {why}")))?;
    }
}

/// Returns the bytes of the lines that have an end.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let (mut reader, mut whole, mut line) = (BufReader::new(file), 0, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.ends_with(b"\n") {
            whole += line.len() as u64;
        }
        line.clear();
    }
    Ok(whole)
}

/// Returns the bytes of the zstd frames that have an end.
fn whole_frames(file: &mut File) -> io::Result<u64> {
    let (mut reader, mut whole) = (BufReader::new(file), 0);
    while !reader.fill_buf()?.is_empty() {
        let mut frame = zstd::stream::read::Decoder::with_buffer(&mut reader)?.single_frame();
        // What cannot be unpacked is cut off: where it is not the end, the caller refuses.
        if io::copy(&mut frame, &mut io::sink()).is_err() {
            break;
        }
        drop(frame);
        whole = reader.stream_position()?;
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        files::recorded::write_record,
        model::{Record, TopicPartition},
    };
    use std::fs;

    fn write(target: &mut RecordFile, offset: i64) {
        let record = Record { topic: "t", offset, value: Some(b"value"), ..Record::default() };
        write_record(&record, None, &mut target.lines);
        target.finish().unwrap();
    }

    fn open(path: &Path) -> (RecordFile, Option<i64>) {
        let (target, survey) = RecordFile::open(None, Some(&path.to_owned()), false).unwrap();
        let place = TopicPartition { topic: "t".to_owned(), partition: 0 };
        (target, survey.places.get(&place).map(|extent| extent.to))
    }

    #[test]
    fn a_record_that_was_cut_off_anywhere_is_continued() {
        for name in ["log.jsonl", "log.jsonl.zst"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(name);
            let (mut target, _) = RecordFile::open(Some(&path), None, false).unwrap();
            let ends = [0, 1, 2].map(|offset| {
                write(&mut target, offset);
                fs::metadata(&path).unwrap().len() as usize
            });
            let whole = fs::read(&path).unwrap();
            assert!(RecordFile::open(Some(&path), None, false).is_err(), "it exists");
            let piece = ends[0];
            for cut in [0, 1, 5, piece - 1, piece, piece + 7, whole.len() - 1, whole.len()] {
                fs::write(&path, &whole[..cut]).unwrap();
                if name.ends_with("zst") && (1..piece).contains(&cut) {
                    // Nobody can tell that it is ours.
                    assert!(RecordFile::open(None, Some(&path), false).is_err());
                    continue;
                }
                let (mut target, next) = open(&path);
                let n_whole = ends.iter().filter(|end| **end <= cut).count() as i64;
                assert_eq!(next, (n_whole > 0).then_some(n_whole), "{name} at {cut}");
                (n_whole..3).for_each(|offset| write(&mut target, offset));
                assert_eq!(fs::read(&path).unwrap(), whole, "{name} at {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_record_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other");
        for bytes in [&b"{\"a\": 1}\n{\"b\": 2}\ntorn"[..], b"\x1f\x8brest", b"text"] {
            fs::write(&path, bytes).unwrap();
            assert!(
                RecordFile::open(None, Some(&path), false).is_err(),
                "{}",
                bytes.escape_ascii()
            );
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }
}
