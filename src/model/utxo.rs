//! Sums and signals of a UTXO transaction.

use super::event::UtxoTx;

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
        self.input_value()?.checked_sub(self.output_value())
    }

    /// Returns whether any input signals replaceability (BIP 125).
    pub fn signals_rbf(&self) -> bool {
        self.inputs.iter().any(|i| i.sequence.is_some_and(|s| s <= 0xffff_fffd))
    }
}
