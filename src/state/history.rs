//! What blocks have written, to be read together: the tables, and what makes their keys.

use super::{
    accounts::profile::Profile,
    chain::outputs::{UnspentOutput, output_key},
    chain::replacement::Bid,
    memory::Memory,
};
use crate::model::{
    AccountHasher, AccountKey, Address, CLAIMS_PER_TX_MAX, Chain, OutPoint, Tx, TxIn,
};

/// A view of one chain's tables. Steps that only read take this and not the whole state.
#[derive(Clone, Copy)]
pub(super) struct History<'a> {
    pub chain: &'a Chain,
    pub hasher: &'a AccountHasher,
    pub memory: &'a Memory,
}

impl History<'_> {
    /// Returns the key of an address.
    pub fn key(&self, address: &Address) -> AccountKey {
        self.hasher.key(address)
    }

    /// Returns an account's profile, `None` when it was never seen (or has been evicted).
    pub fn profile(&self, account: AccountKey) -> Option<&Profile> {
        self.memory.profiles.get(account.0)
    }

    /// Returns what is remembered of an unspent output.
    pub fn output(&self, outpoint: &OutPoint) -> Option<UnspentOutput> {
        let stored = self.memory.outputs.get(output_key(outpoint, self.hasher))?;
        Some(UnspentOutput::from(stored))
    }

    /// Returns an input's value in satoshi and its account: as the exporter said, else as the
    /// output that it spends is remembered.
    pub fn resolve_input(&self, input: &TxIn) -> Option<(u64, Option<AccountKey>)> {
        let address = input.address.as_ref().map(|address| self.key(address));
        match (input.value, address) {
            (Some(value), Some(account)) => Some((value, Some(account))),
            (value, account) => match input.outpoint.and_then(|o| self.output(&o)) {
                Some(output) => Some((value.unwrap_or(output.value), account.or(output.account))),
                None => value.map(|value| (value, account)),
            },
        }
    }

    /// Reads what a transaction pays, and which of it goes back to whom it spends from.
    pub fn bid(&self, tx: &Tx) -> Bid {
        let owner = |input: &TxIn| match &input.address {
            Some(address) => Some(self.key(address)),
            None => self.resolve_input(input)?.1,
        };
        let inputs = tx.utxo().map_or(&[][..], |utxo| &utxo.inputs);
        let owners = inputs.iter().take(CLAIMS_PER_TX_MAX).filter_map(owner);
        let mut owners: Vec<AccountKey> = owners.collect();
        owners.sort_unstable();
        Bid::of(tx, &owners, self.chain.native.decimals, self.hasher)
    }
}
