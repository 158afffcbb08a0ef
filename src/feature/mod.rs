//! From a transaction and the state before it to a named vector of finite numbers.

/// Declares the features of an account model once, so that names, docs and positions agree.
macro_rules! features {
    ($($position:ident $name:literal $unit:literal $is_value:ident $doc:literal;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(usize)]
        enum FeaturePosition { $($position,)* }
        $(#[doc = $doc] pub const $position: usize = FeaturePosition::$position as usize;)*
        /// Every feature, in order.
        pub const DEFS: &[FeatureDef] = &[$(FeatureDef {
            name: $name, unit: $unit, doc: $doc, is_value: $is_value,
        },)*];
        /// Marks features that are computed from the value moved.
        const VALUE: bool = true;
        /// Marks all others.
        const PLAIN: bool = false;
    };
}

pub mod evm;
mod parties;
pub mod utxo;

use crate::{
    model::{Body, Event, EventTime, Family, TxBody},
    state::State,
};

pub use parties::{Parties, parties};

/// Which features are present, one bit each.
type Presence = u128;

/// The most features a schema may have. The two schemas have up to 62; each further one costs every
/// vector 8 bytes, so this is not as many as its mask could hold.
pub const FEATURES_MAX: usize = 96;

const _: () = assert!(FEATURES_MAX <= Presence::BITS as usize);
const _: () = assert!(evm::DEFS.len() <= FEATURES_MAX && utxo::DEFS.len() <= FEATURES_MAX);

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

impl Schema {
    /// Returns the position of a feature.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.defs.iter().position(|d| d.name == name)
    }

    /// Returns a short hash over the names in their order: what a fitted model is tied to.
    ///
    /// # Source
    /// BLAKE3, the first 8 bytes.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for def in self.defs {
            hasher.update(def.name.as_bytes());
            hasher.update(&[0]);
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// A vector of finite features; a feature that could not be computed is absent, not zero.
///
/// # Shape
/// `(schema.defs.len(),)`, at most [`FEATURES_MAX`].
#[derive(Clone, Debug)]
pub struct Features {
    schema: &'static Schema,
    values: [f64; FEATURES_MAX],
    present: Presence,
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

    /// Makes every feature absent that is computed from the value moved.
    pub fn drop_values(&mut self) {
        for (idx, def) in self.schema.defs.iter().enumerate() {
            if def.is_value {
                self.values[idx] = 0.0;
                self.present &= !(1 << idx);
            }
        }
    }

    /// Returns all values, 0 where absent.
    pub fn values(&self) -> &[f64] {
        &self.values[..self.schema.defs.len()]
    }
}

/// Returns the schema of an account model.
pub fn schema(family: Family) -> &'static Schema {
    static EVM: Schema = Schema { family: Family::Evm, defs: evm::DEFS };
    static UTXO: Schema = Schema { family: Family::Utxo, defs: utxo::DEFS };
    match family {
        Family::Evm => &EVM,
        Family::Utxo => &UTXO,
    }
}

/// Computes the features of a transaction, or of a payment in a token that is known well enough,
/// against the state before it; `None` for all else.
///
/// # Cost
/// Two profile look-ups, two pair look-ups and about 30 logarithms: below a microsecond.
pub fn extract(event: &Event, parties: &Parties<'_>, state: &State) -> Option<Features> {
    let family = state.chain().family;
    let mut out = Features::new(schema(family));
    match (&event.body, family) {
        (Body::Tx(tx), _) => match (&tx.body, family) {
            (TxBody::Evm(body), Family::Evm) => {
                evm::extract(event, tx, body, parties, state, &mut out);
            }
            (TxBody::Utxo(body), Family::Utxo) => {
                utxo::extract(event, body, parties, state, &mut out);
            }
            // A body of the other account model has no features here.
            _ => {}
        },
        (Body::Transfer(transfer), Family::Evm) => {
            let (token, amount) = transfer.token_payment()?;
            let token = state.key(token);
            let value = state.token_value(token, amount)?;
            let ends = (parties.sender?, parties.receiver?);
            evm::extract_token(event.time, ends, token, (amount, value), state, &mut out);
        }
        _ => return None,
    }
    Some(out)
}

/// Returns ln(1 + seconds) since a time, 0 for times to come.
fn log_age(now: EventTime, then: EventTime) -> f64 {
    libm::log1p(now.since(then).max(0) as f64 / EventTime::SECOND as f64)
}

/// Returns ln(1 + n).
fn log_count(n: u32) -> f64 {
    libm::log1p(f64::from(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_features_as_are_allowed_are_told_apart() {
        let def = |_| FeatureDef { name: "f", unit: "", doc: "", is_value: false };
        let defs: Vec<_> = (0..FEATURES_MAX).map(def).collect();
        let schema = Schema { family: Family::Evm, defs: Box::leak(defs.into()) };
        let mut features = Features::new(Box::leak(Box::new(schema)));
        for idx in (1..FEATURES_MAX).step_by(2) {
            features.set(idx, idx as f64);
        }
        features.set(FEATURES_MAX, 1.0);
        for idx in 0..FEATURES_MAX {
            assert_eq!(features.get(idx), (idx % 2 == 1).then_some(idx as f64), "{idx}");
        }
        assert_eq!(features.get(FEATURES_MAX), None);
    }
}
