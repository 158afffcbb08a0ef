//! Which nonces count an account's transactions, and so can be used once only.
//!
//! What a chain itself puts into its blocks (deposits, retryables, state syncs, upgrades) is signed
//! by nobody; exporters and nodes still fill in a nonce: zero, the place in a queue, or the
//! account's count, which it does not use up. Two such transactions with one nonce conflict with
//! nothing.

use super::{Body, Event, EvmTx, TxBody};
use crate::model::{account::Address, chain::Chain};

/// Deposits and messages from the layer below: OP Stack and its forks, Scroll, Morph, Mantle, Celo.
const DEPOSIT: u8 = 0x7e;
/// Polygon's state syncs, since they are in the block's list.
const STATE_SYNC: u8 = 0x7f;
/// Arbitrum and Orbit chains: deposits, unsigned and contract calls, retries, submissions of
/// retryables and what the chain does itself. (Its old 0x78 is an account's.)
const ARBITRUM_FIRST: u8 = 0x64;
const ARBITRUM_LAST: u8 = 0x6a;
/// ZKsync's protocol upgrades and priority operations: numbered in their queue.
const ZKSYNC_FIRST: u8 = 0xfe;

/// Who signs nothing: the null address (Polygon's state syncs of old), the system's of EIP-4788 and
/// of Gnosis, Hyperliquid's.
const NOBODY: [[u8; 20]; 3] = [[0; 20], SYSTEM, [0x22; 20]];
const SYSTEM: [u8; 20] = {
    let mut address = [0xff; 20];
    address[19] = 0xfe;
    address
};

/// TRON, Shasta and Nile as their `eth_` answers name them: accounts have no nonce, nodes say 0.
const TRON_IDS: [&str; 3] = ["eip155:728126428", "eip155:2494104990", "eip155:3448148188"];
/// Hedera and its test networks: what came by Ethereum's way counts, all else says 0.
const HEDERA_IDS: [&str; 4] = ["eip155:295", "eip155:296", "eip155:297", "eip155:298"];

/// Drops the nonces of events that are none.
pub fn drop_false_nonces(chain: &Chain, events: &mut [Event]) {
    for event in events {
        if let Body::Tx(tx) = &mut event.body
            && let TxBody::Evm(evm) = &mut tx.body
            && evm.nonce.is_some_and(|nonce| !is_real(chain, evm, nonce))
        {
            evm.nonce = None;
        }
    }
}

/// Returns whether transactions of a chain's accounts are numbered at all.
pub fn has_nonces(chain: &Chain) -> bool {
    let id = &*chain.id;
    !(id.starts_with("tron:") || id.starts_with("solana:") || TRON_IDS.contains(&id))
}

/// Returns whether a nonce counts the transactions of the account that sends this one.
fn is_real(chain: &Chain, evm: &EvmTx, nonce: u64) -> bool {
    let is_system_type =
        |t| matches!(t, DEPOSIT | STATE_SYNC | ZKSYNC_FIRST.. | ARBITRUM_FIRST..=ARBITRUM_LAST);
    let is_nobody = |from: &Address| matches!(from, Address::Evm(b) if NOBODY.contains(b));
    // A ticket of the XRP Ledger takes the place of the sequence, which is then 0.
    let id = &*chain.id;
    let is_zero_none = id.starts_with("xrpl:") || HEDERA_IDS.contains(&id);
    let is_none = nonce == 0 && is_zero_none
        || evm.tx_type.is_some_and(is_system_type)
        || is_nobody(&evm.from);
    has_nonces(chain) && !is_none
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Amount, Calldata};

    fn is_kept(chain: &str, tx_type: Option<u8>, from: [u8; 20], nonce: u64) -> bool {
        let chain = Chain::parse(chain).unwrap();
        let evm = EvmTx {
            from: Address::Evm(from),
            to: None,
            value: Amount::ZERO,
            nonce: Some(nonce),
            gas_limit: None,
            gas_price: None,
            max_fee_per_gas: None,
            max_priority_fee_per_gas: None,
            max_fee_per_blob_gas: None,
            n_blobs: 0,
            n_authorizations: 0,
            n_access_entries: 0,
            tx_type,
            input: Calldata::default(),
            client_id: None,
        };
        is_real(&chain, &evm, nonce)
    }

    #[test]
    fn only_what_an_account_counts_is_a_nonce() {
        let someone = [7; 20];
        // Chain, type, sender, nonce: a system's, a queue's or a ticket's is none.
        let none = [
            ("eip155:10", Some(0x7e), someone, 5),
            ("eip155:8453", Some(0x7e), someone, 0),
            ("eip155:534352", Some(0x7e), someone, 91),
            ("eip155:42161", Some(0x64), someone, 0),
            ("eip155:42161", Some(0x68), someone, 1),
            ("eip155:42170", Some(0x69), someone, 0),
            ("eip155:42161", Some(0x6a), [0; 20], 0),
            ("eip155:137", Some(0), [0; 20], 0),
            ("eip155:137", Some(0x7f), someone, 0),
            ("eip155:324", Some(0xff), someone, 3_000_000),
            ("eip155:324", Some(0xfe), someone, 0),
            ("eip155:100", None, SYSTEM, 0),
            ("eip155:999", Some(0), [0x22; 20], 17),
            ("eip155:728126428", Some(0), someone, 0),
            ("tron:0x2b6653dc", None, someone, 4),
            ("eip155:295", Some(0), someone, 0),
            ("xrpl:0", None, someone, 0),
        ];
        for (chain, tx_type, from, nonce) in none {
            assert!(!is_kept(chain, tx_type, from, nonce), "{chain} {tx_type:?} {nonce}");
        }
        let some = [
            ("eip155:1", Some(2), someone, 0),
            ("eip155:1", None, someone, 7),
            ("eip155:42161", Some(0x78), someone, 0),
            ("eip155:42220", Some(0x7b), someone, 0),
            ("eip155:324", Some(0x71), someone, 0),
            ("eip155:295", Some(0), someone, 1),
            ("xrpl:0", None, someone, 1),
        ];
        for (chain, tx_type, from, nonce) in some {
            assert!(is_kept(chain, tx_type, from, nonce), "{chain} {tx_type:?} {nonce}");
        }
    }
}
