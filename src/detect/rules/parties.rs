//! Who takes part in a transaction, and which labels make a rule look away.

use crate::{
    detect::Scene,
    model::{Address, EvmTx, LabelKind, Tx, UtxoTx},
};

/// Returns whether an account carries any of these labels at the event's time.
pub fn is_labelled(scene: &Scene<'_>, address: &Address, kinds: &[LabelKind]) -> bool {
    // Most configurations label few accounts: one lookup, and none for an empty list.
    !kinds.is_empty()
        && scene
            .reference
            .labels_of(address, scene.event.time)
            .any(|label| kinds.contains(&label.kind))
}

/// Returns the transaction of the scene, if the event is one.
pub fn tx<'a>(scene: &Scene<'a>) -> Option<&'a Tx> {
    match &scene.event.body {
        crate::model::Body::Tx(tx) => Some(tx),
        _ => None,
    }
}

/// Returns the EVM transaction of the scene with its envelope.
pub fn evm<'a>(scene: &Scene<'a>) -> Option<(&'a Tx, &'a EvmTx)> {
    let tx = tx(scene)?;
    Some((tx, tx.evm()?))
}

/// Returns the UTXO transaction of the scene with its envelope; coinbases are left out.
pub fn utxo<'a>(scene: &Scene<'a>) -> Option<(&'a Tx, &'a UtxoTx)> {
    let tx = tx(scene)?;
    let body = tx.utxo().filter(|utxo| !utxo.is_coinbase)?;
    Some((tx, body))
}

/// Returns the account an EVM transaction is about: its receiver, or for a creation the created
/// contract where known, else the sender.
pub fn evm_receiver<'a>(tx: &'a Tx, body: &'a EvmTx) -> &'a Address {
    let created = || tx.outcome.as_ref().and_then(|o| o.created.as_ref());
    body.to.as_ref().or_else(created).unwrap_or(&body.from)
}
