//! Single changes of a transaction, in ladders from the smallest on.

use super::later;
use crate::model::{
    Address, Amount, Body, Calldata, Chain, Event, EventTime, Family, Hash32, TokenAmount,
    Transfer, Tx, TxBody, UtxoTx,
};
use std::fmt::Write;

/// One part of a transaction and what it could have been.
pub(super) struct Ladder {
    pub input: &'static str,
    pub from: String,
    /// The smallest change first.
    pub steps: Vec<(String, Event)>,
}

/// Shares of a quantity, downwards and upwards: a hundredth, a tenth, a quarter, then doublings.
const DOWN: [(u64, u64); 8] =
    [(99, 100), (9, 10), (3, 4), (1, 2), (1, 4), (1, 10), (1, 100), (0, 1)];
const UP: [(u64, u64); 7] = [(101, 100), (11, 10), (3, 2), (2, 1), (4, 1), (10, 1), (100, 1)];

/// Delays: within, at and beyond the windows of the rules.
const DELAYS: [(&str, i64); 7] = [
    ("10 minutes later", 10 * EventTime::MINUTE),
    ("an hour later", EventTime::HOUR),
    ("6 hours later", 6 * EventTime::HOUR),
    ("a day later", EventTime::DAY),
    ("3 days later", 3 * EventTime::DAY),
    ("a week later", 7 * EventTime::DAY),
    ("30 days later", 30 * EventTime::DAY),
];

/// Returns every ladder of a transaction.
pub(super) fn ladders(event: &Event, chain: &Chain) -> Vec<Ladder> {
    let tx = match &event.body {
        Body::Tx(tx) => tx,
        Body::Transfer(transfer) => return of_transfer(event, transfer),
        _ => return Vec::new(),
    };
    let mut all = vec![delays(event)];
    match &tx.body {
        TxBody::Evm(evm) => {
            let native = |amount: Amount| {
                let units = amount.units(chain.native.decimals);
                format!("{units} {}", chain.native.symbol)
            };
            for (name, shares) in [("lower value", &DOWN[..]), ("higher value", &UP[..])] {
                let steps = shares.iter().map(|share| {
                    let value = scaled(evm.value, *share);
                    (native(value), edited(event, |tx| set_value(tx, value)))
                });
                all.push(Ladder { input: name, from: native(evm.value), steps: steps.collect() });
            }
            all.extend(evm.gas_price.map(|price| gas_prices(event, price)));
            all.extend(strangers(event, tx));
            if evm.input.n_bytes > 0 {
                let step = edited(event, |tx| {
                    if let TxBody::Evm(evm) = &mut tx.body {
                        evm.input = Calldata::default();
                    }
                });
                let from = format!("{} bytes", evm.input.n_bytes);
                all.push(Ladder { input: "calldata", from, steps: vec![("none".into(), step)] });
            }
        }
        TxBody::Utxo(utxo) => all.extend(of_utxo(event, tx, utxo)),
    }
    all
}

fn of_transfer(event: &Event, transfer: &Transfer) -> Vec<Ladder> {
    let mut all = vec![delays(event)];
    let Some((_, amount)) = transfer.token_payment() else { return all };
    let base = |amount: Amount| format!("{amount} base units");
    for (input, shares) in [("lower amount", &DOWN[..]), ("higher amount", &UP[..])] {
        let steps = shares.iter().map(|share| {
            let amount = scaled(amount, *share);
            let transfer = Transfer { amount: TokenAmount::Amount(amount), ..transfer.clone() };
            let body = Body::Transfer(Box::new(transfer));
            (base(amount), Event { body, ..event.clone() })
        });
        all.push(Ladder { input, from: base(amount), steps: steps.collect() });
    }
    all
}

fn edited(event: &Event, change: impl FnOnce(&mut Tx)) -> Event {
    let mut event = event.clone();
    if let Body::Tx(tx) = &mut event.body {
        change(tx);
    }
    event
}

fn delays(event: &Event) -> Ladder {
    let steps = DELAYS.iter().map(|(text, by)| {
        let time = later(event.time, *by);
        ((*text).to_owned(), Event { time, ..event.clone() })
    });
    Ladder { input: "time", from: "as it came".to_owned(), steps: steps.collect() }
}

fn scaled(amount: Amount, (n, of): (u64, u64)) -> Amount {
    let factor = Amount::from_u64(n).0;
    Amount(amount.0.saturating_mul(factor) / Amount::from_u64(of).0)
}

fn set_value(tx: &mut Tx, value: Amount) {
    if let TxBody::Evm(evm) = &mut tx.body {
        evm.value = value;
    }
}

