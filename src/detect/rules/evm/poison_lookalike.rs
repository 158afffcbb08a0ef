//! `poison_lookalike`: an address that looks like a known counterparty slips into a history, or is
//! paid.

use super::claims::{self, TokenClaim};
use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{finding, flow::moves, money, parties},
    },
    model::{
        AccountKey, Address, Amount, Band, Body, Chain, EventTime, Family, Finding, LabelKind,
        Reference, Severity, Subject, TokenAmount, stablecoin,
    },
    state::Move,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far back a counterparty is remembered: poisoners react within minutes, victims copy from
/// the last page of their history.
const LOOK_BACK_US: i64 = EventTime::DAY;

/// More moves than this in a day overflow the recent graph: such an account is no person who
/// copies addresses by hand.
const BUSY_MOVES_PER_DAY: f64 = 128.0;

/// Parameters of [`PoisonLookalike`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Leading hex digits that agree, 1 to 4. Default: 3.
    #[schemars(range(min = 1, max = 4), extend("x-unit" = "hex digits"))]
    pub n_head_digits: u8,
    /// Trailing hex digits that agree, 1 to 4. Published default (arXiv 2501.16681; wallets show
    /// four): 4.
    #[schemars(range(min = 1, max = 4), extend("x-unit" = "hex digits"))]
    pub n_tail_digits: u8,
    /// A transfer worth at most this many dollars is bait. Default: 1.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub usd_max: f64,
    /// So is one of at most this share of the genuine transfer. Default: 0.001.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub share_max: f64,
    /// Quiet when either end carries one of these labels. Default: exchange, bridge, defi.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            n_head_digits: 3,
            n_tail_digits: 4,
            usd_max: 1.0,
            share_max: 1e-3,
            ignore_labels: vec![LabelKind::Exchange, LabelKind::Bridge, LabelKind::Defi],
        }
    }
}

/// The rule.
pub struct PoisonLookalike {
    params: Params,
}

impl Rule for PoisonLookalike {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "poison_lookalike",
        title: "Look-alike address",
        description: "An address whose first 3 and last 4 hex digits equal those of somebody the \
                      victim dealt with in the last 24 hours sends (or is shown to receive) next \
                      to nothing: at most $1, at most 0.1 % of the genuine transfer, or a token \
                      nobody knows. High when the victim then pays the look-alike for real.",
        severity: Severity::Medium,
        families: &[Family::Evm],
        subject: "account",
        needs: &[],
        false_positives: &[
            "vanity addresses of one owner that share digits on purpose",
            "chance: 28 equal bits, about one in 268 million pairs",
        ],
        references: &[
            "https://arxiv.org/abs/2501.16681",
            "https://github.com/forta-network/starter-kits/tree/main/address-poisoning-py",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn misses(&self, chain: &Chain, _: &Reference) -> Option<Need> {
        // Base58 texts look alike too, but their ends are not compared.
        (!chain.id.starts_with("eip155:")).then_some(Need::HexAddresses)
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some(payment) = BaitPayment::of(scene) else { return };
        if payment.from == payment.to {
            return;
        }
        let found = if payment.amount.is_zero() {
            // Anyone may move nothing in the victim's name; a plain zero transfer names itself.
            let forged = BaitContact::sent(&payment);
            let plain = BaitContact::received(&payment);
            let found = match payment.is_forgeable(scene) {
                true => self.bait(scene, &payment, forged),
                false => None,
            };
            found.or_else(|| self.bait(scene, &payment, plain))
        } else {
            let dust = BaitContact::received(&payment);
            let found = self.bait(scene, &payment, dust);
            // A token of the poisoner's own says anything in the victim's name.
            let found = match found {
                None if payment.is_counterfeit(scene) => {
                    self.bait(scene, &payment, BaitContact::sent(&payment))
                }
                found => found,
            };
            found.or_else(|| self.payment(scene, &payment))
        };
        let Some(found) = found else { return };
        let ignored = &self.params.ignore_labels;
        if !parties::is_labelled(scene, payment.from, ignored)
            && !parties::is_labelled(scene, payment.to, ignored)
        {
            out.push(found.describe(scene));
        }
    }
}

/// A payment that may be bait, whatever carried it.
struct BaitPayment<'a> {
    from: &'a Address,
    to: &'a Address,
    from_key: AccountKey,
    to_key: AccountKey,
    token: Option<&'a Address>,
    token_key: Option<AccountKey>,
    amount: Amount,
    /// In the unit of the transfer graph.
    value: f64,
    /// In dollars, where the asset has a price.
    usd: Option<f64>,
}

