//! What two sightings of one transaction must agree on, whatever format told of it: an id that
//! comes with another body is a lie or a mistake, and never a repetition.

use crate::{
    model::{AccountHasher, Address, Amount, Body, Event, EvmTx, Quality, ScriptType, UtxoTx},
    state::tables::fixed_layout::plain,
};

/// Two digests of a transaction's body; 0 where the source does not say enough.
///
/// A wrong body passes for the known one in one of 65,535 cases, which nobody can choose: the
/// hasher is keyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::state) struct Seal {
    /// Who is paid how much by whom; UTXO: the outputs.
    payment: u16,
    /// The rest of what is signed and all formats that know it write alike: the nonce and the
    /// calldata; UTXO: the outpoints.
    rest: u16,
}

plain!(Seal { payment: u16, rest: u16 });

impl Seal {
    /// Reads what an event says of its transaction.
    pub fn of(event: &Event, hasher: &AccountHasher) -> Self {
        let Body::Tx(tx) = &event.body else { return Self::default() };
        match (tx.evm(), tx.utxo()) {
            (Some(evm), _) => Self::of_evm(evm, event.quality, hasher),
            (_, Some(utxo)) => Self::of_utxo(utxo, event.quality, hasher),
            (None, None) => Self::default(),
        }
    }

    /// Returns whether both say something, and not the same.
    pub fn is_broken_by(&self, other: &Self) -> bool {
        let differs = |a: u16, b: u16| a != 0 && b != 0 && a != b;
        differs(self.payment, other.payment) || differs(self.rest, other.rest)
    }

    fn of_evm(evm: &EvmTx, quality: Quality, hasher: &AccountHasher) -> Self {
        let value = evm.value.0.to_le_bytes::<32>();
        let from = evm.from.bytes();
        // A zero may stand for a value that was not given, and a lossy one for several.
        let is_partial = quality.contains(Quality::PARTIAL);
        let is_unsaid = is_partial && evm.value == Amount::ZERO;
        if is_unsaid || quality.contains(Quality::AMOUNT_LOSSY) {
            return Self::default();
        }
        // Who is paid by a creation is told in several ways: nobody, zero, or what was created.
        let to = evm.to.as_ref().filter(|to| **to != Address::EVM_ZERO);
        let payment = to.map_or(0, |to| digest(hasher, &[b"paid", from, to.bytes(), &value]));
        // A mapping may leave out everything but the payment.
        let is_whole = evm.gas_limit.is_some() && (!is_partial || evm.input.n_bytes > 0);
        let rest = match evm.nonce.filter(|_| is_whole) {
            Some(nonce) => {
                let input = evm.input.digest.to_le_bytes();
                digest(hasher, &[b"rest", from, &value, &nonce.to_le_bytes(), &input])
            }
            None => 0,
        };
        Self { payment, rest }
    }

    fn of_utxo(utxo: &UtxoTx, quality: Quality, hasher: &AccountHasher) -> Self {
        if utxo.outputs.is_empty() || quality.intersects(Quality::AMOUNT_LOSSY | Quality::PARTIAL) {
            return Self::default();
        }
        // Formats differ in how they write what is shielded.
        let outputs = utxo.outputs.iter().filter(|o| o.script_type != ScriptType::Shielded);
        let outputs: Vec<u8> = outputs
            .flat_map(|o| [u64::from(o.index), o.value])
            .flat_map(u64::to_le_bytes)
            .collect();
        let spent = utxo.inputs.iter().filter_map(|input| input.outpoint);
        let spent: Vec<u8> =
            spent.flat_map(|o| o.tx.0.into_iter().chain(o.index.to_le_bytes())).collect();
        let rest = if spent.is_empty() { 0 } else { digest(hasher, &[b"spent", &spent]) };
        Self { payment: digest(hasher, &[b"outputs", &outputs]), rest }
    }
}

/// Returns a digest that is never 0.
fn digest(hasher: &AccountHasher, parts: &[&[u8]]) -> u16 {
    let [a, b, ..] = hasher.hash(parts).to_le_bytes();
    u16::from_le_bytes([a, b]).max(1)
}
