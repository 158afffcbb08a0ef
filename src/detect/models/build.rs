//! Makes the enabled models of a chain from the table and the parameters.

use super::{TABLE, super::suggest::nearest};
use crate::{
    detect::{Model, Params, ParamsError},
    feature::Schema,
};
use serde_json::Map;

/// Makes every enabled model with its weight in the combined score, in the order of the table.
///
/// # Errors
/// All mistakes at once: ids that are not in the table, parameters that a model refuses.
pub fn build(
    params: &Params,
    schema: &'static Schema,
    seed: u64,
) -> Result<Vec<(Box<dyn Model>, f64)>, Vec<ParamsError>> {
    let ids = TABLE.iter().map(|e| e.meta.id);
    let mut mistakes: Vec<ParamsError> = params
        .models
        .keys()
        .filter(|id| !ids.clone().any(|known| known == id.as_str()))
        .map(|id| ParamsError::Unknown {
            family: "model",
            id: id.clone(),
            suggestion: nearest(id, ids.clone()),
        })
        .collect();
    let mut models = Vec::new();
    let nothing = Map::new();
    for entry in TABLE {
        let member = params.models.get(entry.meta.id);
        match (entry.build)(member.map_or(&nothing, |m| &m.params), schema, seed) {
            Ok(model) if member.is_none_or(|m| m.enabled) => {
                models.push((model, member.and_then(|m| m.weight).unwrap_or(entry.weight)));
            }
            Ok(_) => {}
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(models) } else { Err(mistakes) }
}
