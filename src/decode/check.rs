//! What becomes of a record that contradicts itself, or what is known.

use super::{
    Reason, Refusal,
    evm::recipe::RecipeMatch,
    json::field::{Reader, refuse},
};
use crate::model::Quality;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of a part that a check refutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Its events carry `CHECK_FAILED`.
    Flag,
    DeadLetter,
    /// The check is not made.
    Ignore,
}

/// The policy of each check that a format can make; what carries too little is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Checks {
    /// Ids of transactions and blocks against the hash of their contents.
    pub hash: Policy,
    /// Senders against the signature: the costly one, and capped by `signatures_max`.
    pub sender: Policy,
    /// Inputs that pay less than the outputs take (UTXO).
    pub sums: Policy,
    /// A block's contents against what its header commits to: transactions and witnesses (UTXO),
    /// transactions, receipts and withdrawals (EVM).
    pub merkle: Policy,
    /// A header's hash against its own target (Bitcoin).
    pub work: Policy,
    /// Blocks against the blocks they say they follow, and what is in a block against that block.
    pub linkage: Policy,
    /// Transactions against the body that their id came with before.
    pub identity: Policy,
}

/// What refuted a part that was let pass, or why nothing could vouch for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuted {
    /// The record itself: hash, sender, sums, contents, or what is in a block against that block.
    Record,
    /// The blocks that are known.
    Linkage,
    /// The body that the transaction's id came with before.
    Identity,
    /// Nothing: a block's hash is of a recipe that is not known here.
    Unverified,
}

impl Refuted {
    pub const ALL: [Self; 4] = [Self::Record, Self::Linkage, Self::Identity, Self::Unverified];

    /// Returns the name used as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Linkage => "linkage",
            Self::Identity => "identity",
            Self::Unverified => "unverified",
        }
    }
}

impl Default for Checks {
    fn default() -> Self {
        let dead_letter = Policy::DeadLetter;
        Self {
            hash: dead_letter,
            sender: Policy::Flag,
            sums: dead_letter,
            merkle: dead_letter,
            work: dead_letter,
            linkage: Policy::Flag,
            identity: dead_letter,
        }
    }
}

impl Policy {
    /// Returns whether the check is to be made.
    pub fn is_wanted(self) -> bool {
        self != Self::Ignore
    }
}

impl Reader<'_> {
    /// Returns whether one more signature may be checked in this record, and counts it.
    pub(super) fn may_check_signature(&mut self) -> bool {
        self.n_signatures += 1;
        self.n_signatures <= self.limits().signatures_max
    }

    /// Notes what a check found out: `verified` when it agrees, else as the policy says.
    pub(super) fn judge(
        &mut self,
        is_right: bool,
        verified: Quality,
        policy: Policy,
        what: &str,
    ) -> Result<(), Refusal> {
        match (is_right, policy) {
            (true, _) => self.quality |= verified,
            (false, Policy::DeadLetter) => return Err(refuse(Reason::CheckFailed, what)),
            (false, Policy::Flag) => self.quality |= Quality::CHECK_FAILED,
            (false, Policy::Ignore) => {}
        }
        Ok(())
    }

    /// Notes whether an id is the hash of its fields; where the recipe is not known, no policy
    /// refuses it.
    pub(super) fn judge_hash(
        &mut self,
        found: RecipeMatch,
        policy: Policy,
        what: &str,
    ) -> Result<(), Refusal> {
        if policy.is_wanted() {
            self.quality |= found.quality();
            if found == RecipeMatch::Refuted {
                self.judge(false, Quality::empty(), policy, what)?;
            }
        }
        Ok(())
    }

    /// Lets a refusal by a check pass if its policy says so, flagged; returns whether the check was
    /// passed. Other refusals stand.
    pub(super) fn weigh(
        &mut self,
        checked: Result<(), Refusal>,
        policy: Policy,
    ) -> Result<bool, Refusal> {
        match (checked, policy) {
            (Ok(()), _) => Ok(true),
            (Err(Refusal::DeadLetter { reason: Reason::CheckFailed, .. }), Policy::Flag) => {
                self.quality |= Quality::CHECK_FAILED;
                Ok(false)
            }
            (Err(Refusal::DeadLetter { reason: Reason::CheckFailed, .. }), Policy::Ignore) => {
                Ok(false)
            }
            (Err(refusal), _) => Err(refusal),
        }
    }
}
