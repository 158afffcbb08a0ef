//! `sanctioned`: value moves directly to or from an account on a sanctions list.

use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{
            bounded,
            evm::claims::{self, TokenClaim},
            finding, money, parties,
        },
    },
    model::{
        Address, Amount, Band, Body, Family, Finding, LabelKind, Severity, Subject, TokenAmount,
        Transfer, TxOut, UtxoTx, stablecoin,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Parameters of [`Sanctioned`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Least confidence of a label that counts, 0–1. Default: 0.5.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub confidence_min: f64,
    /// What a listed account sends is low below this worth in US dollars, where a price is known:
    /// anybody can be sent a cent. Default: 1.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub usd_min: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { confidence_min: 0.5, usd_min: 1.0 }
    }
}

const RECEIVED: &str = "received from";

/// The rule.
pub struct Sanctioned {
    params: Params,
}

/// One contact with a listed account.
struct ListedContact<'a> {
    listed: &'a Address,
    counterparty: Option<&'a Address>,
    /// [`RECEIVED`] or `sent to`, as the counterparty sees it.
    direction: &'static str,
    amount: MovedSum,
    ground: Ground<'a>,
}

/// What was moved.
struct MovedSum {
    text: String,
    /// In US dollars, where that is known.
    usd: Option<f64>,
}

impl MovedSum {
    fn native(scene: &Scene<'_>, amount: Amount) -> Self {
        let text = match amount.is_zero() {
            true => "A call without value".to_owned(),
            false => money::native_text(scene.chain, amount),
        };
        Self { text, usd: money::native_usd(scene, amount) }
    }
}

/// What says that there was a contact.
#[derive(Clone, Copy)]
enum Ground<'a> {
    Payment,
    /// A transaction without value: nobody received anything.
    Call,
    /// What a listed account sends is next to nothing.
    Dust,
    /// A transaction that failed.
    Attempt,
    /// The event of a token that nobody knows.
    Event(&'a Address, TokenClaim),
}

