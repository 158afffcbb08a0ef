//! What triage must know of an event: its summary and stakes, and if it is scored its stratum and
//! subject.

use crate::{
    detect::Scene,
    model::{
        AccountKey, Address, Amount, Body, Chain, Event, Inclusion, LabelKind, Reference, Status,
        Subject, TokenAmount, TokenStandard, Transfer, Tx, TxBlock, TxBody, TxSummary, stablecoin,
    },
    triage::Stakes,
};

/// Addresses that an alert lists on either side.
const PARTIES_MAX: usize = 16;
/// Outputs from which on a UTXO transaction is a batch, with a calibration of its own.
const BATCH_OUTPUTS_MIN: usize = 10;

/// The calibration stratum of payments in tokens.
const TOKEN_STRATUM: usize = 5;

/// Who and what a transaction's score is about.
pub(in crate::engine) struct Focus {
    /// Calibration stratum: type of transaction inside the chain, or payments in tokens.
    pub(in crate::engine) stratum: usize,
    pub(in crate::engine) subject: Subject,
    /// The account whose cool-down and calibration sample it is. A transaction of which no payee is
    /// known has neither in common with any other.
    pub(in crate::engine) account: AccountKey,
}

/// Finds the focus of what is scored: a transaction (but for coinbases, which nobody sent), or a
/// payment in a token.
pub(in crate::engine) fn focus(scene: &Scene<'_>) -> Option<Focus> {
    let state = scene.state;
    let tx = match &scene.event.body {
        Body::Tx(tx) => tx,
        Body::Transfer(transfer) => {
            transfer.token_payment()?;
            let account = state.key(&transfer.to);
            let subject = Subject::Account(transfer.to.clone());
            return Some(Focus { stratum: TOKEN_STRATUM, subject, account });
        }
        _ => return None,
    };
    match &tx.body {
        TxBody::Evm(evm) => {
            let created = tx.outcome.as_ref().and_then(|o| o.created.as_ref());
            let stratum = match (&evm.to, evm.input.n_bytes) {
                (None, _) => 2,
                (Some(_), 0) => 0,
                (Some(_), _) => 1,
            };
            let address = evm.to.as_ref().or(created).unwrap_or(&evm.from);
            let account = state.key(address);
            Some(Focus { stratum, subject: Subject::Account(address.clone()), account })
        }
        TxBody::Utxo(utxo) => {
            if utxo.is_coinbase {
                return None;
            }
            let stratum = if utxo.outputs.len() < BATCH_OUTPUTS_MIN { 3 } else { 4 };
            let pays_others = |address: &Address| {
                !utxo.inputs.iter().any(|i| i.address.as_ref() == Some(address))
            };
            let account = utxo
                .outputs
                .iter()
                .filter(|o| o.address.as_ref().is_some_and(pays_others))
                .max_by_key(|o| o.value)
                .or_else(|| utxo.outputs.iter().max_by_key(|o| o.value))
                .and_then(|o| o.address.as_ref())
                .map_or_else(|| state.key_of_tx(&tx.id), |a| state.key(a));
            Some(Focus { stratum, subject: Subject::Tx(tx.id), account })
        }
    }
}

/// Returns whether an event is shown to the models.
pub(in crate::engine) fn is_scored(event: &Event) -> bool {
    match &event.body {
        Body::Tx(_) => true,
        Body::Transfer(transfer) => transfer.token_payment().is_some(),
        _ => false,
    }
}

/// Summarises the transaction of an event, or what a transaction moved, for an alert.
pub(in crate::engine) fn summarise(chain: &Chain, event: &Event) -> Option<TxSummary> {
    match &event.body {
        Body::Tx(tx) => Some(of_tx(chain, tx)),
        Body::Transfer(transfer) => of_transfer(chain, transfer),
        _ => None,
    }
}

fn of_transfer(chain: &Chain, transfer: &Transfer) -> Option<TxSummary> {
    use TokenAmount::{Amount, AmountOrId, TokenId};
    let (Amount(value) | AmountOrId(value) | TokenId(value)) = transfer.amount;
    let (decimals, asset) = match &transfer.token {
        None => (Some(chain.native.decimals), chain.native.symbol.to_string()),
        Some(token) => {
            let kind = match transfer.standard {
                TokenStandard::Erc721 => "erc721",
                TokenStandard::Erc1155 => "erc1155",
                _ => "erc20",
            };
            let decimals = stablecoin(token).map(|coin| coin.decimals);
            (decimals, format!("{}/{kind}:{token}", chain.id))
        }
    };
    Some(TxSummary {
        id: chain.hash_text(transfer.tx.as_ref()?),
        block: block(chain, transfer.inclusion),
        index: transfer.inclusion.and_then(|i| i.index),
        value,
        decimals,
        asset,
        from: vec![transfer.from.to_string()],
        to: vec![transfer.to.to_string()],
        fee: None,
    })
}

