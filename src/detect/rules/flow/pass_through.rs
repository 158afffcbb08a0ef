//! `pass_through`: a young account forwards what it has just got.

use super::moves;
use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{
            age::{self, UnknownAge},
            finding, money, parties,
        },
    },
    model::{AccountKey, Address, Band, EventTime, Family, Finding, LabelKind, Severity, Subject},
    state::Move,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of [`PassThrough`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Least share of what came in that goes out again. Published default: 0.9 (bank rules: 0.8 in
    /// 48 hours).
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub share_min: f64,
    /// Minutes within which both happen. Published default: 60.
    #[schemars(range(min = 1, max = 525_600), extend("x-unit" = "minutes"))]
    pub minutes: u32,
    /// Least amount that comes in, in dollars. Default: 10,000.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub usd_min: f64,
    /// Days below which the account is young. Published default (FATF): 30.
    #[schemars(range(min = 0, max = 36_500), extend("x-unit" = "days"))]
    pub young_days: u32,
    /// What to do while its age is unknown. Default: info.
    pub unknown_age: UnknownAge,
    /// With as many different payers an account is a service: as a sender no mule, as a receiver
    /// the wallet into which an exchange collects its deposit addresses. Default: 200.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "payers"))]
    pub n_collector_payers: u32,
    /// Who pays as many different accounts is a service too (the features' mark of a hub): what
    /// young accounts are emptied into it is one low alert about it. Default: 50.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "recipients"))]
    pub n_service_recipients: u32,
    /// Accounts emptied into one receiver within a day from which on it is the receiver that the
    /// alert is about: one cause, one alert. Default: 3.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-unit" = "accounts"))]
    pub n_feeders: u32,
    /// Quiet when either end carries one of these labels. Default: exchange, bridge, defi, miner.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            share_min: 0.9,
            minutes: 60,
            usd_min: 10_000.0,
            young_days: 30,
            unknown_age: UnknownAge::Info,
            n_collector_payers: 200,
            n_service_recipients: 50,
            n_feeders: 3,
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
pub struct PassThrough {
    params: Params,
}

impl Rule for PassThrough {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "pass_through",
        title: "Forwarded as soon as it came in",
        description: "An account younger than 30 days receives at least $10,000 of the native \
                      asset and sends at least 90 % of it on within an hour: a mule, or a hop of \
                      a laundering chain. Fires on the payment that reaches 90 %; only info while \
                      the account's age is unknown. Not for UTXO chains, where change outputs do \
                      this all day. Where a third account is emptied into one receiver within a \
                      day, or the receiver pays as many others as a service, the alert is about \
                      the receiver (low for a service): one cause, one alert.",
        severity: Severity::Medium,
        families: &[Family::Evm],
        subject: "sender",
        needs: &[Need::NativePrice],
        false_positives: &[
            "deposit addresses of an exchange whose collecting wallet has no label and few dealings",
            "somebody who moves to a new wallet in two steps",
        ],
        references: &[
            "https://www.fatf-gafi.org/en/publications/Methodsandtrends/\
             Virtual-assets-red-flag-indicators.html",
            "https://github.com/IBM/AMLSim",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((tx, body)) = parties::evm(scene) else { return };
        let Some(to) = body.to.as_ref().filter(|_| !tx.is_failed() && !body.value.is_zero()) else {
            return;
        };
        let (account, now) = (scene.state.key(&body.from), scene.event.time);
        let Some(profile) = scene.state.profile(account) else { return };
        let window_us = i64::from(self.params.minutes) * EventTime::MINUTE;
        let is_recent = profile.last_in().is_some_and(|last| now.since(last) <= window_us);
        let value = money::native_units(scene.chain, body.value);
        let worth_ever = scene.usd_of_native(profile.total_in()).unwrap_or(0.0);
        let left = profile.total_in() - profile.total_out() - value;
        // Who keeps a balance may be spending older money, and who has many payers is a service:
        // neither needs a walk through the graph.
        if !is_recent
            || worth_ever < self.params.usd_min
            || left > (1.0 - self.params.share_min) * profile.total_in()
            || profile.n_senders() >= self.params.n_collector_payers
            || *to == body.from
        {
            return;
        }
        let young_us = i64::from(self.params.young_days) * EventTime::DAY;
        let age = age::of(scene, Some(profile), body.nonce, young_us);
        let Some(severity) = age::severity(age, self.params.unknown_age, Self::META.severity)
        else {
            return;
        };
        let Some(flow) = self.flow(scene, account, value) else { return };
        if self.is_collector(scene, to) || self.is_ignored(scene, &body.from, to) {
            return;
        }
        let limit = self.params.share_min * 100.0;
        let (subject, severity, also) = match self.collection(scene, to, account) {
            Some(c) if c.is_service => (to, severity.min(Severity::Low), c.text()),
            Some(c) => (to, severity, c.text()),
            None => (&body.from, severity, String::new()),
        };
        out.push(Finding {
            severity,
            value: flow.share() * 100.0,
            expected: Band::below(limit),
            unit: "% forwarded".into(),
            explanation: format!(
                "{}, {}, got {} ({}) and sent {} % of it on within {}, the last part to {to}{also}.",
                body.from,
                age::text(age, young_us),
                money::native_units_text(scene.chain, flow.came_in),
                money::usd_text(flow.usd),
                money::number_text(libm::round(flow.share() * 100.0)),
                moves::span_text(flow.span_us),
            ),
            quiet_if: format!(
                "less than {} % had been sent on within {}",
                money::number_text(limit),
                moves::span_text(window_us)
            ),
            refs: flow.refs,
            ..finding(Self::META, Subject::Account(subject.clone()))
        });
    }
}

/// What went through the account.
struct ForwardedFlow {
    came_in: f64,
    went_out: f64,
    usd: f64,
    span_us: i64,
    refs: Vec<String>,
}

impl ForwardedFlow {
    fn share(&self) -> f64 {
        // An account may send older money too: more than all is all.
        (self.went_out / self.came_in).min(1.0)
    }
}

/// A receiver into which more than one account is emptied.
struct Collection {
    n_feeders: usize,
    is_service: bool,
}

impl Collection {
    fn text(&self) -> String {
        match (self.n_feeders, self.is_service) {
            (1, true) => ", which pays as many others as a service does".to_owned(),
            (n, true) => format!(", a service by whom it pays, into which {n} were emptied today"),
            (n, false) => format!(", into which {n} accounts were emptied within a day"),
        }
    }
}

impl PassThrough {
    /// Returns what the receiver collects, when the alert is better about it.
    fn collection(&self, scene: &Scene<'_>, to: &Address, from: AccountKey) -> Option<Collection> {
        let collector = scene.state.key(to);
        let is_service = scene
            .state
            .profile(collector)
            .is_some_and(|p| p.n_recipients() >= self.params.n_service_recipients);
        let since = scene.event.time.plus(-EventTime::DAY);
        let is_emptied = |account: &AccountKey| {
            scene.state.profile(*account).is_some_and(|p| {
                p.n_in() > 0 && p.total_out() >= self.params.share_min * p.total_in()
            })
        };
        let received = moves::recent(scene.state.received(collector), None, since);
        let mut feeders: Vec<AccountKey> = received.map(|m| m.other).collect();
        feeders.sort_unstable();
        feeders.dedup();
        feeders.retain(|account| *account != from && is_emptied(account));
        let n_feeders = feeders.len() + 1;
        let is_collection = is_service || n_feeders >= self.params.n_feeders as usize;
        is_collection.then_some(Collection { n_feeders, is_service })
    }

    /// Returns the flow through the account when this payment makes it a pass-through.
    fn flow(&self, scene: &Scene<'_>, account: AccountKey, value: f64) -> Option<ForwardedFlow> {
        let now = scene.event.time;
        let since = now.plus(-i64::from(self.params.minutes) * EventTime::MINUTE);
        let received: Vec<Move> =
            moves::recent(scene.state.received(account), None, since).collect();
        let came_in = moves::sum(&received);
        let usd = scene.usd_of_native(came_in)?;
        let first = received.iter().map(|m| m.time).min()?;
        if usd < self.params.usd_min {
            return None;
        }
        // What it sent before the money came was not this money.
        let sent: Vec<Move> = moves::recent(scene.state.sent(account), None, first).collect();
        let before = moves::sum(&sent);
        let went_out = before + value;
        let limit = self.params.share_min * came_in;
        // Only the payment that reaches the share fires.
        (before < limit && went_out >= limit).then(|| ForwardedFlow {
            came_in,
            went_out,
            usd,
            span_us: now.since(first),
            refs: moves::tx_refs(scene.chain, &received),
        })
    }

    /// Returns whether the receiver collects from so many that it must be a service.
    fn is_collector(&self, scene: &Scene<'_>, to: &Address) -> bool {
        let profile = scene.state.profile(scene.state.key(to));
        profile.is_some_and(|p| p.n_senders() >= self.params.n_collector_payers)
    }

    fn is_ignored(&self, scene: &Scene<'_>, from: &Address, to: &Address) -> bool {
        let ignored = &self.params.ignore_labels;
        parties::is_labelled(scene, from, ignored) || parties::is_labelled(scene, to, ignored)
    }
}
