//! `state inspect`: what the store holds, and whether it is whole.

use super::{
    CliError,
    source::{PlaceArgs, StoreArgs, failed},
};
use crate::{
    cli::{moment::utc, output},
    model::GroupPartition,
    pipeline::quarantine,
    store::{SnapshotEntry, SnapshotHeader, StoreError},
};
use serde::Serialize;
use std::fmt::Write;

/// Command line of `state inspect`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// URL or directory of the store, as --snapshots
    url: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    place: PlaceArgs,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// One snapshot, as `--json` prints it.
#[derive(Serialize)]
struct SnapshotLine<'a> {
    #[serde(flatten)]
    place: &'a GroupPartition,
    offset: i64,
    file_bytes: u64,
    /// `whole`, or the code of what is wrong.
    state: &'static str,
    error: Option<String>,
    header: Option<&'a SnapshotHeader>,
}

/// Runs the command; damage is a finding.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let (store, _) = args.store.open_at(args.url.as_deref())?;
    let mut text = String::new();
    let mut n_wrong = 0;
    for place in args.place.places(&store)? {
        if !args.json {
            let _ = writeln!(text, "{place}");
        }
        let entries = store.list(&place).map_err(failed)?;
        let newest = entries.first().map_or(0, |entry| entry.offset);
        for entry in entries {
            let (header, error) = match store.examine(&place, entry.offset) {
                Ok((header, error)) => (Some(header), error),
                Err(error) => (None, Some(error)),
            };
            n_wrong += usize::from(error.is_some());
            if args.json {
                json_line(&mut text, &place, entry, header.as_ref(), error.as_ref());
            } else {
                line(&mut text, newest, entry, header.as_ref(), error.as_ref());
            }
        }
        let aside = quarantine::set_aside(&store, &place).map_err(failed)?;
        if !aside.is_empty() && !args.json {
            let _ = writeln!(text, "  records set aside as crash_loop, by offset: {aside:?}");
        }
    }
    let bundles = store.bundles().map_err(failed)?;
    for (hash, n_bytes) in bundles.iter().filter(|_| !args.json) {
        let check = store.get_bundle(hash);
        n_wrong += usize::from(check.is_err());
        let state = check.err().map_or_else(|| "whole".to_owned(), |e| e.to_string());
        let _ = writeln!(text, "bundle {hash}: {}, {state}", size(*n_bytes));
    }
    if text.is_empty() && !args.json {
        let _ = writeln!(text, "nothing in {}", store.url());
    }
    output::stdout(text.as_bytes())?;
    if n_wrong > 0 { Err(CliError::Findings) } else { Ok(()) }
}

fn json_line(
    text: &mut String,
    place: &GroupPartition,
    entry: SnapshotEntry,
    header: Option<&SnapshotHeader>,
    error: Option<&StoreError>,
) {
    let line = SnapshotLine {
        place,
        offset: entry.offset,
        file_bytes: entry.n_bytes,
        state: error.map_or("whole", StoreError::code),
        error: error.map(ToString::to_string),
        header,
    };
    let _ = writeln!(text, "{}", serde_json::to_string(&line).unwrap_or_default());
}

fn line(
    text: &mut String,
    newest: i64,
    entry: SnapshotEntry,
    header: Option<&SnapshotHeader>,
    error: Option<&StoreError>,
) {
    let SnapshotEntry { offset, n_bytes } = entry;
    let state = error.map_or_else(|| "whole".to_owned(), ToString::to_string);
    let _ = writeln!(text, "  offset {offset}: {}, {state}", size(n_bytes));
    let Some(h) = header else { return };
    let age = match newest - offset {
        0 => "newest".to_owned(),
        n => format!("{n} records older"),
    };
    let taken = utc(h.taken_ms);
    let _ = writeln!(
        text,
        "    {age}; taken {taken} by {} (layout {}); {}, configuration {}",
        h.program, h.format, h.chain, h.config_hash
    );
    let _ = writeln!(
        text,
        "    {} records, {} accounts, {} alerts; {} before compression; bundle {}",
        h.n_records,
        h.n_accounts,
        h.seq,
        size(h.body_bytes),
        if h.bundle.is_empty() { "none" } else { &h.bundle }
    );
}

/// Writes a size in the largest unit that leaves a whole part.
fn size(n_bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| n_bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", n_bytes as f64 / *unit as f64),
        None => format!("{n_bytes} B"),
    }
}