impl<'a> BaitPayment<'a> {
    fn of(scene: &Scene<'a>) -> Option<Self> {
        match &scene.event.body {
            Body::Tx(_) => {
                let (tx, body) = parties::evm(scene)?;
                // Calls move no bait: a poisoner's contract shows in its token transfers.
                let to = body.to.as_ref().filter(|_| !tx.is_failed() && body.input.n_bytes == 0)?;
                Some(Self {
                    from: &body.from,
                    to,
                    from_key: scene.state.key(&body.from),
                    to_key: scene.state.key(to),
                    token: None,
                    token_key: None,
                    amount: body.value,
                    value: money::native_units(scene.chain, body.value),
                    usd: money::native_usd(scene, body.value),
                })
            }
            Body::Transfer(transfer) => {
                let token = transfer.token.as_ref()?;
                let (TokenAmount::Amount(amount) | TokenAmount::AmountOrId(amount)) =
                    transfer.amount
                else {
                    return None;
                };
                (!transfer.from.is_nobody() && !transfer.to.is_nobody()).then(|| Self {
                    from: &transfer.from,
                    to: &transfer.to,
                    from_key: scene.state.key(&transfer.from),
                    to_key: scene.state.key(&transfer.to),
                    token: Some(token),
                    token_key: Some(scene.state.key(token)),
                    amount,
                    value: amount.to_f64(),
                    usd: stablecoin(token).map(|coin| coin.usd(amount)),
                })
            }
            _ => None,
        }
    }
}

impl BaitPayment<'_> {
    /// Returns whether somebody else may have made it in the payer's name; a plain payment of
    /// nothing names its sender, which is what a look-alike wants.
    fn is_forgeable(&self, scene: &Scene<'_>) -> bool {
        let tx = scene.event.tx_id();
        match (self.token, tx) {
            (Some(token), Some(tx)) => scene.state.is_forgeable(&tx, token, self.from, self.to),
            _ => true,
        }
    }

    /// Returns whether a token that nobody knows says it of a payer who may not know of it.
    fn is_counterfeit(&self, scene: &Scene<'_>) -> bool {
        self.token.is_some_and(|token| {
            let claim = claims::weigh(scene, token, self.from, self.to);
            matches!(claim, TokenClaim::Forged | TokenClaim::Asked)
        })
    }

    /// Returns whether the payer has paid, and not only a token that nobody knows said so.
    fn is_believed(&self, scene: &Scene<'_>) -> bool {
        self.token.is_none_or(|token| {
            let claim = claims::weigh(scene, token, self.from, self.to);
            matches!(claim, TokenClaim::Fact | TokenClaim::Own | TokenClaim::Unproven)
        })
    }
}

/// The two ends of a payment: who is to be fooled, and by whom.
#[derive(Clone, Copy)]
struct BaitContact<'a> {
    victim: &'a Address,
    victim_key: AccountKey,
    other: &'a Address,
    other_key: AccountKey,
}

impl<'a> BaitContact<'a> {
    /// The payer is the victim.
    fn sent(payment: &BaitPayment<'a>) -> Self {
        Self {
            victim: payment.from,
            victim_key: payment.from_key,
            other: payment.to,
            other_key: payment.to_key,
        }
    }

