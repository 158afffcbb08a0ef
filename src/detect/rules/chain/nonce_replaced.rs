//! `nonce_replaced`: a sender signs a second transaction with a nonce that it has already used.

use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{bounded, finding, money, parties},
    },
    model::{
        Address, Band, Chain, Conflict, ConflictKey, ConflictKind, Family, Finding, Reference,
        Severity, Signal, Subject, has_nonces, is_listed_token,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// `transfer`, `transferFrom`, `approve`, `safeTransferFrom` (twice), `setApprovalForAll`: a token
/// that has not been seen yet is one by what it is asked.
const TOKEN_CALLS: [[u8; 4]; 6] = [
    [0xa9, 0x05, 0x9c, 0xbb],
    [0x23, 0xb8, 0x72, 0xdd],
    [0x09, 0x5e, 0xa7, 0xb3],
    [0x42, 0x84, 0x2e, 0x0e],
    [0xb8, 0x8d, 0x4f, 0xde],
    [0xa2, 0x2c, 0xb4, 0x65],
];

/// Parameters of [`NonceReplaced`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Whether speed-ups and cancellations are reported too, as info. Default: true.
    pub is_reporting_bumps: bool,
    /// Loss of the original's recipient that is low, in US dollars (without a price: a thousandth
    /// of a unit). Default: 1, as for `double_spend_attempt`.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub usd_min: f64,
    /// Share of its payment up to which the same recipient may lose for low: who sends all that an
    /// account has takes a higher fee out of it. Default: 0.05.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub lost_share_max: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { is_reporting_bumps: true, usd_min: 1.0, lost_share_max: 0.05 }
    }
}

/// The rule.
pub struct NonceReplaced {
    params: Params,
}

impl Rule for NonceReplaced {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "nonce_replaced",
        title: "Transaction replaced at its nonce",
        description: "A sender's second transaction with the nonce of a pending one. A speed-up \
                      (same recipient, value and data) or a cancellation (next to nothing to \
                      itself, or nothing to anybody) is info, as is another call of the same contract that pays it no \
                      less and is no token; one that calls another contract without anybody being \
                      paid less is low, as is one that takes less than $1 or a twentieth off the \
                      same payment; one that goes elsewhere is medium, and high when the \
                      original paid a watched account. Once the original was in a block it is a double spend, see \
                      double_spend_attempt.",
        severity: Severity::Medium,
        families: &[Family::Evm],
        subject: "sender",
        needs: &[],
        false_positives: &[
            "a wallet that queues a different transaction after the first got stuck",
            "both sides of a reorganisation",
        ],
        references: &[
            "https://besu.hyperledger.org/public-networks/concepts/transactions/pool",
            "https://geth.ethereum.org/docs/fundamentals/command-line-options",
        ],
    };

    const HELPED_BY: &'static [Need] = &[Need::WatchList];

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn misses(&self, chain: &Chain, _: &Reference) -> Option<Need> {
        (!has_nonces(chain)).then_some(Need::Nonces)
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        for signal in scene.signals {
            let Signal::Conflict(conflict) = signal else { continue };
            let ConflictKey::SenderNonce(sender, nonce) = &conflict.key else { continue };
            if conflict.kind == ConflictKind::Redirect || self.params.is_reporting_bumps {
                out.extend(self.replaced(scene, conflict, sender, *nonce));
            }
        }
    }
}

impl NonceReplaced {
    fn replaced(
        &self,
        scene: &Scene<'_>,
        conflict: &Conflict,
        sender: &Address,
        nonce: u64,
    ) -> Option<Finding> {
        let meta = NonceReplaced::META;
        let watched = conflict.original_to.as_ref().and_then(|to| scene.reference.watch.get(to));
        let (severity, what) = match conflict.kind {
            ConflictKind::SpeedUp => {
                (Severity::Info, "speeds it up: same recipient, value and data")
            }
            ConflictKind::Cancel => (Severity::Info, "cancels it: nobody but the sender is paid"),
            ConflictKind::Redirect => match (self.stake(scene, conflict), watched) {
                (Stake::Data, _) => {
                    (Severity::Info, "pays the same account no less, with other data")
                }
                (_, Some(_)) => (Severity::High, "redirects it away from a watched account"),
                (Stake::Call, _) => (Severity::Low, "calls another: nobody is paid less"),
                (Stake::Little, _) => (Severity::Low, "pays less, by next to nothing"),
                (Stake::Value, _) => {
                    (meta.severity, "redirects it: other recipient, value or data")
                }
            },
            // `double_spend_attempt` tells of those.
            ConflictKind::DoubleSpend => return None,
        };
        let paid = match conflict.value_at_risk {
            // What is paid as before is not at risk.
            lost if lost.is_zero() => "went to".to_owned(),
            lost => format!("paid {} to", money::native_text(scene.chain, lost)),
        };
        let whom = match (&conflict.original_to, watched) {
            (Some(to), Some(entry)) => format!("{paid} {to} (watched: {})", entry.name),
            (Some(to), None) => format!("{paid} {to}"),
            (None, _) => "created a contract".to_owned(),
        };
        Some(Finding {
            severity,
            value: 2.0,
            expected: Band::below(2.0),
            unit: Cow::Borrowed("transactions"),
            explanation: format!(
                "{sender} signed a second transaction with nonce {nonce}; the original {whom}, the \
             new one {what}."
            ),
            quiet_if: format!("the new transaction had another nonce than {nonce}"),
            refs: bounded([
                format!("tx:0x{}", conflict.original),
                format!("tx:0x{}", conflict.replacement),
            ]),
            ..finding(meta, Subject::Account(sender.clone()))
        })
    }

    /// Returns what a replacement may take from the original's recipients. Bundlers, keepers and
    /// traders replace calls without value all day; a call of a token may have been a payment in
    /// it.
    fn stake(&self, scene: &Scene<'_>, conflict: &Conflict) -> Stake {
        let Some((_, new)) = parties::evm(scene) else { return Stake::Value };
        let may_pay = |to: &Option<Address>| to.as_ref().is_some_and(|to| is_token(scene, to));
        if new.input.selector.is_some_and(|selector| TOKEN_CALLS.contains(&selector))
            || may_pay(&conflict.original_to)
            || may_pay(&new.to)
        {
            return Stake::Value;
        }
        let is_same = new.to == conflict.original_to;
        let lost = conflict.value_at_risk;
        if lost.is_zero() {
            return if is_same { Stake::Data } else { Stake::Call };
        }
        let units = money::native_units(scene.chain, lost);
        let kept = money::native_units(scene.chain, new.value);
        let is_share = is_same && units <= self.params.lost_share_max * (units + kept);
        let is_little = is_share || money::is_little(scene, units, self.params.usd_min);
        if is_little { Stake::Little } else { Stake::Value }
    }
}

/// What a redirected transaction had at stake.
enum Stake {
    /// Somebody is paid less, or the call may have moved tokens.
    Value,
    /// Nothing but a call, of somebody else.
    Call,
    /// Nothing but what the same recipient is told.
    Data,
    /// Somebody is paid less, but by so little that nobody is robbed.
    Little,
}

/// Returns whether an address is known as a token: on a list, or by the logs seen of it.
fn is_token(scene: &Scene<'_>, address: &Address) -> bool {
    is_listed_token(address) || scene.state.is_token(scene.state.key(address))
}
