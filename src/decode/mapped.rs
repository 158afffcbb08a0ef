//! Records of any JSON or CSV (FORMATS §2.7), read as a mapping from the configuration says.

mod account;
mod amount;
mod calendar;
mod instant;
mod mapping;
mod path;
mod rule;
mod unmapped;

use super::{
    Reason, Refusal, Settings, SkipReason, answer,
    field::{Reader, refuse},
    json::Scanner,
    record::{Failure, Read, check_utf8},
};
use crate::model::Event;
pub use mapping::Mapping;
use mapping::{Encoding, Kind, Rule};
use path::Source;

/// Returns what reads the records that the settings' mapping describes.
pub(super) fn reader(settings: &Settings) -> Read {
    match settings.mapping.as_deref().map(|mapping| mapping.encoding) {
        Some(Encoding::Csv) => Read::Bytes(read_csv),
        Some(Encoding::Json) | None => Read::Json(read_json),
    }
}

fn read_json(
    scanner: &mut Scanner<'_, '_>,
    depth: usize,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Failure> {
    let value = scanner.value(depth)?;
    if let Some(flaw) = scanner.take_flaw() {
        return Err(Failure::Part(flaw.into()));
    }
    let settings = reader.settings;
    let read = match settings.mapping.as_deref() {
        Some(mapping) => {
            let done = read(mapping, &Source::json(value), reader, events);
            done.map_err(|refusal| match refusal {
                // No rule fits, or what it wants is missing: it may be no answer at all.
                Refusal::Skip(SkipReason::UnsupportedType | SkipReason::NullResult)
                | Refusal::DeadLetter { reason: Reason::MissingField, .. } => {
                    answer::refusal(value, &settings.limits, refusal)
                }
                other => other,
            })
        }
        None => unmapped::read(value, reader, events),
    };
    Ok(read?)
}

/// Reads one line; the one that names the columns is no record.
fn read_csv(bytes: &[u8], reader: &mut Reader<'_>, events: &mut Vec<Event>) -> Result<(), Refusal> {
    let text = check_utf8(bytes)?;
    let settings = reader.settings;
    let Some(mapping) = settings.mapping.as_deref() else {
        return Err(refuse(Reason::UnknownFormat, "no mapping names the columns"));
    };
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let cells = path::cells(line.as_bytes(), settings.limits.keys_max)?;
    if cells.iter().copied().eq(mapping.columns.iter().map(String::as_bytes)) {
        return Err(Refusal::Skip(SkipReason::ControlMessage));
    }
    if cells.len() != mapping.columns.len() {
        let (n, columns) = (cells.len(), mapping.columns.len());
        return Err(refuse(Reason::BadField, &format!("{n} cells in {columns} columns")));
    }
    read(mapping, &Source::csv(&mapping.columns, &cells), reader, events)
}

/// Reads a record by the first rule whose conditions hold.
fn read(
    mapping: &Mapping,
    source: &Source<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let limits = reader.limits();
    let holds = |rule: &&Rule| rule.when.iter().all(|c| c.holds(source.get(&c.path, limits)));
    let Some(rule) = mapping.records.iter().find(holds) else {
        return Err(Refusal::Skip(SkipReason::UnsupportedType));
    };
    match rule.kind {
        Kind::MarketData => Err(Refusal::Skip(SkipReason::MarketData)),
        Kind::ControlMessage => Err(Refusal::Skip(SkipReason::ControlMessage)),
        Kind::Unsupported => Err(Refusal::Skip(SkipReason::UnsupportedType)),
        Kind::Payment | Kind::Transfer | Kind::Notice => {
            let Some(each) = &rule.each else {
                return rule::read(rule, source, 0, reader, events);
            };
            let elements = source.elements(each, limits);
            if elements.is_empty() {
                return Err(Refusal::Skip(SkipReason::NullResult));
            }
            let mut numbered = elements.into_iter().zip(0u32..);
            numbered.try_for_each(|(element, i)| {
                rule::read(rule, &source.within(element), i, reader, events)
            })
        }
    }
}
