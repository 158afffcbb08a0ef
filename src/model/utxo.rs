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
