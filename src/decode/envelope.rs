//! What records are wrapped in: layers peeled outside in, as the topic's settings say.

mod auto;
mod avro;
mod cloudevents;
#[cfg_attr(not(feature = "compression"), path = "envelope/no_compression.rs")]
mod compression;
mod confluent;
mod connect;
mod debezium;
mod layer;
mod opaque;
mod output;
mod peel;
mod protobuf;
mod schemas;

pub use auto::decide;
pub use layer::{Layer, Wrapping};
pub(super) use peel::{peel, source, undo};
pub use schemas::{
    SCHEMA_BYTES_MAX, SCHEMAS_MAX, SchemaError, SchemaId, SchemaKind, SchemaText, Schemas,
};

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the records of one topic are wrapped in, and the schemas that it takes to unwrap them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Envelope {
    pub wrapping: Wrapping,
    pub schemas: Arc<Schemas>,
}

impl Envelope {
    /// Returns whether records are not wrapped at all.
    pub fn is_none(&self) -> bool {
        self.wrapping.is_none() && self.schemas.is_empty()
    }
}
