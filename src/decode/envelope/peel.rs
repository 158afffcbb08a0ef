//! Peels the layers of a record from outside in: what a format reads is what is left.

use super::{
    Layer, Wrapping, auto, avro, cloudevents, compression, confluent, connect, debezium, protobuf,
    schemas::Unusable,
};
use crate::{
    decode::{
        Limits, Reason, Refusal, Settings,
        json::{JsonScanner, Value, field::refuse},
        record::check_utf8,
    },
    model::{Body, Event, Observation, Phase, Record, Step as BlockStep},
};
use std::{borrow::Cow, ops::Range};

/// What one layer holds.
pub(super) enum LayerStep {
    /// These bytes of it.
    Part(Range<usize>),
    /// These bytes of it, and they are no longer so.
    Undone(Range<usize>),
    /// Other bytes.
    Bytes(Vec<u8>),
}

/// What is left of a record.
pub(in crate::decode) struct Peeled<'a> {
    pub bytes: Cow<'a, [u8]>,
    /// Whether the record says that its content is no longer so.
    pub is_undone: bool,
}

/// Peels all layers of a record.
pub(in crate::decode) fn peel<'a>(
    settings: &Settings,
    record: &Record<'a>,
    value: &'a [u8],
) -> Result<Peeled<'a>, Refusal> {
    let envelope = &settings.envelope;
    match &envelope.wrapping {
        Wrapping::Layers(layers) => Rest::new(settings, record, value).all(layers),
        // Nobody has decided yet: this record does, for itself.
        Wrapping::Auto => {
            let layers = auto::layers(settings, record, value).unwrap_or_default();
            Rest::new(settings, record, value).all(&layers)
        }
    }
}

/// Returns the source that an event in JSON names, where that is what the record is wrapped in.
pub(in crate::decode) fn source(settings: &Settings, record: &Record<'_>) -> Option<Box<str>> {
    let is_event = match &settings.envelope.wrapping {
        Wrapping::Layers(layers) => layers.first() == Some(&Layer::Cloudevents),
        Wrapping::Auto => false,
    };
    is_event.then(|| cloudevents::source(record.value?, settings)).flatten()
}

/// Turns the events of a row that is gone into what takes them back.
pub(in crate::decode) fn undo(events: &mut [Event]) {
    for event in events {
        let tx = match &mut event.body {
            Body::Tx(tx) => Some(tx.id),
            Body::Transfer(transfer) => transfer.tx,
            Body::Block(block) => {
                block.step = BlockStep::Reverted;
                None
            }
            // What moved nothing has nothing to take back.
            _ => None,
        };
        if let Some(tx) = tx {
            event.body = Body::Observation(Box::new(Observation::of(tx, Phase::Removed)));
        }
    }
}

/// A record while it is peeled.
struct Rest<'a, 's> {
    settings: &'s Settings,
    headers: &'a [(&'a str, &'a [u8])],
    value: &'a [u8],
    /// Takes the place of `value` once a layer held other bytes.
    owned: Option<Vec<u8>>,
    /// What is left of either.
    range: Range<usize>,
    is_undone: bool,
}

impl<'a, 's> Rest<'a, 's> {
    fn new(settings: &'s Settings, record: &Record<'a>, value: &'a [u8]) -> Self {
        let (headers, range) = (record.headers, 0..value.len());
        Self { settings, headers, value, owned: None, range, is_undone: false }
    }

    fn bytes(&self) -> &[u8] {
        let whole = self.owned.as_deref().unwrap_or(self.value);
        whole.get(self.range.clone()).unwrap_or_default()
    }

