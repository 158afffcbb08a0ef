//! `nonce_replaced`: a sender signs a second transaction with a nonce that it has already used.

use super::{Definition, bounded, finding, money};
use crate::{
    detect::{Rule, RuleMeta, Scene},
    model::{
        Address, Band, Conflict, ConflictKey, ConflictKind, Family, Finding, Severity, Signal,
        Subject,
    },
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Parameters of [`NonceReplaced`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Whether speed-ups and cancellations are reported too, as info. D: true.
    pub is_reporting_bumps: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self { is_reporting_bumps: true }
    }
}

/// The rule.
pub struct NonceReplaced {
    params: Params,
}

impl Definition for NonceReplaced {
    type Params = Params;

    const META: &'static RuleMeta = &RuleMeta {
        id: "nonce_replaced",
        title: "Transaction replaced at its nonce",
        description: "A sender's second transaction with the nonce of a pending one. A speed-up \
                      (same recipient, value and data) or a cancellation (to itself, nothing) is \
                      info; one that goes elsewhere is medium, and high when the original paid a \
                      watched account. Once the original was in a block it is a double spend, see \
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

    fn new(params: Params) -> Self {
        Self { params }
    }
}

impl Rule for NonceReplaced {
    fn meta(&self) -> &'static RuleMeta {
        Self::META
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        for signal in scene.signals {
            let Signal::Conflict(conflict) = signal else { continue };
            let ConflictKey::SenderNonce(sender, nonce) = &conflict.key else { continue };
            if conflict.kind == ConflictKind::Redirect || self.params.is_reporting_bumps {
                out.extend(replaced(scene, conflict, sender, *nonce));
            }
        }
    }
}

fn replaced(
    scene: &Scene<'_>,
    conflict: &Conflict,
    sender: &Address,
    nonce: u64,
) -> Option<Finding> {
    let meta = NonceReplaced::META;
    let watched = conflict.original_to.as_ref().and_then(|to| scene.reference.watch.get(to));
    let (severity, what) = match conflict.kind {
        ConflictKind::SpeedUp => (Severity::Info, "speeds it up: same recipient, value and data"),
        ConflictKind::Cancel => (Severity::Info, "cancels it: the sender pays itself nothing"),
        ConflictKind::Redirect if watched.is_some() => {
            (Severity::High, "redirects it away from a watched account")
        }
        ConflictKind::Redirect => (meta.severity, "redirects it: other recipient, value or data"),
        // `double_spend_attempt` tells of those.
        ConflictKind::DoubleSpend => return None,
    };
    let amount = money::native_text(scene.chain, conflict.value_at_risk);
    let whom = match (&conflict.original_to, watched) {
        (Some(to), Some(entry)) => format!("paid {amount} to {to} (watched: {})", entry.name),
        (Some(to), None) => format!("paid {amount} to {to}"),
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
