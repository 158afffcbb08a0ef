//! Mapping files of inputs with the format `mapped`.

use super::{
    mistake::{At, ConfigError, Mistake},
    read::read,
    reference::read_file,
    tree::TreeNode,
};
use crate::{
    decode::{Format, Mapping},
    pipeline::InputParams,
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// The mappings of all inputs, by topic.
pub(super) type Mappings = BTreeMap<String, Arc<Mapping>>;

/// Reads one mapping file.
///
/// # Errors
/// Every mistake in it, with its place.
pub fn load_mapping(path: &Path) -> Result<Arc<Mapping>, ConfigError> {
    let name = path.display().to_string();
    let mut mistakes = Vec::new();
    let mapping = match read_file(path) {
        Ok(text) => parse(&text, &mut mistakes),
        Err(error) => {
            mistakes.push(Mistake::new(At::default(), error));
            None
        }
    };
    match mapping {
        Some(mapping) if mistakes.is_empty() => Ok(Arc::new(mapping)),
        _ => Err(ConfigError::new(&name, mistakes)),
    }
}

fn parse(text: &str, mistakes: &mut Vec<Mistake>) -> Option<Mapping> {
    // What is read does not depend on who starts the program: no variables here.
    let node = TreeNode::parse(text, &|_| None, mistakes)?;
    let mapping: Mapping = read(&node, mistakes)?;
    let problems = mapping.problems().into_iter();
    mistakes.extend(problems.map(|(path, text)| Mistake::new(node.locate(&path), text)));
    Some(mapping)
}

/// Reads the mappings that inputs name.
pub(super) fn load_all(
    inputs: &[InputParams],
    node: &TreeNode,
    dir: &Path,
    mistakes: &mut Vec<Mistake>,
) -> Mappings {
    let mut mappings = Mappings::new();
    for (i, input) in inputs.iter().enumerate() {
        let at = node.locate(&format!("inputs.{i}.mapping"));
        match (&input.mapping, input.format) {
            (Some(file), Format::Mapped) => match load_mapping(&dir.join(file)) {
                Ok(mapping) => {
                    mappings.insert(input.topic.clone(), mapping);
                }
                Err(error) => {
                    let lines = error.to_string();
                    mistakes.extend(lines.lines().map(|line| Mistake::new(at, line)));
                }
            },
            (None, Format::Mapped) => {
                let text = format!("inputs.{i}: format mapped needs a mapping (mapping: FILE)");
                mistakes.push(Mistake::new(at, text));
            }
            (Some(_), _) => {
                let text = format!("inputs.{i}.mapping: only format mapped has one");
                mistakes.push(Mistake::new(at, text));
            }
            (None, _) => {}
        }
    }
    mappings
}