    /// The payee is the victim.
    fn received(payment: &BaitPayment<'a>) -> Self {
        Self {
            victim: payment.to,
            victim_key: payment.to_key,
            other: payment.from,
            other_key: payment.from_key,
        }
    }

    /// Returns whether the victim is somebody who sends and has a readable history: no contract.
    fn is_person(&self, scene: &Scene<'_>) -> bool {
        let now = scene.event.time;
        scene.state.profile(self.victim_key).is_some_and(|profile| {
            profile.n_out() > 0 && profile.in_24h(now) + profile.out_24h(now) <= BUSY_MOVES_PER_DAY
        })
    }
}

impl PoisonLookalike {
    /// Returns the finding when this worthless payment puts a look-alike into a history.
    fn bait<'a>(
        &self,
        scene: &Scene<'_>,
        payment: &BaitPayment<'a>,
        contact: BaitContact<'a>,
    ) -> Option<Lookalike<'a>> {
        if !self.may_be_bait(scene, payment, contact.victim_key)
            || !contact.is_person(scene)
            || !is_first_contact(scene, payment)
        {
            return None;
        }
        let genuine = self.genuine(scene, contact, |m| self.is_bait_beside(payment, m))?;
        Some(Lookalike { contact, genuine, paid: None })
    }

    /// Returns the finding when a victim pays a look-alike that had baited it before.
    fn payment<'a>(&self, scene: &Scene<'_>, payment: &BaitPayment<'a>) -> Option<Lookalike<'a>> {
        let contact = BaitContact::sent(payment);
        let (victim, other) = (contact.victim_key, contact.other_key);
        // A few look-ups rule out nearly every payment before the graph is walked: bait came from
        // the other side, or was forged in the victim's name with the same token.
        let is_suspect = match payment.token_key {
            None => {
                scene.state.n_payments(other, victim) > 0
                    && scene.state.n_payments(victim, other) == 0
            }
            Some(token) => {
                let n_sent = scene.state.n_transfers(victim, other, token);
                n_sent == 1 || n_sent == 0 && scene.state.n_transfers(other, victim, token) > 0
            }
        };
        if !is_suspect || !contact.is_person(scene) || !payment.is_believed(scene) {
            return None;
        }
        let has_paid = scene.state.sent(victim).any(|m| m.other == other && m.value > 0.0);
        let got_more = scene.state.received(victim).any(|m| {
            m.other == other && m.token == payment.token_key && f64::from(m.value) > payment.value
        });
        if has_paid || got_more {
            return None;
        }
        let genuine = self.genuine(scene, contact, |_| true)?;
        let paid = match payment.token {
            None => money::native_text(scene.chain, payment.amount),
            Some(_) => payment.usd.map_or("tokens".to_owned(), money::usd_text),
        };
        Some(Lookalike { contact, genuine, paid: Some(paid) })
    }

    /// Returns the newest genuine move with somebody whom the other end looks like.
    fn genuine(
        &self,
        scene: &Scene<'_>,
        contact: BaitContact<'_>,
        is_genuine: impl Fn(&Move) -> bool,
    ) -> Option<Move> {
        let ends = ends_of(contact.other)?;
        let since = scene.event.time.plus(-LOOK_BACK_US);
        let sent = scene.state.sent(contact.victim_key);
        sent.chain(scene.state.received(contact.victim_key))
            .filter(|m| m.time.since(since) >= 0 && m.value > 0.0 && !m.is_failed)
            .filter(|m| m.other != contact.other_key && self.looks_alike(m.other_ends, ends))
            .find(is_genuine)
    }

    fn looks_alike(&self, a: [u8; 4], b: [u8; 4]) -> bool {
        let digits = |ends: [u8; 4]| {
            let head = u16::from_be_bytes([ends[0], ends[1]]);
            let tail = u16::from_be_bytes([ends[2], ends[3]]);
            let n_unused_head = 4 * u32::from(4 - self.params.n_head_digits.min(4));
            let n_unused_tail = 4 * u32::from(4 - self.params.n_tail_digits.min(4));
            (u32::from(head) >> n_unused_head, u32::from(tail) << n_unused_tail & 0xffff)
        };
        digits(a) == digits(b)
    }

    /// Returns whether a payment can be bait at all, before the graph is walked.
    fn may_be_bait(
        &self,
        scene: &Scene<'_>,
        payment: &BaitPayment<'_>,
        victim: AccountKey,
    ) -> bool {
        match (payment.token, payment.usd) {
            _ if payment.amount.is_zero() => true,
            (_, Some(usd)) if usd <= self.params.usd_max => true,
            (Some(_), usd) => usd.is_none(),
            (None, _) => scene.state.profile(victim).is_some_and(|p| {
                payment.value <= self.params.share_max * p.max_in().max(p.total_out())
            }),
        }
    }

    /// Returns whether a payment is worthless beside a genuine one.
    fn is_bait_beside(&self, payment: &BaitPayment<'_>, genuine: &Move) -> bool {
        let genuine_value = f64::from(genuine.value);
        let is_same_asset = genuine.token == payment.token_key;
        if payment.amount.is_zero() {
            return true;
        }
        if is_same_asset && payment.value >= genuine_value {
            return false;
        }
        let is_dust = is_same_asset && payment.value <= self.params.share_max * genuine_value;
        // A token without a price beside another asset's transfer is a counterfeit of it.
        let is_counterfeit = !is_same_asset && payment.token.is_some() && payment.usd.is_none();
        is_dust || is_counterfeit || payment.usd.is_some_and(|usd| usd <= self.params.usd_max)
    }
}

