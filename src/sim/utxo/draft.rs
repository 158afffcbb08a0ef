//! A UTXO transaction before it is mined: coins in, payments out.

use super::address::Script;
use crate::sim::rng::Rng;

/// Satoshi in one bitcoin.
const SATOSHI: f64 = 1e8;

/// An unspent output.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct UnspentCoin {
    pub(in crate::sim) tx: [u8; 32],
    pub(in crate::sim) index: u32,
    pub(in crate::sim) value_sat: u64,
    pub(in crate::sim) script: Script,
}

/// An output to be made.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct DraftPayment {
    pub(in crate::sim) script: Script,
    pub(in crate::sim) value_sat: u64,
}

/// One transaction; its id is chosen early, so that plans can spend its outputs.
#[derive(Clone, Debug)]
pub(in crate::sim) struct UtxoDraft {
    pub(in crate::sim) id: [u8; 32],
    pub(in crate::sim) inputs: Vec<UnspentCoin>,
    pub(in crate::sim) outputs: Vec<DraftPayment>,
    pub(in crate::sim) is_rbf: bool,
    /// Published without a block.
    pub(in crate::sim) is_pending: bool,
    pub(in crate::sim) incident: Option<usize>,
}

impl DraftPayment {
    /// Makes an output.
    pub(in crate::sim) fn to(script: Script, value_sat: u64) -> Self {
        Self { script, value_sat }
    }
}

impl UtxoDraft {
    /// Makes a transaction.
    pub(in crate::sim) fn new(
        inputs: Vec<UnspentCoin>,
        outputs: Vec<DraftPayment>,
        rng: &mut Rng,
    ) -> Self {
        let id = rng.bytes();
        Self { id, inputs, outputs, is_rbf: false, is_pending: false, incident: None }
    }

    /// Returns one of its outputs as a coin.
    pub(in crate::sim) fn coin(&self, index: usize) -> UnspentCoin {
        let DraftPayment { script, value_sat } = self.outputs[index];
        UnspentCoin { tx: self.id, index: index as u32, value_sat, script }
    }

    /// Returns the sum of the inputs.
    pub(super) fn input_sat(&self) -> u64 {
        self.inputs.iter().map(|c| c.value_sat).sum()
    }

    /// Returns the sum of the outputs.
    pub(super) fn output_sat(&self) -> u64 {
        self.outputs.iter().map(|p| p.value_sat).sum()
    }
}

/// Returns an estimate of a transaction's virtual size in vbytes (P2WPKH inputs).
pub(in crate::sim) fn vsize(n_inputs: usize, n_outputs: usize) -> u64 {
    11 + 68 * n_inputs as u64 + 31 * n_outputs as u64
}

/// Turns bitcoin into satoshi.
pub(in crate::sim) fn sat(bitcoin: f64) -> u64 {
    (bitcoin * SATOSHI) as u64
}
