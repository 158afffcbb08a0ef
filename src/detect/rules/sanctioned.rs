//! `sanctioned`: value moves directly to or from an account on a sanctions list.

use super::{Definition, bounded, finding, money, parties};
use crate::{
    detect::{Need, Rule, RuleMeta, Scene},
    model::{
        Address, Amount, Band, Body, Family, Finding, LabelKind, Severity, Subject, TokenAmount,
        Transfer, UtxoTx,
    },
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Parameters of [`Sanctioned`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Least confidence of a label that counts, 0–1. D: 0.5.
    pub confidence_min: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { confidence_min: 0.5 }
    }
}

/// The rule.
pub struct Sanctioned {
    params: Params,
}

/// One contact with a listed account.
struct Contact<'a> {
    listed: &'a Address,
    counterparty: Option<&'a Address>,
    /// `received from` or `sent to`, as the counterparty sees it.
    direction: &'static str,
    amount: String,
    is_failed: bool,
}

impl Definition for Sanctioned {
    type Params = Params;

    const META: &'static RuleMeta = &RuleMeta {
        id: "sanctioned",
        title: "Contact with a sanctioned account",
        description: "A transaction or transfer goes to or comes from an account that is \
                      labelled sanctioned. Direct contact only. A failed transaction is high: it \
                      moved nothing, but it was tried. Token transfers of nothing are left out: \
                      anybody can forge those.",
        severity: Severity::Critical,
        families: &[Family::Evm, Family::Utxo],
        subject: "account",
        needs: &[Need::Labels(LabelKind::Sanctioned)],
        false_positives: &[
            "small unasked amounts that a listed account sends to strangers",
            "a label that has been lifted but not removed",
        ],
        references: &[
            "https://sanctionslist.ofac.treas.gov",
            "https://go.chainalysis.com/chainalysis-oracle-docs.html",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn check(params: &Params) -> Result<(), String> {
        if (0.0..=1.0).contains(&params.confidence_min) {
            return Ok(());
        }
        Err("confidence_min must be from 0 to 1".to_owned())
    }
}

impl Rule for Sanctioned {
    fn meta(&self) -> &'static RuleMeta {
        Self::META
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        // Without labels there is nothing to find, and most deployments have few.
        if scene.reference.labels.is_empty() {
            return;
        }
        let contact = match &scene.event.body {
            Body::Tx(tx) => match (tx.evm(), tx.utxo()) {
                (Some(evm), _) => self.between(
                    scene,
                    &evm.from,
                    parties::evm_receiver(tx, evm),
                    money::native_text(scene.chain, evm.value),
                    tx.is_failed(),
                ),
                (_, Some(utxo)) => self.of_utxo(scene, utxo),
                _ => None,
            },
            Body::Transfer(transfer) => self.of_transfer(scene, transfer),
            _ => None,
        };
        out.extend(contact.map(|contact| self.report(scene, &contact)));
    }
}

impl Sanctioned {
    fn is_listed(&self, scene: &Scene<'_>, address: &Address) -> bool {
        scene.reference.labels_of(address, scene.event.time).any(|label| {
            label.kind == LabelKind::Sanctioned && label.confidence >= self.params.confidence_min
        })
    }

    fn between<'a>(
        &self,
        scene: &Scene<'_>,
        from: &'a Address,
        to: &'a Address,
        amount: String,
        is_failed: bool,
    ) -> Option<Contact<'a>> {
        let (listed, counterparty, direction) = if self.is_listed(scene, from) {
            (from, to, "received from")
        } else if self.is_listed(scene, to) {
            (to, from, "sent to")
        } else {
            return None;
        };
        Some(Contact { listed, counterparty: Some(counterparty), direction, amount, is_failed })
    }

    fn of_transfer<'a>(&self, scene: &Scene<'_>, transfer: &'a Transfer) -> Option<Contact<'a>> {
        let (TokenAmount::Amount(amount) | TokenAmount::AmountOrId(amount)) = transfer.amount
        else {
            return self.between(scene, &transfer.from, &transfer.to, "a token".to_owned(), false);
        };
        if amount.is_zero() {
            return None;
        }
        let text = match &transfer.token {
            None => money::native_text(scene.chain, amount),
            Some(token) => format!("{amount} base units of token {token}"),
        };
        self.between(scene, &transfer.from, &transfer.to, text, false)
    }

    /// Coins have many parties: the first listed input or else output is the contact, and the
    /// first party on the other side is its counterparty.
    fn of_utxo<'a>(&self, scene: &Scene<'_>, utxo: &'a UtxoTx) -> Option<Contact<'a>> {
        let inputs = || utxo.inputs.iter().filter_map(|i| Some((i.address.as_ref()?, i.value)));
        let outputs = || utxo.outputs.iter().filter_map(|o| Some((o.address.as_ref()?, o.value)));
        let text = |sats| money::native_text(scene.chain, Amount::from_u64(sats));
        if let Some((listed, value)) = inputs().find(|(a, _)| self.is_listed(scene, a)) {
            let counterparty = outputs().map(|(a, _)| a).find(|a| *a != listed);
            let amount = value.map_or("an unknown amount".to_owned(), text);
            let direction = "received from";
            return Some(Contact { listed, counterparty, direction, amount, is_failed: false });
        }
        let (listed, value) = outputs().find(|(a, _)| self.is_listed(scene, a))?;
        let counterparty = inputs().map(|(a, _)| a).next();
        let amount = text(value);
        Some(Contact { listed, counterparty, direction: "sent to", amount, is_failed: false })
    }

    fn report(&self, scene: &Scene<'_>, contact: &Contact<'_>) -> Finding {
        let Contact { listed, counterparty, direction, amount, is_failed } = contact;
        let label = scene
            .reference
            .labels_of(listed, scene.event.time)
            .find(|label| label.kind == LabelKind::Sanctioned);
        let list = label.map_or_else(String::new, |l| format!(" ({}, {})", l.name, l.source));
        let who = counterparty.map_or("an unknown party".to_owned(), ToString::to_string);
        let tail = if *is_failed { "; the transaction failed and moved nothing" } else { "" };
        Finding {
            severity: if *is_failed { Severity::High } else { Self::META.severity },
            value: 1.0,
            expected: Band::below(1.0),
            unit: Cow::Borrowed("contacts"),
            explanation: format!("{amount} {direction} sanctioned {listed}{list} by {who}{tail}."),
            quiet_if: format!("{listed} were not labelled sanctioned"),
            refs: bounded([format!("account:{listed}")]),
            ..finding(Self::META, Subject::Account(counterparty.unwrap_or(listed).clone()))
        }
    }
}