fn block(chain: &Chain, inclusion: Option<Inclusion>) -> Option<TxBlock> {
    inclusion.map(|i| TxBlock {
        height: i.height,
        hash: i.block.map(|b| chain.hash_text(&b)),
        finality: Status::Provisional,
    })
}

fn of_tx(chain: &Chain, tx: &Tx) -> TxSummary {
    let (value, fee) = match &tx.body {
        TxBody::Evm(evm) => (evm.value, evm_fee(tx)),
        TxBody::Utxo(utxo) => {
            (Amount::from_u64(utxo.output_value()), utxo.fee().map(Amount::from_u64))
        }
    };
    let (from, to) = parties(tx);
    TxSummary {
        id: chain.hash_text(&tx.id),
        block: block(chain, tx.inclusion),
        index: tx.inclusion.and_then(|i| i.index),
        value,
        decimals: Some(chain.native.decimals),
        asset: chain.native.symbol.to_string(),
        from: texts(from),
        to: texts(to),
        fee,
    }
}

/// Weighs what is at stake in an event.
pub(in crate::engine) fn stakes(chain: &Chain, event: &Event, reference: &Reference) -> Stakes {
    let (from, to) = match &event.body {
        Body::Tx(tx) => parties(tx),
        Body::Transfer(transfer) => (vec![&transfer.from], vec![&transfer.to]),
        _ => Default::default(),
    };
    let everybody = || from.iter().chain(&to).copied();
    let price = reference.usd_price(&chain.native.symbol, event.time);
    let of_native = |amount: Amount| Some(price? * amount.units(chain.native.decimals));
    let usd = match &event.body {
        Body::Tx(tx) => match &tx.body {
            TxBody::Evm(evm) => of_native(evm.value),
            TxBody::Utxo(utxo) => of_native(Amount::from_u64(utxo.output_value())),
        },
        Body::Transfer(transfer) => match (&transfer.token, transfer.amount) {
            (None, TokenAmount::Amount(amount)) => of_native(amount),
            (Some(token), TokenAmount::Amount(amount) | TokenAmount::AmountOrId(amount)) => {
                stablecoin(token).map(|coin| coin.usd(amount))
            }
            _ => None,
        },
        _ => None,
    };
    Stakes {
        usd,
        is_watched: everybody().any(|a| reference.watch.contains_key(a)),
        is_included: event.inclusion().is_some(),
        is_regulated: everybody().any(|a| {
            reference
                .labels_of(a, event.time)
                .any(|l| matches!(l.kind, LabelKind::Sanctioned | LabelKind::Mixer))
        }),
    }
}

fn evm_fee(tx: &Tx) -> Option<Amount> {
    let outcome = tx.outcome.as_ref()?;
    let price = outcome.effective_gas_price.or(tx.evm()?.gas_price)?;
    let gas = Amount::from_u64(outcome.gas_used?);
    let fee = Amount(price.0.checked_mul(gas.0)?);
    Some(fee.saturating_add(outcome.l1_fee.unwrap_or_default()))
}

/// Returns the distinct parties of a transaction, in their order, bounded.
fn parties(tx: &Tx) -> (Vec<&Address>, Vec<&Address>) {
    match &tx.body {
        TxBody::Evm(evm) => (vec![&evm.from], evm.to.iter().collect()),
        TxBody::Utxo(utxo) => (
            bounded(utxo.inputs.iter().filter_map(|i| i.address.as_ref())),
            bounded(utxo.outputs.iter().filter_map(|o| o.address.as_ref())),
        ),
    }
}

fn bounded<'a>(addresses: impl Iterator<Item = &'a Address>) -> Vec<&'a Address> {
    let mut distinct: Vec<&Address> = Vec::new();
    for address in addresses {
        if distinct.len() == PARTIES_MAX {
            break;
        }
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    distinct
}

fn texts(addresses: Vec<&Address>) -> Vec<String> {
    addresses.into_iter().map(ToString::to_string).collect()
}