/// What was found.
struct Lookalike<'a> {
    contact: BaitContact<'a>,
    genuine: Move,
    /// The payment in words, when the victim has paid the look-alike.
    paid: Option<String>,
}

impl Lookalike<'_> {
    fn describe(self, scene: &Scene<'_>) -> Finding {
        let BaitContact { victim, other, .. } = self.contact;
        let [a, b, c, d] = self.genuine.other_ends;
        let alike = format!("0x{a:02x}{b:02x}…{c:02x}{d:02x}");
        let ago = moves::span_text(scene.event.time.since(self.genuine.time));
        let (severity, explanation, quiet_if) = match self.paid {
            None => (
                Severity::Medium,
                format!(
                    "{other} put a worthless transfer into the history of {victim}; it looks like \
                     {alike}, with whom the victim dealt {ago} before."
                ),
                "the two addresses differed in their first or last digits",
            ),
            Some(paid) => (
                Severity::High,
                format!(
                    "{victim} paid {paid} to {other}, which looks like {alike}, with whom it dealt \
                     {ago} before, and which had baited it."
                ),
                "the payment had gone to the genuine address",
            ),
        };
        Finding {
            severity,
            value: 1.0,
            expected: Band::below(1.0),
            unit: "look-alike".into(),
            explanation,
            quiet_if: quiet_if.to_owned(),
            refs: moves::tx_refs(scene.chain, &[self.genuine]),
            ..finding(PoisonLookalike::META, Subject::Account(victim.clone()))
        }
    }
}

fn ends_of(address: &Address) -> Option<[u8; 4]> {
    match address {
        Address::Evm(b) => Some([b[0], b[1], b[18], b[19]]),
        Address::Text(_) => None,
    }
}

/// Returns whether the two have never moved this asset to each other: the first contact is what
/// pollutes a history, and an old acquaintance is nobody's look-alike.
fn is_first_contact(scene: &Scene<'_>, payment: &BaitPayment<'_>) -> bool {
    let (from, to) = (payment.from_key, payment.to_key);
    match payment.token_key {
        None => scene.state.n_payments(from, to) == 0 && scene.state.n_payments(to, from) == 0,
        Some(token) => {
            scene.state.n_transfers(from, to, token) == 0
                && scene.state.n_transfers(to, from, token) == 0
        }
    }
}
