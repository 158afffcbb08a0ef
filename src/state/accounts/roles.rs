//! What an account has to do with the transaction that a log speaks of it in.

use crate::{
    model::{AccountHasher, AccountKey, Address, TxId, is_listed_token},
    state::{DEGREE_MAX, Move, apply::tx_prefix, history::History},
};

/// What part an account has in a transaction, as far as the stream tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It signed it: what happens is its own doing.
    Signer,
    /// It is the account or contract that was called.
    Called,
    /// Somebody else signed it and called something else: logs that name the account are what
    /// their contract says.
    Stranger,
    /// Its moves in this transaction alone fill what is remembered of it.
    Crowded,
    /// The transaction itself has not been seen.
    Unknown,
}

impl History<'_> {
    /// Returns what part an account has in a transaction that was seen before its logs.
    ///
    /// # Cost
    /// A walk through the account's recent moves: up to [`DEGREE_MAX`] of them, twice.
    pub fn role_in(&self, account: AccountKey, tx: &TxId) -> Role {
        let prefix = tx_prefix(tx);
        // The transaction's own payment is the oldest of its moves.
        let is_of_tx = |m: &Move| m.tx_prefix == prefix;
        let is_own = |m: Move| m.tx_prefix == prefix && m.token.is_none();
        if self.memory.graph.sent(account).any(is_own) {
            Role::Signer
        } else if self.memory.graph.received(account).any(is_own) {
            Role::Called
        } else if !self.has_transaction(tx) {
            Role::Unknown
        } else if self.memory.graph.sent(account).filter(is_of_tx).count() >= DEGREE_MAX {
            Role::Crowded
        } else {
            Role::Stranger
        }
    }

    /// Returns whether a transfer of nothing may be forged: anybody can have a token say one in the
    /// name of others. Not where an account is emptied of nothing by its own
    /// transaction or code, nor where the null address (a mint, a burn) or the token has a part.
    pub fn is_forgeable(&self, tx: &TxId, token: &Address, from: &Address, to: &Address) -> bool {
        if from == to || from == token || from.is_nobody() || to.is_nobody() {
            return false;
        }
        let payer = self.key(from);
        match self.role_in(payer, tx) {
            Role::Signer | Role::Called | Role::Crowded => false,
            // A claim through a router: a contract that never signs pays who asked for it.
            Role::Stranger => {
                let has_signed = self.profile(payer).is_some_and(|profile| profile.n_out() > 0);
                has_signed || self.role_in(self.key(to), tx) != Role::Signer
            }
            Role::Unknown => true,
        }
    }

    /// The same of an approval. A token that everybody knows takes one from its owner alone, by a
    /// call or a signature: accounts whose bundler or relayer signs take theirs back that way.
    pub fn is_approval_forgeable(
        &self,
        tx: &TxId,
        token: &Address,
        owner: &Address,
        spender: &Address,
    ) -> bool {
        !is_listed_token(token) && self.is_forgeable(tx, token, owner, spender)
    }

    fn has_transaction(&self, tx: &TxId) -> bool {
        self.memory.facts.get(inclusion_key(tx, self.hasher)).is_some()
    }
}

/// Returns the key of the fact that a transaction is in a block.
pub(in crate::state) fn inclusion_key(tx: &TxId, hasher: &AccountHasher) -> u64 {
    hasher.hash(&[b"inclusion", &tx.0])
}
