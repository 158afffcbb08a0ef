//! `round_trip`: money comes back to where it started, over several hands.

use super::moves;
use crate::{
    detect::{
        BuiltinMeta, Rule, Scene,
        rules::{finding, money, parties},
    },
    model::{AccountKey, Band, EventTime, Family, Finding, LabelKind, Severity, Subject},
    state::{Move, Profile},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Amounts may grow by this share from hop to hop: somebody adds the fee.
const GROWTH_MAX: f64 = 0.01;

/// Parameters of [`RoundTrip`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Least and greatest number of hops, 2 to 8. Published default (AMLSim cycles): 3 and 6.
    #[schemars(range(min = 2, max = 8), extend("x-unit" = "hops"))]
    pub n_hops_min: u32,
    /// Greatest number of hops. Published default (the same): 6.
    #[schemars(range(min = 2, max = 8), extend("x-unit" = "hops"))]
    pub n_hops_max: u32,
    /// Least share of the first payment that returns. Default: 0.8.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0, "x-unit" = "share"))]
    pub returned_min: f64,
    /// Hours from the first payment to the return. Default: 72.
    #[schemars(range(min = 1, max = 8_760), extend("x-unit" = "hours"))]
    pub hours: u32,
    /// Least payment, in dollars, where a price is known. Default: 1,000.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub usd_min: f64,
    /// Moves of the recent graph looked at for one transaction: bounds the search. Default: 256.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-unit" = "moves"))]
    pub n_visits_max: u32,
    /// With as many different payers an account is a service, in which money loses its identity: no
    /// cycle starts there or leads through it. Default: 200.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "payers"))]
    pub n_service_payers: u32,
    /// Quiet when the owner or the last hop carries one of these labels. Default: exchange, bridge,
    /// defi, miner.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            n_hops_min: 3,
            n_hops_max: 6,
            returned_min: 0.8,
            hours: 72,
            usd_min: 1_000.0,
            n_visits_max: 256,
            n_service_payers: 200,
            ignore_labels: vec![
                LabelKind::Exchange,
                LabelKind::Bridge,
                LabelKind::Defi,
                LabelKind::Miner,
            ],
        }
    }
}

/// The rule.
pub struct RoundTrip {
    params: Params,
}

impl Rule for RoundTrip {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "round_trip",
        title: "Money returns to its owner",
        description: "A payment of the native asset closes a cycle of 3 to 6 hops in order of \
                      time: at least 80 % of what an account paid out comes back to it within 72 \
                      hours, each hop carrying about the same amount. Feigned turnover, or an \
                      owner behind several names. Cycles that split the money on the way are not \
                      followed.",
        severity: Severity::Medium,
        families: &[Family::Evm],
        subject: "receiver",
        needs: &[],
        false_positives: &[
            "wallets of one owner that are used one after another without a purpose to hide",
            "unlabelled market makers and exchange wallets that rebalance",
        ],
        references: &[
            "https://github.com/IBM/AMLSim",
            "https://www.fatf-gafi.org/en/publications/Methodsandtrends/\
             Virtual-assets-red-flag-indicators.html",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn check(params: &Params) -> Result<(), String> {
        if params.n_hops_min <= params.n_hops_max {
            Ok(())
        } else {
            Err("n_hops_min must be at most n_hops_max".to_owned())
        }
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((tx, body)) = parties::evm(scene) else { return };
        let Some(to) = body.to.as_ref().filter(|_| !tx.is_failed() && !body.value.is_zero()) else {
            return;
        };
        let value = money::native_units(scene.chain, body.value);
        if money::is_little(scene, value, self.params.usd_min) {
            return;
        }
        let (last, owner) = (scene.state.key(&body.from), scene.state.key(to));
        if last == owner || !self.may_close(scene, last, owner) {
            return;
        }
        let Some(path) = self.search(scene, owner, last, value) else { return };
        let ignored = &self.params.ignore_labels;
        if parties::is_labelled(scene, to, ignored)
            || parties::is_labelled(scene, &body.from, ignored)
        {
            return;
        }
        // The search ran backwards: the owner's own payment is the last found.
        let Some(first) = path.last() else { return };
        let paid = f64::from(first.value);
        let returned = (value / paid).min(1.0) * 100.0;
        out.push(Finding {
            value: returned,
            expected: Band::below(self.params.returned_min * 100.0),
            unit: "% returned".into(),
            explanation: format!(
                "{} of the {} that {to} paid out {} before came back to it over {} hops, the last \
                 from {}.",
                money::native_units_text(scene.chain, value),
                money::native_units_text(scene.chain, paid),
                moves::span_text(scene.event.time.since(first.time)),
                path.len() + 1,
                body.from,
            ),
            quiet_if: format!(
                "less than {} % had come back",
                money::number_text(self.params.returned_min * 100.0)
            ),
            refs: moves::tx_refs(scene.chain, &path),
            ..finding(Self::META, Subject::Account(to.clone()))
        });
    }
}

/// A search for the way the money took, backwards from the last hop to the owner.
struct Search<'a> {
    scene: &'a Scene<'a>,
    params: &'a Params,
    owner: AccountKey,
    since: EventTime,
    /// Bounds of every hop's amount.
    value_min: f64,
    value_max: f64,
    n_visits: u32,
    path: Vec<Move>,
    /// Accounts on the path, so that it does not cross itself.
    on_path: Vec<AccountKey>,
}

