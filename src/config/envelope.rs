//! What inputs are wrapped in, and the files of the schemas that it takes to unwrap them.

use super::{mistake::Mistake, reference::read_file, tree::TreeNode};
use crate::{
    decode::{
        Envelope, Wrapping,
        envelope::{Layer, SCHEMAS_MAX, SchemaId, SchemaKind, SchemaText, Schemas},
    },
    pipeline::InputParams,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The envelopes of all inputs that have one, by topic.
pub(super) type Envelopes = BTreeMap<String, Envelope>;

/// Reads the envelopes of all inputs.
pub(super) fn load_all(
    inputs: &[InputParams],
    node: &TreeNode,
    dir: &Path,
    mistakes: &mut Vec<Mistake>,
) -> Envelopes {
    let mut envelopes = Envelopes::new();
    for (i, input) in inputs.iter().enumerate() {
        let mut complain = |key: &str, text: String| {
            let path = format!("inputs.{i}.{key}");
            mistakes.push(Mistake::new(node.locate(&path), format!("{path}: {text}")));
        };
        let wrapping = &input.envelope;
        let path = input.schemas.as_ref().map(|path| dir.join(path));
        match load_schemas(wrapping, path.as_deref()) {
            Ok(schemas) => {
                let envelope = Envelope { wrapping: wrapping.clone(), schemas };
                envelopes.insert(input.topic.clone(), envelope);
            }
            Err(error) => complain("schemas", error),
        }
    }
    envelopes
}

/// Reads the schemas that layers need: a file for `avro` and `protobuf`, a directory for
/// `confluent`.
///
/// A directory has a file for each id of the registry (`7.avsc`, `8.proto`, `9.json`); what others
/// import has any other name and the same ending.
///
/// # Errors
/// A sentence for the operator, when there are none, too many, or unreadable ones.
pub fn load_schemas(wrapping: &Wrapping, path: Option<&Path>) -> Result<Arc<Schemas>, String> {
    let has_one = wrapping.has(Layer::Avro) || wrapping.has(Layer::Protobuf);
    let has_many = wrapping.has(Layer::Confluent) || *wrapping == Wrapping::Auto;
    match path {
        Some(path) if has_one => {
            let name = path.display();
            let kind = kind_of(path)
                .ok_or_else(|| format!("{name}: a schema's name ends in .avsc or .proto"))?;
            let schema = SchemaText { kind, text: read_file(path)?, resolved: Vec::new() };
            let schemas = Schemas::of_one(schema).map_err(|e| format!("{name}: {e}"))?;
            Ok(Arc::new(schemas))
        }
        Some(path) if has_many => Ok(Arc::new(registry(path)?)),
        Some(_) => Err("only the layers avro, protobuf and confluent have schemas".to_owned()),
        None if has_one => Err(format!("envelope {wrapping} needs a schema (schemas: FILE)")),
        None if wrapping.has(Layer::Confluent) => {
            Err(format!("envelope {wrapping} needs the registry's schemas (schemas: DIRECTORY)"))
        }
        None => Ok(Arc::default()),
    }
}

/// Reads a directory of schemas.
fn registry(dir: &Path) -> Result<Schemas, String> {
    let failed = |e: std::io::Error| format!("cannot read {}: {e}", dir.display());
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        files.push(entry.map_err(failed)?.path());
    }
    // What is imported may itself import what sorts before it.
    files.sort();
    let (mut own, mut shared) = (Vec::new(), Vec::new());
    for file in files {
        let Some(kind) = kind_of(&file) else { continue };
        let text = read_file(&file)?;
        match file.file_stem().and_then(|stem| SchemaId::parse(stem.to_str()?)) {
            Some(id) => own.push((id, kind, text)),
            None => shared.push((kind, file.display().to_string(), text)),
        }
    }
    if own.is_empty() || own.len() > SCHEMAS_MAX {
        let (n, dir) = (own.len(), dir.display());
        return Err(format!("{dir} has {n} schemas, not between 1 and {SCHEMAS_MAX}"));
    }
    let mut schemas = Schemas::default();
    for (id, kind, text) in own {
        let same = shared.iter().filter(|(of, ..)| *of == kind);
        let resolved = same.map(|(_, name, text)| (name.clone(), text.clone())).collect();
        let schema = SchemaText { kind, text, resolved };
        schemas.try_insert(id, schema).map_err(|e| format!("schema {id}: {e}"))?;
    }
    Ok(schemas)
}

/// Returns the language of a file by its name.
fn kind_of(path: &Path) -> Option<SchemaKind> {
    match path.extension()?.to_str()? {
        "avsc" => Some(SchemaKind::Avro),
        "proto" => Some(SchemaKind::Protobuf),
        "json" => Some(SchemaKind::Json),
        _ => None,
    }
}
