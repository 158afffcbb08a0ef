//! `auto`: what the records of a topic are wrapped in is decided by one of them, once, and written
//! to the control log, so that whoever replays it decides the same.

use super::{control_writer::replace, outbox::Outbox, partition::Partition};
use crate::{
    decode::{Wrapping, envelope},
    journal::{Bundle, Why},
    model::Record,
    pipeline::control::{Agreement, Inputs},
};
use std::sync::Arc;

/// Decides from a record that is about to be folded, where nothing is decided and it shows it; what
/// another partition's record has shown before counts more.
///
/// Until then each record is read as it shows itself to be, which is without an envelope.
///
/// # Errors
/// A sentence for the operator, when there is no place for what was decided.
pub fn decide(
    partition: &mut Partition,
    outbox: &mut Outbox,
    inputs: &Inputs,
    record: &Record<'_>,
    agreement: &dyn Agreement,
) -> Result<(), String> {
    let now = partition.control.bundle();
    if now.settings.envelope.wrapping != Wrapping::Auto {
        return Ok(());
    }
    let Some(shown) = envelope::decide(&now.settings, record) else { return Ok(()) };
    let (topic, number, offset) = (record.topic, record.partition, record.offset);
    let wrapping = agreement.on_envelope(&partition.at, offset, &shown)?;
    let own = with(now, &wrapping)?;
    if shown == wrapping {
        tracing::info!(topic, partition = number, offset, envelope = %wrapping, "envelope decided");
    } else {
        tracing::warn!(
            topic,
            partition = number,
            offset,
            envelope = %wrapping,
            %shown,
            "envelope was decided by another partition's record, and this one shows another"
        );
    }
    replace(partition, outbox, inputs, own, Why::Decided).map_err(|why| {
        format!(
            "the records of topic {topic} show envelope {wrapping}, and that cannot be kept \
             ({why}): write `envelope: {wrapping}` for this input"
        )
    })
}

/// Returns the settings that an input names, with what was decided where they leave it open.
///
/// # Errors
/// A sentence, when a bundle cannot be made: a bug.
pub fn agreed(own: Arc<Bundle>, in_force: &Bundle) -> Result<Arc<Bundle>, String> {
    let decided = &in_force.settings.envelope.wrapping;
    let is_open = own.settings.envelope.wrapping == Wrapping::Auto;
    if is_open && *decided != Wrapping::Auto { with(&own, decided) } else { Ok(own) }
}

fn with(bundle: &Bundle, wrapping: &Wrapping) -> Result<Arc<Bundle>, String> {
    let mut settings = bundle.settings.clone();
    settings.envelope.wrapping = wrapping.clone();
    let made = Bundle::of(&settings, &bundle.setup).map_err(|error| error.to_string())?;
    Ok(Arc::new(made))
}