impl RoundTrip {
    /// Returns whether the payer got something and the owner paid something lately.
    fn may_close(&self, scene: &Scene<'_>, last: AccountKey, owner: AccountKey) -> bool {
        let span_us = i64::from(self.params.hours) * EventTime::HOUR;
        let is_recent =
            |t: Option<EventTime>| t.is_some_and(|t| scene.event.time.since(t) <= span_us);
        let is_service = |p: &Profile| p.n_senders() >= self.params.n_service_payers;
        scene.state.profile(owner).is_some_and(|p| is_recent(p.last_out()) && !is_service(p))
            && scene.state.profile(last).is_some_and(|p| is_recent(p.last_in()) && !is_service(p))
    }

    /// Returns the moves of a cycle that this payment closes, newest first.
    fn search(
        &self,
        scene: &Scene<'_>,
        owner: AccountKey,
        last: AccountKey,
        value: f64,
    ) -> Option<Vec<Move>> {
        let now = scene.event.time;
        let mut search = Search {
            scene,
            params: &self.params,
            owner,
            since: now.plus(-i64::from(self.params.hours) * EventTime::HOUR),
            value_min: value * (1.0 - GROWTH_MAX),
            value_max: value / self.params.returned_min,
            n_visits: 0,
            path: Vec::new(),
            on_path: vec![last],
        };
        search.extend(last, now).then_some(search.path)
    }
}

impl Search<'_> {
    /// Extends the path by a payment into `account` not after `until`; true when it reaches the
    /// owner. The depth is at most `n_hops_max`.
    fn extend(&mut self, account: AccountKey, until: EventTime) -> bool {
        // The hop being looked for, counted with the closing payment.
        let n_hops = self.path.len() as u32 + 2;
        let state = self.scene.state;
        for hop in moves::recent(state.received(account), None, self.since) {
            self.n_visits += 1;
            if self.n_visits > self.params.n_visits_max {
                return false;
            }
            let value = f64::from(hop.value);
            if hop.time > until || !(self.value_min..=self.value_max).contains(&value) {
                continue;
            }
            self.path.push(hop);
            if hop.other == self.owner {
                if n_hops >= self.params.n_hops_min {
                    return true;
                }
            } else if n_hops < self.params.n_hops_max
                && !self.on_path.contains(&hop.other)
                && !self.is_service(hop.other)
            {
                self.on_path.push(hop.other);
                if self.extend(hop.other, hop.time) {
                    return true;
                }
                self.on_path.pop();
            }
            self.path.pop();
        }
        false
    }

    fn is_service(&self, account: AccountKey) -> bool {
        let profile = self.scene.state.profile(account);
        profile.is_some_and(|p| p.n_senders() >= self.params.n_service_payers)
    }
}
