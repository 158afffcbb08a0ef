//! `fan_in`: a young account gathers from many and passes it on.

use super::moves;
use crate::{
    detect::{
        BuiltinMeta, Rule, Scene,
        rules::{
            age::{self, UnknownAge},
            finding, money, parties,
        },
    },
    model::{AccountKey, Band, EventTime, EvmTx, Family, Finding, LabelKind, Severity, Subject},
    state::{Move, Profile},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What state keeps of an account's recent moves.
const MOVES_MAX: usize = 64;

/// Parameters of [`FanIn`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Different senders within 24 hours. Default: 20.
    #[schemars(range(min = 2, max = MOVES_MAX), extend("x-unit" = "senders"))]
    pub n_senders_min: u32,
    /// Least share of what came in that is forwarded. Published default (bank rule for money
    /// mules): 0.8.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub forwarded_min: f64,
    /// Hours from the first receipt to the forwarding. Published default (as above): 48.
    #[schemars(range(min = 1, max = 8_760), extend("x-unit" = "hours"))]
    pub hours: u32,
    /// Least sum that comes in, in dollars, where a price is known; less is info. Default: 100.
    #[schemars(range(min = 0.0, max = 1e12), extend("x-unit" = "US dollars"))]
    pub usd_min: f64,
    /// Days below which the account is young. Published default (FATF): 30.
    #[schemars(range(min = 0, max = 36_500), extend("x-unit" = "days"))]
    pub young_days: u32,
    /// What to do while its age is unknown. Default: info.
    pub unknown_age: UnknownAge,
    /// Quiet when the account carries one of these labels. Default: exchange, bridge, defi, miner.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            n_senders_min: 20,
            forwarded_min: 0.8,
            hours: 48,
            usd_min: 100.0,
            young_days: 30,
            unknown_age: UnknownAge::Info,
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
pub struct FanIn {
    params: Params,
}

impl Rule for FanIn {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "fan_in",
        title: "Collected from many and forwarded",
        description: "An account younger than 30 days gets the native asset from at least 20 \
                      different senders within 24 hours and forwards at least 80 % of it within \
                      48 hours: a collection account of a scam or a mule network. Fires on the \
                      outgoing transaction that reaches 80 %; only info while the account's age \
                      is unknown, and below $100 in all.",
        severity: Severity::High,
        families: &[Family::Evm],
        subject: "sender",
        needs: &[],
        false_positives: &[
            "a presale or a fund-raiser that pays into a treasury",
            "a new deposit account of an unlabelled service",
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
        if tx.is_failed() || body.value.is_zero() || body.to.as_ref() == Some(&body.from) {
            return;
        }
        let account = scene.state.key(&body.from);
        let Some(profile) = scene.state.profile(account) else { return };
        if profile.n_senders() < self.params.n_senders_min {
            return;
        }
        let young_us = i64::from(self.params.young_days) * EventTime::DAY;
        let age = age::of(scene, Some(profile), body.nonce, young_us);
        let Some(severity) = age::severity(age, self.params.unknown_age, Self::META.severity)
        else {
            return;
        };
        let Some(flow) = self.flow(scene, account, profile, body) else { return };
        if parties::is_labelled(scene, &body.from, &self.params.ignore_labels) {
            return;
        }
        let is_little = money::is_little(scene, flow.came_in, self.params.usd_min);
        let severity = if is_little { Severity::Info } else { severity };
        let limit = money::number_text(self.params.forwarded_min * 100.0);
        out.push(Finding {
            severity,
            value: flow.share() * 100.0,
            expected: Band::below(self.params.forwarded_min * 100.0),
            unit: "% forwarded".into(),
            explanation: format!(
                "{}, {}, got {} from {} senders within 24 h and has now forwarded {} % of it \
                 within {}.",
                body.from,
                age::text(age, young_us),
                money::native_units_text(scene.chain, flow.came_in),
                flow.n_senders,
                money::number_text(libm::round(flow.share() * 100.0)),
                moves::span_text(flow.span_us),
            ),
            quiet_if: format!("less than {limit} % had been forwarded"),
            refs: flow.refs,
            ..finding(Self::META, Subject::Account(body.from.clone()))
        });
    }
}

/// What went through the account.
struct GatheredFlow {
    came_in: f64,
    went_out: f64,
    n_senders: usize,
    span_us: i64,
    refs: Vec<String>,
}

impl GatheredFlow {
    fn share(&self) -> f64 {
        // An account may forward older money too: more than all is all.
        (self.went_out / self.came_in).min(1.0)
    }
}

impl FanIn {
    /// Returns the flow through the account when this payment makes it a fan-in.
    fn flow(
        &self,
        scene: &Scene<'_>,
        account: AccountKey,
        profile: &Profile,
        body: &EvmTx,
    ) -> Option<GatheredFlow> {
        // The totals of a young account are its history, and cost no walk through the graph.
        let (came_in, before) = (profile.total_in(), profile.total_out());
        let went_out = before + money::native_units(scene.chain, body.value);
        let limit = self.params.forwarded_min * came_in;
        // Only the payment that reaches the share fires.
        if came_in <= 0.0 || went_out < limit || before >= limit {
            return None;
        }
        let now = scene.event.time;
        let since = now.plus(-i64::from(self.params.hours) * EventTime::HOUR);
        let received: Vec<Move> =
            moves::recent(scene.state.received(account), None, since).collect();
        let n_senders = most_senders_in_a_day(&received);
        if n_senders < self.params.n_senders_min as usize {
            return None;
        }
        let first = received.iter().map(|m| m.time).min()?;
        let refs = moves::tx_refs(scene.chain, &received);
        Some(GatheredFlow { came_in, went_out, n_senders, span_us: now.since(first), refs })
    }
}

/// Returns the most different senders within any 24 hours.
///
/// # Cost
/// Quadratic in at most 64 moves, and only for the payment that reaches the share.
fn most_senders_in_a_day(received: &[Move]) -> usize {
    let day = |last: &Move| -> Vec<Move> {
        let is_within = |m: &&Move| (0..=EventTime::DAY).contains(&last.time.since(m.time));
        received.iter().filter(is_within).copied().collect()
    };
    received.iter().map(|last| moves::n_others(&day(last))).max().unwrap_or(0)
}
