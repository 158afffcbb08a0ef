//! Sums and signals of a UTXO transaction.

use super::{ScriptType, TxOut, UtxoTx};
use crate::model::account::Address;
use serde::{Serialize, Serializer};

impl TxOut {
    /// Returns whether nobody shows its value.
    pub fn is_hidden(&self) -> bool {
        self.script_type == ScriptType::Shielded && self.value == 0
    }
}

/// A hidden value is shown as null: absent is never zero.
impl Serialize for TxOut {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            index: u32,
            value: Option<u64>,
            address: &'a Option<Address>,
            script_type: ScriptType,
            script_digest: u64,
            script_len: u32,
        }
        let Self { index, value, address, script_type, script_digest, script_len } = self;
        let value = (!self.is_hidden()).then_some(*value);
        let (index, script_type) = (*index, *script_type);
        let (script_digest, script_len) = (*script_digest, *script_len);
        Shown { index, value, address, script_type, script_digest, script_len }.serialize(s)
    }
}

impl UtxoTx {
    /// Returns the sum of the outputs in satoshi, saturating.
    pub fn output_value(&self) -> u64 {
        self.outputs.iter().fold(0, |sum: u64, o| sum.saturating_add(o.value))
    }

    /// Returns the sum of the inputs in satoshi, when every input carries its value.
    pub fn input_value(&self) -> Option<u64> {
        self.inputs.iter().try_fold(0u64, |sum, i| Some(sum.saturating_add(i.value?)))
    }

    /// Returns the fee in satoshi, when every input carries its value and the sums make sense.
    pub fn fee(&self) -> Option<u64> {
        if self.is_coinbase || self.inputs.is_empty() {
            return None;
        }
        self.fee_of(self.input_value()?)
    }

    /// Returns what inputs of this sum leave for the fee; `None` when hidden values take part, or
    /// the outputs take more.
    pub fn fee_of(&self, input_value: u64) -> Option<u64> {
        if self.has_hidden_value {
            return None;
        }
        input_value.checked_sub(self.output_value())
    }

    /// Returns whether any input signals replaceability (BIP 125).
    pub fn signals_rbf(&self) -> bool {
        self.inputs.iter().any(|i| i.sequence.is_some_and(|s| s <= 0xffff_fffd))
    }

    /// Returns whether several owners may have signed, so that spending together proves nothing:
    /// two outputs of one value, as every mix has, the cover of a Stonewall, and some payouts.
    ///
    /// Wrong calls in this direction cost a cluster a link; one in the other would unite strangers
    /// for good. A payjoin looks like any payment and is not found.
    ///
    /// # Cost
    /// O(n log n) in the outputs, nothing for a single input.
    pub fn may_be_joint(&self) -> bool {
        if self.inputs.len() < 2 {
            return false;
        }
        let paying = self.outputs.iter().filter(|o| o.value > 0);
        let mut values: Vec<u64> = paying.map(|o| o.value).collect();
        values.sort_unstable();
        values.windows(2).any(|pair| pair[0] == pair[1])
    }
}
