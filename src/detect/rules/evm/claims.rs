//! How far the events of a token can be believed: any contract may say what it likes of anybody.

use crate::{
    detect::Scene,
    model::{Address, Chain, EventTime, is_listed_token},
    state::Role,
};

/// Accounts that have called a token before its events are believed though no list knows it: each
/// has paid for it, and a forger would have to fund them all.
const N_CALLERS_MIN: u32 = 100;
/// Days for which the token must have been seen by then: forgeries are used within hours of their
/// making.
const DAYS_MIN: i64 = 7;

/// What is known of a token's event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenClaim {
    /// The chain itself or a token that everybody knows says so.
    Fact,
    /// An unknown token says so of who signed the transaction, or of the contract that was called.
    Own,
    /// It says that who signed was paid by somebody else.
    Asked,
    /// It says so of people who have no part in the transaction.
    Forged,
    /// It says so, and the transaction has not been seen.
    Unproven,
}

/// Returns what is known of an event by which `token` says that one paid another in the
/// transaction of the scene.
pub fn weigh(scene: &Scene<'_>, token: &Address, from: &Address, to: &Address) -> TokenClaim {
    let Some(tx) = scene.event.tx_id() else { return TokenClaim::Unproven };
    if !has_contracts(scene.chain) || is_known(scene, token) {
        return TokenClaim::Fact;
    }
    let role = |account: &Address| scene.state.role_in(scene.state.key(account), &tx);
    match role(from) {
        Role::Signer | Role::Called => TokenClaim::Own,
        Role::Unknown => TokenClaim::Unproven,
        Role::Stranger | Role::Crowded if role(to) == Role::Signer => TokenClaim::Asked,
        Role::Stranger | Role::Crowded => TokenClaim::Forged,
    }
}

/// Returns whether a token's events are believed: it is listed, has a price, or many have used it
/// for a while.
fn is_known(scene: &Scene<'_>, token: &Address) -> bool {
    let has_price = || {
        let prices = &scene.reference.prices;
        !prices.is_empty() && prices.contains_key(&token.to_string())
    };
    let is_established = || {
        scene.state.profile(scene.state.key(token)).is_some_and(|profile| {
            profile.n_senders() >= N_CALLERS_MIN
                && scene.event.time.since(profile.first_seen()) >= DAYS_MIN * EventTime::DAY
        })
    };
    is_listed_token(token) || has_price() || is_established()
}

/// Returns whether tokens are contracts on a chain. Elsewhere (XRP Ledger, Solana, venues) the
/// ledger itself moves them, and only for who signs.
fn has_contracts(chain: &Chain) -> bool {
    chain.id.starts_with("eip155:") || chain.id.starts_with("tron:")
}
