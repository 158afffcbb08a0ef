//! The configuration file: assembled from every component's `Params`, checked as a whole.

mod detectors;
mod entry;
mod envelope;
mod file;
mod labels;
mod mapping;
mod mistake;
mod read;
mod reference;
mod schema;
mod tree;

pub use envelope::load_schemas;
pub use file::Config;
pub use labels::{LabelFile, ListFormat};
pub use mapping::load_mapping;
pub use mistake::{At, ConfigError, Mistake};
pub use reference::ReferenceParams;
pub use schema::{editor_schema, schema};