impl Rule for Sanctioned {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "sanctioned",
        title: "Contact with a sanctioned account",
        description: "A transaction or transfer goes to or comes from an account that is \
                      labelled sanctioned. Direct contact only. A failed transaction is high: it \
                      moved nothing, but it was tried. Less than $1 from a listed account is \
                      low, and about that account: it can send a cent to anybody. Token transfers of nothing are left out: \
                      anybody can forge those. So can anybody the events of a token of their own: \
                      until a token is known (a list, a price, a hundred callers in a week) its \
                      word is critical of a listed signer, high of a signer who pays a listed \
                      account, low where somebody asked for it or the transaction is not seen, \
                      and info of who has no part in it.",
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
                    MovedSum::native(scene, evm.value),
                    match (tx.is_failed(), evm.value.is_zero()) {
                        (true, _) => Ground::Attempt,
                        (_, true) => Ground::Call,
                        _ => Ground::Payment,
                    },
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
        amount: MovedSum,
        ground: Ground<'a>,
    ) -> Option<ListedContact<'a>> {
        let (listed, counterparty, direction) = if self.is_listed(scene, from) {
            (from, to, RECEIVED)
        } else if self.is_listed(scene, to) {
            (to, from, "sent to")
        } else {
            return None;
        };
        let is_little = amount.usd.is_some_and(|usd| usd < self.params.usd_min);
        let ground = match ground {
            Ground::Payment if direction == RECEIVED && is_little => Ground::Dust,
            ground => ground,
        };
        Some(ListedContact { listed, counterparty: Some(counterparty), direction, amount, ground })
    }

    fn of_transfer<'a>(
        &self,
        scene: &Scene<'_>,
        transfer: &'a Transfer,
    ) -> Option<ListedContact<'a>> {
        let Transfer { from, to, token, .. } = transfer;
        let amount = match (transfer.amount, token) {
            (TokenAmount::TokenId(_), _) => MovedSum { text: "A token".to_owned(), usd: None },
            (TokenAmount::Amount(amount) | TokenAmount::AmountOrId(amount), _)
                if amount.is_zero() =>
            {
                return None;
            }
            (TokenAmount::Amount(amount) | TokenAmount::AmountOrId(amount), None) => {
                MovedSum::native(scene, amount)
            }
            (TokenAmount::Amount(amount) | TokenAmount::AmountOrId(amount), Some(token)) => {
                MovedSum {
                    text: money::token_text(token, amount),
                    usd: stablecoin(token).map(|coin| coin.usd(amount)),
                }
            }
        };
        let contact = self.between(scene, from, to, amount, Ground::Payment)?;
        let ground = match token.as_ref().map(|t| (t, claims::weigh(scene, t, from, to))) {
            None | Some((_, TokenClaim::Fact)) => contact.ground,
            Some((token, claim)) => Ground::Event(token, claim),
        };
        Some(ListedContact { ground, ..contact })
    }

    /// Coins have many parties: the first listed input or else output is the contact, and the
    /// first party on the other side is its counterparty.
    fn of_utxo<'a>(&self, scene: &Scene<'_>, utxo: &'a UtxoTx) -> Option<ListedContact<'a>> {
        let inputs = || utxo.inputs.iter().filter_map(|i| Some((i.address.as_ref()?, i.value)));
        let shown = |o: &TxOut| (!o.is_hidden()).then_some(o.value);
        let outputs = || utxo.outputs.iter().filter_map(|o| Some((o.address.as_ref()?, shown(o))));
        let unknown = || MovedSum { text: "An unknown amount".to_owned(), usd: None };
        let sum = |value: Option<u64>| {
            value.map_or_else(unknown, |sats| MovedSum::native(scene, Amount::from_u64(sats)))
        };
        if let Some((listed, value)) = inputs().find(|(a, _)| self.is_listed(scene, a)) {
            let counterparty = outputs().map(|(a, _)| a).find(|a| *a != listed);
            // What goes back to where it came from is all that there is to tell of.
            let counterparty = counterparty.or(outputs().map(|(a, _)| a).next());
            let amount = sum(value);
            let direction = RECEIVED;
            let ground = Ground::Payment;
            return Some(ListedContact { listed, counterparty, direction, amount, ground });
        }
        let (listed, value) = outputs().find(|(a, _)| self.is_listed(scene, a))?;
        let counterparty = inputs().map(|(a, _)| a).next();
        let amount = sum(value);
        let ground = Ground::Payment;
        Some(ListedContact { listed, counterparty, direction: "sent to", amount, ground })
    }

    fn report(&self, scene: &Scene<'_>, contact: &ListedContact<'_>) -> Finding {
        let ListedContact { listed, counterparty, direction, amount, ground } = contact;
        let label = scene
            .reference
            .labels_of(listed, scene.event.time)
            .find(|label| label.kind == LabelKind::Sanctioned);
        let list = label.map_or_else(String::new, |l| match (&*l.name, &*l.source) {
            ("", "") => String::new(),
            ("", one) | (one, "") => format!(" ({one})"),
            (name, source) => format!(" ({name}, {source})"),
        });
        let who = match counterparty {
            None => "an unknown party".to_owned(),
            Some(account) if account == listed => "itself".to_owned(),
            Some(account) => account.to_string(),
        };
        let amount = &amount.text;
        let tail = match ground {
            Ground::Payment | Ground::Call => "",
            Ground::Dust => ", who may not have asked for it",
            Ground::Attempt => "; the transaction failed and moved nothing",
            Ground::Event(_, TokenClaim::Fact | TokenClaim::Own) => {
                ", as says a token that is not known"
            }
            Ground::Event(_, TokenClaim::Asked) => {
                ", as says a token that is not known; who was paid had asked for it"
            }
            Ground::Event(_, TokenClaim::Forged) => {
                ", as says a token that is not known, of accounts that have no part in the \
                 transaction: any contract can"
            }
            Ground::Event(_, TokenClaim::Unproven) => {
                ", as says a token that is not known; who signed is not known either"
            }
        };
        Finding {
            severity: contact.severity(),
            value: 1.0,
            expected: Band::below(1.0),
            unit: Cow::Borrowed("contacts"),
            explanation: format!("{amount} {direction} sanctioned {listed}{list} by {who}{tail}."),
            quiet_if: format!("{listed} were not labelled sanctioned"),
            refs: bounded([format!("account:{listed}")]),
            ..finding(Self::META, contact.subject())
        }
    }
}

impl ListedContact<'_> {
    fn severity(&self) -> Severity {
        match self.ground {
            Ground::Payment | Ground::Call | Ground::Event(_, TokenClaim::Fact) => {
                Sanctioned::META.severity
            }
            Ground::Dust => Severity::Low,
            Ground::Event(_, TokenClaim::Own) if self.direction == RECEIVED => {
                Sanctioned::META.severity
            }
            Ground::Attempt | Ground::Event(_, TokenClaim::Own) => Severity::High,
            Ground::Event(_, TokenClaim::Asked | TokenClaim::Unproven) => Severity::Low,
            Ground::Event(_, TokenClaim::Forged) => Severity::Info,
        }
    }

    /// Returns whom it is about: whoever dealt with the listed account, or the token whose word it
    /// is, which can name hundreds; the listed account, where nobody else had to do anything.
    fn subject(&self) -> Subject {
        let about = match self.ground {
            Ground::Event(token, TokenClaim::Forged | TokenClaim::Unproven | TokenClaim::Asked) => {
                token
            }
            Ground::Dust => self.listed,
            Ground::Call | Ground::Event(_, TokenClaim::Own) if self.direction == RECEIVED => {
                self.listed
            }
            _ => self.counterparty.unwrap_or(self.listed),
        };
        Subject::Account(about.clone())
    }
}
