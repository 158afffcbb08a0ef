//! What is remembered of one account.

pub(super) mod payment;
pub(super) mod profile;
pub(super) mod roles;
pub(super) mod wallet_fingerprint;
pub(super) mod windows;
