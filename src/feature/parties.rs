//! Who pays whom in a transaction: the accounts that features and models speak about.

use crate::{
    model::{AccountKey, Address, Body, Event, Tx, TxBody, UtxoTx},
    state::State,
};

/// The representative sender and receiver of a transaction, and what moved between them.
///
/// UTXO transactions have many of each: the sender is the input account with the largest value,
/// the receiver the largest output that goes to none of the input accounts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parties<'a> {
    pub sender: Option<AccountKey>,
    pub receiver: Option<AccountKey>,
    /// Unknown where a format names no input addresses, even if the key is known from state.
    pub sender_address: Option<&'a Address>,
    pub receiver_address: Option<&'a Address>,
    /// What the receiver gets.
    ///
    /// # Units
    /// Whole native units.
    pub value: f64,
}

/// Finds the representative accounts of whatever has features: a transaction or a payment in a
/// token, whose value is in typical amounts of it.
///
/// # Cost
/// A hash an EVM address; on a UTXO chain one an output and one look-up an input.
pub fn parties<'a>(event: &'a Event, state: &State) -> Parties<'a> {
    match &event.body {
        Body::Tx(tx) => of_tx(tx, state),
        Body::Transfer(transfer) => {
            let Some((token, amount)) = transfer.token_payment() else { return Parties::default() };
            let value = state.token_value(state.key(token), amount);
            Parties {
                sender: Some(state.key(&transfer.from)),
                receiver: Some(state.key(&transfer.to)),
                sender_address: Some(&transfer.from),
                receiver_address: Some(&transfer.to),
                value: value.unwrap_or(0.0),
            }
        }
        _ => Parties::default(),
    }
}

fn of_tx<'a>(tx: &'a Tx, state: &State) -> Parties<'a> {
    match &tx.body {
        TxBody::Evm(body) => Parties {
            sender: Some(state.key(&body.from)),
            receiver: body.to.as_ref().map(|to| state.key(to)),
            sender_address: Some(&body.from),
            receiver_address: body.to.as_ref(),
            value: body.value.units(state.chain().native.decimals),
        },
        TxBody::Utxo(body) => of_utxo(body, state),
    }
}

/// The inputs and outputs looked at: a transaction of 4 M weight units has up to 100,000 of each,
/// and beyond a thousand the largest is found just as well in the first ones.
const SIDES_MAX: usize = 1_024;

fn of_utxo<'a>(body: &'a UtxoTx, state: &State) -> Parties<'a> {
    let mut senders = Vec::with_capacity(body.inputs.len().min(SIDES_MAX));
    let mut largest: Option<(u64, AccountKey, Option<&Address>)> = None;
    for input in body.inputs.iter().take(SIDES_MAX) {
        let spent = input.outpoint.and_then(|o| state.output(&o));
        let key = input.address.as_ref().map(|a| state.key(a)).or(spent.and_then(|s| s.account));
        let value = input.value.or(spent.map(|s| s.value)).unwrap_or(0);
        let Some(key) = key else { continue };
        senders.push(key);
        if largest.is_none_or(|(most, ..)| value > most) {
            largest = Some((value, key, input.address.as_ref()));
        }
    }
    senders.sort_unstable();
    let mut paid: Option<(u64, AccountKey, &Address)> = None;
    for output in body.outputs.iter().take(SIDES_MAX) {
        let Some(address) = &output.address else { continue };
        if paid.is_some_and(|(most, ..)| output.value <= most) {
            continue;
        }
        let key = state.key(address);
        if senders.binary_search(&key).is_err() {
            paid = Some((output.value, key, address));
        }
    }
    let scale = libm::pow(10.0, f64::from(state.chain().native.decimals));
    Parties {
        sender: largest.map(|(_, key, _)| key),
        receiver: paid.map(|(_, key, _)| key),
        sender_address: largest.and_then(|(.., address)| address),
        receiver_address: paid.map(|(.., address)| address),
        value: paid.map_or(0.0, |(value, ..)| value as f64) / scale,
    }
}
