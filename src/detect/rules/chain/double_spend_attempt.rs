//! `double_spend_attempt`: two transactions spend one output, and the second is no fee bump.

use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{bounded, finding, money},
    },
    model::{
        Band, Chain, Conflict, ConflictKey, ConflictKind, Family, Finding, Reference, Severity,
        Signal, Subject, has_nonces,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// Bitcoin, its test networks 3 and 4 and its signet.
const FULL_RBF_CHAINS: [&str; 4] = [
    Chain::BITCOIN,
    "bip122:000000000933ea01ad0ee984209779ba",
    "bip122:00000000da84f2bafbbc53dee25a72ae",
    "bip122:00000008819873e925422c1ff0f99f7c",
];
const FULL_RBF_SINCE_S: i64 = 1_669_852_800; // 2022-12-01

/// Parameters of [`DoubleSpendAttempt`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Least value that recipients of the original lose, in base units. Default: 0, every attempt.
    #[schemars(range(min = 0, max = u64::MAX), extend("x-unit" = "base units"))]
    pub value_at_risk_min: u64,
    /// Value at risk below which a replacement that the original allowed is of low severity, in US
    /// dollars; without a price it is not. Default: 1,000, as a deposit worth waiting for.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub allowed_usd_min: f64,
    /// Value at risk below which nothing is more than low unless an account is watched, in US
    /// dollars. Default: 1.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub usd_min: f64,
    /// From when on nodes of a chain replace whatever pays more (full RBF), in seconds since 1970
    /// by CAIP-2 id: then no signal promises nothing. Published default: Bitcoin 2022-12-01, when
    /// Core 24 could and pools began to; the default since Core 28. Other chains keep what they
    /// have seen first.
    #[schemars(extend("additionalProperties" = {"type": "integer", "minimum": 0, "maximum": 253_402_300_799_i64, "x-unit": "seconds since 1970"}, "maxProperties" = 1_000))]
    pub full_rbf_since_s: BTreeMap<String, i64>,
}

impl Default for Params {
    fn default() -> Self {
        let since = FULL_RBF_CHAINS.map(|id| (id.to_owned(), FULL_RBF_SINCE_S));
        Self {
            value_at_risk_min: 0,
            allowed_usd_min: 1_000.0,
            usd_min: 1.0,
            full_rbf_since_s: BTreeMap::from(since),
        }
    }
}

/// The rule.
pub struct DoubleSpendAttempt {
    params: Params,
}

impl Rule for DoubleSpendAttempt {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "double_spend_attempt",
        title: "Double-spend attempt",
        description: "A second transaction spends an output that is already spent, and pays \
                      somebody else: not the same scripts, or a value moved by more than 10,000 \
                      sat; or it has the nonce of one that was in a block, or the client id of an \
                      order that was carried out, and is not the same payment. High when the \
                      original was confirmed, ruled a replacement out or paid a watched account, \
                      critical when it was confirmed and did; where it allowed a replacement \
                      (BIP 125, or Bitcoin since nodes replace all), medium, low below $1,000, \
                      info when nobody loses.",
        severity: Severity::Medium,
        families: &[Family::Evm, Family::Utxo],
        subject: "outpoint or sender",
        needs: &[],
        false_positives: &[
            "a wallet that replaces an unconfirmed payment by another on purpose",
            "both sides of a reorganisation",
        ],
        references: &[
            "https://github.com/BitMEXResearch/forkmonitor",
            "https://bips.dev/125/",
            "https://bitcoincore.org/en/releases/28.0/",
            "https://forkmonitor.info",
        ],
    };

    const HELPED_BY: &'static [Need] = &[Need::WatchList];

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn misses(&self, chain: &Chain, _: &Reference) -> Option<Need> {
        // A venue's orders have the ids of its customers' clients instead.
        (chain.family == Family::Evm && !has_nonces(chain)).then_some(Need::Nonces)
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let mut last_original = None;
        for signal in scene.signals {
            let Signal::Conflict(conflict) = signal else { continue };
            let at_risk = conflict.value_at_risk;
            // Two transactions that share several inputs are one attempt, not one per input.
            if is_attempt(conflict)
                && at_risk >= crate::model::Amount::from_u64(self.params.value_at_risk_min)
                && last_original != Some(conflict.original)
            {
                last_original = Some(conflict.original);
                out.push(self.attempt(scene, conflict));
            }
        }
    }
}

/// Returns whether a conflict takes money back that recipients may count on: until it is in a block
/// a nonce promises nothing, but whoever is shown a spent output without one is often paid.
fn is_attempt(conflict: &Conflict) -> bool {
    match (&conflict.key, conflict.kind) {
        (_, ConflictKind::DoubleSpend) => true,
        (_, ConflictKind::SpeedUp) => false,
        (key, ConflictKind::Cancel | ConflictKind::Redirect) => {
            matches!(key, ConflictKey::OutPoint(_))
        }
    }
}

