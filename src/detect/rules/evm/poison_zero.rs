//! `poison_zero`: zero-value token transfers forged in the names of victims.

use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{finding, money, parties},
    },
    model::{
        AccountKey, Address, Approval, Band, Body, Chain, Family, Finding, LabelKind, Reference,
        Severity, Stablecoin, Subject, TokenAmount, Transfer, TxId,
    },
    state::{State, TxLogs},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far the price of a dollar token may be from a dollar.
const DOLLAR_ERROR_MAX: f64 = 0.05;

/// The chains whose stablecoins are listed: Ethereum, BNB Chain, Polygon, Base, Arbitrum, Optimism,
/// Avalanche. Development chains may be forks of one.
const STABLECOIN_CHAINS: [&str; 9] = [
    "eip155:1",
    "eip155:56",
    "eip155:137",
    "eip155:8453",
    "eip155:42161",
    "eip155:10",
    "eip155:43114",
    "eip155:1337",
    "eip155:31337",
];

/// Parameters of [`PoisonZero`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Logs of the transaction. Published default (Forta): 3.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-unit" = "logs"))]
    pub n_logs_min: u32,
    /// Least share of the logs that stablecoins emit. Published default (Forta): 0.4.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub stablecoin_share_min: f64,
    /// Quiet when the apparent sender carries one of these labels. Default: bridge, defi.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            n_logs_min: 3,
            stablecoin_share_min: 0.4,
            ignore_labels: vec![LabelKind::Bridge, LabelKind::Defi],
        }
    }
}

/// The rule.
pub struct PoisonZero {
    params: Params,
}

impl Rule for PoisonZero {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "poison_zero",
        title: "Address poisoning with zero-value transfers",
        description: "One transaction emits at least 3 logs, all of them transfers or approvals of \
                      amount zero and at least 40 % of them by stablecoins: anyone can forge these \
                      in a victim's history, hoping that the victim copies the wrong address from \
                      it later. What the signer or the called contract moves of its own, mints \
                      and burns count for nothing, nor do approvals by tokens that everybody \
                      knows. Judged once a transaction, at the third log \
                      that counts; the subject is the apparent sender in it.",
        severity: Severity::Medium,
        families: &[Family::Evm],
        subject: "sender",
        needs: &[Need::Logs],
        false_positives: &[
            "a wallet contract that takes back approvals of little-known tokens through a relayer",
        ],
        references: &[
            "https://arxiv.org/abs/2501.16681",
            "https://github.com/forta-network/starter-kits/tree/main/address-poisoning-py",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn misses(&self, chain: &Chain, reference: &Reference) -> Option<Need> {
        let is_priced = || {
            let dollar = |usd: f64| (usd - 1.0).abs() <= DOLLAR_ERROR_MAX;
            let tokens = reference.prices.iter().filter(|(text, _)| parse_evm(text).is_some());
            tokens.flat_map(|(_, prices)| prices).any(|price| dollar(price.usd))
        };
        let has_coins = STABLECOIN_CHAINS.contains(&&*chain.id) || is_priced();
        (self.params.stablecoin_share_min > 0.0 && !has_coins).then_some(Need::DollarToken)
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some(log) = ZeroLog::of(&scene.event.body) else { return };
        let is_forgeable = match &scene.event.body {
            Body::Approval(_) => State::is_approval_forgeable,
            _ => State::is_forgeable,
        };
        if !is_forgeable(scene.state, log.tx, log.token, log.victim, log.bait) {
            return;
        }
        let logs = scene.state.tx_logs(log.tx).unwrap_or_default();
        let n = logs.n_transfers + logs.n_approvals + 1;
        // Exactly at the third log, so that a transaction with fifty of them fires once.
        if n != self.params.n_logs_min || logs.n_other > 0 || logs.n_zero + 1 != n {
            return;
        }
        let share = f64::from(n_of_stablecoins(scene, &logs, log.token)) / f64::from(n);
        if share < self.params.stablecoin_share_min
            || parties::is_labelled(scene, log.victim, &self.params.ignore_labels)
        {
            return;
        }
        out.push(Finding {
            value: f64::from(n),
            expected: Band::below(f64::from(n)),
            unit: "zero-value logs".into(),
            explanation: format!(
                "The transaction forged transfers of nothing: {n} logs so far, all of amount zero, \
                 {} % by stablecoins, one of them in the name of {} towards {}.",
                money::number_text(libm::round(share * 100.0)),
                log.victim,
                log.bait,
            ),
            quiet_if: "any of the amounts were above zero".to_owned(),
            refs: vec![format!("tx:0x{}", log.tx), format!("account:{}", log.bait)],
            ..finding(Self::META, Subject::Account(log.victim.clone()))
        });
    }
}

/// Returns how many of the logs, that of `token` included, come from dollar tokens: listed ones and
/// those that the price table puts within 5 % of a dollar.
fn n_of_stablecoins(scene: &Scene<'_>, logs: &TxLogs, token: &Address) -> u32 {
    let priced = scene.reference.prices.keys().filter_map(|text| {
        let price = scene.reference.usd_price(text, scene.event.time)?;
        (price - 1.0).abs().le(&DOLLAR_ERROR_MAX).then(|| parse_evm(text))?
    });
    let listed = Stablecoin::all().map(Stablecoin::address);
    let mut coins: Vec<Address> = listed.chain(priced).collect();
    coins.sort_unstable();
    coins.dedup();
    let keys: Vec<_> = coins.iter().map(|coin| scene.state.key(coin)).collect();
    let by_token = logs.tokens.iter().zip(logs.n_by_token);
    let is_coin = |token: &Option<AccountKey>| token.is_some_and(|key| keys.contains(&key));
    let earlier: u32 = by_token.filter(|(token, _)| is_coin(token)).map(|(_, n)| n).sum();
    earlier + u32::from(coins.binary_search(token).is_ok())
}

/// Returns the EVM address that a price table's key names, if it is one.
fn parse_evm(text: &str) -> Option<Address> {
    let digits = text.strip_prefix("0x").filter(|d| d.len() == 40 && d.is_ascii())?;
    let mut bytes = [0; 20];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(Address::Evm(bytes))
}

/// A transfer or approval of nothing.
struct ZeroLog<'a> {
    tx: &'a TxId,
    token: &'a Address,
    /// Whose history it pollutes.
    victim: &'a Address,
    /// The address the victim is meant to copy.
    bait: &'a Address,
}

impl<'a> ZeroLog<'a> {
    fn of(body: &'a Body) -> Option<Self> {
        match body {
            Body::Transfer(transfer) => Self::of_transfer(transfer),
            Body::Approval(approval) => Self::of_approval(approval),
            _ => None,
        }
    }

    fn of_transfer(transfer: &'a Transfer) -> Option<Self> {
        let (TokenAmount::Amount(amount) | TokenAmount::AmountOrId(amount)) = transfer.amount
        else {
            return None;
        };
        amount.is_zero().then_some(Self {
            tx: transfer.tx.as_ref()?,
            token: transfer.token.as_ref()?,
            victim: &transfer.from,
            bait: &transfer.to,
        })
    }

    fn of_approval(approval: &'a Approval) -> Option<Self> {
        approval.amount?.is_zero().then_some(Self {
            tx: &approval.tx,
            token: &approval.token,
            victim: &approval.owner,
            bait: &approval.spender,
        })
    }
}
