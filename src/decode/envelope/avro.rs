//! Avro's binary encoding, read by the writer's schema into JSON.
//!
//! Ours and small: the general crate builds a value for each item before anyone can stop it.

mod read;
mod schema;

pub(super) use read::{AvroCursor, datum};
pub(super) use schema::AvroSchema;
use schema::{AvroKind, AvroNode};