fn gas_prices(event: &Event, price: Amount) -> Ladder {
    let gwei = |price: Amount| format!("{} gwei", price.units(9));
    let steps = DOWN[..DOWN.len() - 1].iter().map(|share| {
        let lower = scaled(price, *share);
        let step = edited(event, |tx| {
            if let TxBody::Evm(evm) = &mut tx.body {
                evm.gas_price = Some(lower);
                evm.max_priority_fee_per_gas =
                    evm.max_priority_fee_per_gas.map(|fee| scaled(fee, *share));
                evm.max_fee_per_gas = evm.max_fee_per_gas.map(|fee| scaled(fee, *share));
            }
            if let Some(outcome) = &mut tx.outcome {
                outcome.effective_gas_price = outcome.effective_gas_price.map(|_| lower);
            }
        });
        (gwei(lower), step)
    });
    Ladder { input: "gas price", from: gwei(price), steps: steps.collect() }
}

/// The same transaction to, and from, somebody nobody has ever seen.
fn strangers(event: &Event, tx: &Tx) -> Vec<Ladder> {
    let TxBody::Evm(evm) = &tx.body else { return Vec::new() };
    let nobody = stranger(tx, Family::Evm);
    let text = "an account never seen before".to_owned();
    let mut ladders = Vec::new();
    if let Some(to) = &evm.to {
        let step = edited(event, |tx| {
            if let TxBody::Evm(evm) = &mut tx.body {
                evm.to = Some(nobody.clone());
            }
        });
        let steps = vec![(text.clone(), step)];
        ladders.push(Ladder { input: "receiver", from: to.to_string(), steps });
    }
    let step = edited(event, |tx| {
        if let TxBody::Evm(evm) = &mut tx.body {
            evm.from = nobody.clone();
        }
    });
    let from = evm.from.to_string();
    ladders.push(Ladder { input: "sender", from, steps: vec![(text, step)] });
    ladders
}

/// Returns an address that follows from the transaction and is nobody's.
fn stranger(tx: &Tx, family: Family) -> Address {
    let Hash32(id) = tx.id;
    let digest = blake3::keyed_hash(blake3::hash(b"txwarden stranger").as_bytes(), &id);
    let bytes: [u8; 20] = std::array::from_fn(|k| digest.as_bytes()[k]);
    match family {
        Family::Evm => Address::Evm(bytes),
        Family::Utxo => {
            let hex = bytes.iter().fold(String::from("script:"), |mut text, byte| {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            });
            Address::Text(hex.into())
        }
    }
}

fn of_utxo(event: &Event, tx: &Tx, utxo: &UtxoTx) -> Vec<Ladder> {
    let mut ladders = Vec::new();
    let change = |edit: &dyn Fn(&mut UtxoTx)| {
        edited(event, |tx| {
            if let TxBody::Utxo(utxo) = &mut tx.body {
                edit(utxo);
            }
        })
    };
    let total = utxo.output_value();
    for (input, shares) in [("lower values", &DOWN[..]), ("higher values", &UP[..])] {
        let steps = shares.iter().map(|(n, of)| {
            let scale = |v: u64| (u128::from(v) * u128::from(*n) / u128::from(*of)) as u64;
            let step = change(&|utxo| {
                utxo.outputs.iter_mut().for_each(|o| o.value = scale(o.value));
                utxo.inputs.iter_mut().for_each(|i| i.value = i.value.map(scale));
            });
            (format!("{} satoshi in all", scale(total)), step)
        });
        let from = format!("{total} satoshi in all");
        ladders.push(Ladder { input, from, steps: steps.collect() });
    }
    let mut values: Vec<u64> = utxo.outputs.iter().map(|o| o.value).collect();
    values.sort_unstable();
    let most = values.chunk_by(|a, b| a == b).max_by_key(|run| run.len());
    if let Some([value, _, ..]) = most {
        let at = utxo.outputs.iter().position(|o| o.value == *value).unwrap_or(0);
        let step = change(&|utxo| utxo.outputs[at].value = value.saturating_add(1));
        let steps = vec![("one of them 1 satoshi more".to_owned(), step)];
        let from = format!("{} of {value} satoshi", values.iter().filter(|v| *v == value).count());
        ladders.push(Ladder { input: "equal outputs", from, steps });
    }
    if utxo.inputs.len() > 1 {
        let step = change(&|utxo| utxo.inputs.truncate(1));
        let from = utxo.inputs.len().to_string();
        ladders.push(Ladder { input: "inputs", from, steps: vec![("the first".into(), step)] });
    }
    let largest = (0..utxo.outputs.len()).max_by_key(|at| utxo.outputs[*at].value);
    if let Some(at) = largest {
        let step = change(&|u| u.outputs[at].address = Some(stranger(tx, Family::Utxo)));
        let from = utxo.outputs[at].address.as_ref().map_or("a script".into(), Address::to_string);
        let steps = vec![("an account never seen before".to_owned(), step)];
        ladders.push(Ladder { input: "largest output's owner", from, steps });
    }
    ladders
}