impl DoubleSpendAttempt {
    /// Grades by what the original promised, then by what is lost: whoever accepts a payment that
    /// says that it can be replaced, or on a chain whose miners replace any, has been warned.
    fn severity(&self, scene: &Scene<'_>, conflict: &Conflict, is_watched: bool) -> Severity {
        let is_allowed = self.is_allowed(scene, conflict);
        let usd = money::native_usd(scene, conflict.value_at_risk);
        let is_below = |limit: f64| usd.is_some_and(|usd| usd < limit);
        let lost = money::native_units(scene.chain, conflict.value_at_risk);
        if conflict.value_at_risk.is_zero() {
            // Everybody is paid as before: only fees or change differ.
            return if is_allowed { Severity::Info } else { Severity::Low };
        }
        match (is_watched, conflict.is_original_confirmed) {
            (true, true) => Severity::Critical,
            (true, false) => Severity::High,
            _ if money::is_little(scene, lost, self.params.usd_min) => Severity::Low,
            (false, true) => Severity::High,
            (false, false) if !is_allowed => Severity::High,
            (false, false) if is_below(self.params.allowed_usd_min) => Severity::Low,
            (false, false) => Self::META.severity,
        }
    }

    /// Returns whether the original could be replaced, by its own signal or by what nodes do.
    fn is_allowed(&self, scene: &Scene<'_>, conflict: &Conflict) -> bool {
        let since = || self.params.full_rbf_since_s.get(&*scene.chain.id).copied();
        let is_full_rbf = || {
            matches!(conflict.key, ConflictKey::OutPoint(_))
                && !conflict.is_original_confirmed
                && since().is_some_and(|since| scene.event.time.secs() >= since)
        };
        conflict.kind != ConflictKind::DoubleSpend || is_full_rbf()
    }

    fn attempt(&self, scene: &Scene<'_>, conflict: &Conflict) -> Finding {
        let meta = DoubleSpendAttempt::META;
        let (subject, what, quiet_if) = match &conflict.key {
            ConflictKey::OutPoint(outpoint) => (
                Subject::OutPoint(*outpoint),
                "spends an output that".to_owned(),
                "the replacement paid the same scripts, each value within 10,000 sat",
            ),
            ConflictKey::SenderNonce(sender, nonce) => (
                Subject::Account(sender.clone()),
                format!("has nonce {nonce} of {sender}, which"),
                "the replacement was the same payment",
            ),
            ConflictKey::Order(account, _) => (
                Subject::Account(account.clone()),
                format!("carries out an order of {account} by the client id that"),
                "the second payment was the same as the first",
            ),
        };
        let watched = conflict.original_to.as_ref().and_then(|to| scene.reference.watch.get(to));
        let severity = self.severity(scene, conflict, watched.is_some());
        let state = if conflict.is_original_confirmed { "confirmed" } else { "unconfirmed" };
        let whom = match (&conflict.original_to, watched) {
            (Some(to), Some(entry)) => format!(" to {to} (watched: {})", entry.name),
            (Some(to), None) => format!(" to {to}"),
            (None, _) => String::new(),
        };
        let amount = money::native_text(scene.chain, conflict.value_at_risk);
        let [original, replacement] =
            [conflict.original, conflict.replacement].map(|id| scene.chain.hash_text(&id));
        let used = if scene.chain.family == Family::Utxo { "spent" } else { "used" };
        let at_stake = match &conflict.key {
            ConflictKey::Order(..) => format!("{amount} would be paid beside what was paid{whom}"),
            _ if conflict.value_at_risk.is_zero() => {
                "nobody would be paid less than by the original".to_owned()
            }
            _ => format!("{amount} that the original paid{whom} would be lost"),
        };
        let how = match conflict.kind {
            ConflictKind::Cancel => ", as that allowed, and pays it back to its sender",
            ConflictKind::Redirect => ", as that allowed",
            ConflictKind::DoubleSpend if self.is_allowed(scene, conflict) => ", as full RBF allows",
            ConflictKind::SpeedUp | ConflictKind::DoubleSpend => "",
        };
        Finding {
            severity,
            value: 2.0,
            expected: Band::below(2.0),
            unit: Cow::Borrowed("spends"),
            explanation: format!(
                "Transaction {replacement} {what} the {state} transaction {original} had already \
             {used}{how}; {at_stake}.",
            ),
            quiet_if: quiet_if.to_owned(),
            refs: bounded([format!("tx:{original}"), format!("tx:{replacement}")]),
            ..finding(meta, subject)
        }
    }
}