    fn all(mut self, layers: &[Layer]) -> Result<Peeled<'a>, Refusal> {
        for layer in layers {
            match self.one(*layer)? {
                LayerStep::Part(range) => self.narrow(range),
                LayerStep::Undone(range) => {
                    self.narrow(range);
                    self.is_undone = true;
                }
                LayerStep::Bytes(bytes) => {
                    self.range = 0..bytes.len();
                    self.owned = Some(bytes);
                }
            }
        }
        let Self { value, owned, range, is_undone, .. } = self;
        let bytes = match owned {
            Some(mut owned) => {
                owned.truncate(range.end);
                owned.drain(..range.start.min(range.end));
                Cow::Owned(owned)
            }
            None => Cow::Borrowed(value.get(range).unwrap_or_default()),
        };
        if bytes.is_empty() {
            return Err(refuse(Reason::EmptyValue, "an envelope with nothing in it"));
        }
        Ok(Peeled { bytes, is_undone })
    }

    fn narrow(&mut self, range: Range<usize>) {
        self.range = self.range.start + range.start..self.range.start + range.end;
    }

    fn one(&self, layer: Layer) -> Result<LayerStep, Refusal> {
        let Settings { limits, envelope, .. } = self.settings;
        let bytes = self.bytes();
        match layer {
            Layer::Gzip => Ok(LayerStep::Bytes(compression::gunzip(bytes, limits)?)),
            Layer::Zstd => Ok(LayerStep::Bytes(compression::unzstd(bytes, limits)?)),
            Layer::Cloudevents => cloudevents::peel(bytes, self.headers, self.settings),
            Layer::Confluent => confluent::peel(bytes, self.headers, &envelope.schemas, limits),
            Layer::Connect => connect::peel(bytes, limits),
            Layer::Debezium => debezium::peel(bytes, limits),
            Layer::Avro => match envelope.schemas.named() {
                Ok(schema) => avro::datum(schema.avro()?, bytes, limits).map(LayerStep::Bytes),
                Err(Unusable::Sample) => super::opaque::avro(bytes, limits).map(LayerStep::Bytes),
                Err(why) => Err(why.into()),
            },
            Layer::Protobuf => match envelope.schemas.named() {
                Ok(schema) => {
                    protobuf::message(schema.protobuf()?, &[0], bytes, limits).map(LayerStep::Bytes)
                }
                Err(Unusable::Sample) => {
                    super::opaque::protobuf(bytes, limits).map(LayerStep::Bytes)
                }
                Err(why) => Err(why.into()),
            },
        }
    }
}

/// Returns the value of the first header of a name.
pub(super) fn header<'a>(headers: &[(&'a str, &'a [u8])], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
}

/// Reads a JSON object and returns the values of some of its members.
pub(super) fn members<'a, const N: usize>(
    bytes: &'a [u8],
    names: [&str; N],
    limits: &Limits,
) -> Result<[Value<'a>; N], Refusal> {
    check_utf8(bytes)?;
    let (mut scratch, mut found) = (Vec::new(), [Value::Null; N]);
    let mut scanner = JsonScanner::of_record(bytes, limits, &mut scratch);
    if scanner.peek() != Some(b'{') {
        scanner.value(0)?;
        scanner.end()?;
        return Err(refuse(Reason::BadEnvelope, "no JSON object"));
    }
    scanner.object(0, |_, key, value| {
        if let Some(i) = names.iter().position(|name| name.as_bytes() == key) {
            found[i] = value;
        }
    })?;
    scanner.end()?;
    match scanner.take_flaw() {
        Some(flaw) => Err(flaw.into()),
        None => Ok(found),
    }
}

/// Reads a JSON array and returns its elements, which are objects.
pub(super) fn elements<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Vec<&'a [u8]>, Refusal> {
    check_utf8(bytes)?;
    let (mut scratch, mut found, mut n) = (Vec::new(), Vec::new(), 0);
    let mut scanner = JsonScanner::of_record(bytes, limits, &mut scratch);
    let bad = || refuse(Reason::BadEnvelope, "no JSON array of objects");
    if scanner.peek() != Some(b'[') {
        return Err(bad());
    }
    let mut is_more = scanner.open_array(0)?;
    while is_more {
        let Value::Object(raw) = scanner.value(1)? else { return Err(bad()) };
        found.push(raw);
        is_more = scanner.next_element(&mut n)?;
    }
    scanner.end()?;
    match scanner.take_flaw() {
        Some(flaw) => Err(flaw.into()),
        None => Ok(found),
    }
}

/// Returns where a part of some bytes stands in them.
pub(super) fn range_of(bytes: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr() as usize - bytes.as_ptr() as usize;
    // INVARIANT: callers pass what a scanner over `bytes` returned.
    assert!(start + part.len() <= bytes.len(), "a part outside of its whole");
    start..start + part.len()
}
