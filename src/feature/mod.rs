//! From a transaction and the state before it to a named vector of finite numbers.

use crate::{
    model::{Event, Family, Tx},
    state::State,
};

/// The most features a schema may have: presence is one `u64`.
pub const FEATURES_MAX: usize = 64;

/// One feature of a schema.
#[derive(Debug)]
pub struct FeatureDef {
    /// Name used in alerts and in the schema hash.
    pub name: &'static str,
    pub unit: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
    /// True when it is computed from the value moved: evaluation can switch these off.
    pub is_value: bool,
}

/// The features of one account model, in order.
#[derive(Debug)]
pub struct Schema {
    pub family: Family,
    pub defs: &'static [FeatureDef],
}

/// A vector of finite features; a feature that could not be computed is absent, not zero.
///
/// # Shape
/// `(schema.defs.len(),)`, at most [`FEATURES_MAX`].
#[derive(Clone, Debug)]
pub struct Features {
    schema: &'static Schema,
    values: [f64; FEATURES_MAX],
    present: u64,
}

impl Features {
    /// Makes an all-absent vector.
    pub fn new(schema: &'static Schema) -> Self {
        Self { schema, values: [0.0; FEATURES_MAX], present: 0 }
    }

    /// Returns the schema.
    pub fn schema(&self) -> &'static Schema {
        self.schema
    }

    /// Sets a feature; a value that is not finite leaves it absent.
    pub fn set(&mut self, idx: usize, value: f64) {
        if value.is_finite() && idx < self.schema.defs.len() {
            self.values[idx] = value;
            self.present |= 1 << idx;
        }
    }

    /// Returns a feature, if it is present.
    pub fn get(&self, idx: usize) -> Option<f64> {
        (idx < FEATURES_MAX && self.present >> idx & 1 == 1).then(|| self.values[idx])
    }

    /// Returns all values, 0 where absent.
    pub fn values(&self) -> &[f64] {
        &self.values[..self.schema.defs.len()]
    }
}

/// Returns the schema of an account model.
pub fn schema(family: Family) -> &'static Schema {
    static EVM: Schema = Schema { family: Family::Evm, defs: &[] };
    static UTXO: Schema = Schema { family: Family::Utxo, defs: &[] };
    match family {
        Family::Evm => &EVM,
        Family::Utxo => &UTXO,
    }
}

/// Computes the features of a transaction against the state before it.
pub fn extract(_event: &Event, _tx: &Tx, state: &State) -> Features {
    Features::new(schema(state.chain().family))
}
