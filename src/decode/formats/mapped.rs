//! Records of any JSON or CSV, read as a mapping from the configuration says.

mod account;
mod amount;
mod instant;
mod mapping;
mod path;
mod rule;
mod unmapped;

use super::csv::Rows;
use crate::{
    decode::{
        Reason, Refusal, Settings, SkipReason,
        json::{
            JsonScanner, answer,
            field::{Reader, refuse},
        },
        record::{Parts, Read, ReadFailure},
    },
    model::Event,
};
pub use mapping::Mapping;
use mapping::{Encoding, RecordRule, RuleKind};
use path::Source;

/// Returns what reads the records that the settings' mapping describes.
pub(in crate::decode) fn reader(settings: &Settings) -> Read {
    match settings.mapping.as_deref().map(|mapping| mapping.encoding) {
        Some(Encoding::Csv) => Read::Text(read_csv),
        Some(Encoding::Json) | None => Read::Json(read_json),
    }
}

fn read_json(
    scanner: &mut JsonScanner<'_, '_>,
    depth: usize,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), ReadFailure> {
    let value = scanner.value(depth)?;
    if let Some(flaw) = scanner.take_flaw() {
        return Err(ReadFailure::Part(flaw.into()));
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

/// Reads rows, each a part; those that name the columns are no records.
fn read_csv(text: &str, parts: &mut Parts<'_>) -> Result<(), Refusal> {
    let settings = parts.settings;
    let Some(mapping) = settings.mapping.as_deref() else {
        return Err(refuse(Reason::UnknownFormat, "no mapping names the columns"));
    };
    let columns = &mapping.columns;
    let mut rows = Rows::of(text, settings.limits.keys_max, parts)?;
    while let Some(cells) = rows.next()? {
        parts.add(|reader, events| {
            if cells.iter().eq(columns) {
                return Err(Refusal::Skip(SkipReason::ControlMessage));
            }
            if cells.len() != columns.len() {
                let what = format!("{} cells in {} columns", cells.len(), columns.len());
                return Err(refuse(Reason::BadField, &what));
            }
            read(mapping, &Source::csv(columns, &cells), reader, events)
        });
    }
    Ok(())
}

/// Reads a record by the first rule whose conditions hold.
fn read(
    mapping: &Mapping,
    source: &Source<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let limits = reader.limits();
    let holds = |rule: &&RecordRule| rule.when.iter().all(|c| c.holds(source.get(&c.path, limits)));
    let Some(rule) = mapping.records.iter().find(holds) else {
        return Err(Refusal::Skip(SkipReason::UnsupportedType));
    };
    match rule.kind {
        RuleKind::MarketData => Err(Refusal::Skip(SkipReason::MarketData)),
        RuleKind::ControlMessage => Err(Refusal::Skip(SkipReason::ControlMessage)),
        RuleKind::Unsupported => Err(Refusal::Skip(SkipReason::UnsupportedType)),
        RuleKind::Payment | RuleKind::Transfer | RuleKind::Notice => {
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
