//! The features that clustering looks at: without near-duplicates, about twenty of each family.

use crate::{
    feature::{Features, evm, utxo},
    model::Family,
};

/// Returns the positions of the clustered features.
pub fn of(family: Family) -> &'static [usize] {
    match family {
        Family::Evm => &EVM,
        Family::Utxo => &UTXO,
    }
}

/// Columns of either family: a row is an array, so that it costs no allocation.
pub const N_COLUMNS: usize = 20;

const EVM: [usize; N_COLUMNS] = [
    evm::LOG_VALUE,
    evm::DIGITS,
    evm::SENDER_GAP,
    evm::SENDER_FUNDED_GAP,
    evm::RECEIVER_GAP,
    evm::SENDER_AGE,
    evm::RECEIVER_AGE,
    evm::SENDER_OUT,
    evm::SENDER_FAN_OUT,
    evm::RECEIVER_IN,
    evm::RECEIVER_OUT,
    evm::FAN_IN,
    evm::SINGLE_SHARE,
    evm::NEW_SENDERS_24H,
    evm::FRESH_SHARE,
    evm::PAYERS_AGE,
    evm::RETENTION,
    evm::IS_NEW_EDGE,
    evm::HAS_CALLDATA,
    evm::FEE_OVER_BASE,
];

const UTXO: [usize; N_COLUMNS] = [
    utxo::LOG_TOTAL,
    utxo::FEE_RATE_Z,
    utxo::N_IN,
    utxo::N_OUT,
    utxo::N_EQUAL,
    utxo::EQUAL_SHARE,
    utxo::OUT_ENTROPY,
    utxo::IN_ENTROPY,
    utxo::IN_AGE,
    utxo::COIN_DAYS,
    utxo::N_DUST,
    utxo::ROUND_SHARE,
    utxo::CHANGE_SHARE,
    utxo::SCRIPT_MIX,
    utxo::SIGNALS_RBF,
    utxo::OP_RETURN_BYTES,
    utxo::N_PEELS,
    utxo::SENDER_AGE,
    utxo::RECEIVER_AGE,
    utxo::IS_NEW_EDGE,
];

/// Stands for an absent feature: just outside of what ages, counts and shares can be, so that
/// "never" is a neighbour of nothing but itself.
const ABSENT: f32 = -1.0;

/// Returns the clustered features of a transaction.
pub fn row(family: Family, features: &Features) -> [f32; N_COLUMNS] {
    let columns = match family {
        Family::Evm => &EVM,
        Family::Utxo => &UTXO,
    };
    columns.map(|position| features.get(position).map_or(ABSENT, |v| v as f32))
}
