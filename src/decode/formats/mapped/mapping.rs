//! What a mapping file says: which records are what, and where each of their values stands.

use super::path::FieldPath;
use crate::decode::json::Value;
use crate::model::Clock;
use serde::{Deserialize, Serialize};

/// Rules of one mapping: each record is held against all of them.
const RULES_MAX: usize = 64;
/// Scale that an amount can have.
pub(super) const SCALE_MAX: u8 = 30;

/// How the records of one topic are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// How a record is written. Default `json`.
    #[serde(default)]
    pub encoding: Encoding,
    /// CSV: the names of the columns, in order. A line that repeats them is skipped.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The first rule whose conditions hold reads the record; without one it is skipped.
    pub records: Vec<RecordRule>,
}

/// How a record is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    #[default]
    Json,
    Csv,
}

/// What a record, or each element of an array in it, is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordRule {
    pub kind: RuleKind,
    /// All must hold; without any the rule reads every record.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// An array whose elements are read one by one; paths then start at the element, or with `$.`
    /// at the record.
    #[serde(default)]
    pub each: Option<FieldPath>,
    /// The transaction, movement or event. Needed for payments and transfers.
    #[serde(default)]
    pub id: Option<Id>,
    /// Who pays. Needed for payments and transfers.
    #[serde(default)]
    pub from: Option<AccountField>,
    /// Who is paid. A payment without a receiver creates a contract.
    #[serde(default)]
    pub to: Option<AccountField>,
    /// The token that is moved. Needed for transfers.
    #[serde(default)]
    pub token: Option<AccountField>,
    #[serde(default)]
    pub amount: Option<AmountAt>,
    /// Without it the record's Kafka time counts.
    #[serde(default)]
    pub time: Option<TimeAt>,
    /// The block's height; a record without one is pending.
    #[serde(default)]
    pub height: Option<CountField>,
    #[serde(default)]
    pub block: Option<Id>,
    /// The transaction's position in its block.
    #[serde(default)]
    pub index: Option<CountField>,
    /// The transfer's position in its transaction; by default that of the array's element.
    #[serde(default)]
    pub item: Option<CountField>,
    #[serde(default)]
    pub nonce: Option<CountField>,
    /// What the payer's own client calls the payment. Two payments of one payer with one such id
    /// are one order: told twice when they are equal, a conflict when they are not.
    #[serde(default)]
    pub client_id: Option<Id>,
    /// Whether it succeeded; what failed moved nothing.
    #[serde(default)]
    pub status: Option<StatusField>,
    /// Calldata as hex with `0x`, or its first bytes.
    #[serde(default)]
    pub input: Option<FieldPath>,
}

/// What a rule makes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    /// A payment of the chain's native asset between two accounts: a transaction, scored.
    Payment,
    /// A movement of a token between two accounts.
    Transfer,
    /// An event of the house that moves nothing here.
    Notice,
    /// Skipped and counted.
    MarketData,
    /// Skipped and counted.
    ControlMessage,
    /// Skipped and counted.
    Unsupported,
}

/// What must hold of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    pub path: FieldPath,
    /// It reads like one of these.
    #[serde(default)]
    pub is: Vec<String>,
    /// It reads like none of these.
    #[serde(default)]
    pub is_not: Vec<String>,
    /// Whether it is there and not null.
    #[serde(default)]
    pub exists: Option<bool>,
}

/// An identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Id {
    pub path: FieldPath,
    /// Default `hash`.
    #[serde(default)]
    pub form: IdForm,
}

/// How an identifier is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdForm {
    /// 32 bytes as hex, with or without `0x`.
    #[default]
    Hash,
    /// Any text or number: its SHA-256 stands for it.
    Text,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountField {
    /// Several paths are joined with a colon.
    #[serde(default)]
    pub paths: Vec<FieldPath>,
    /// What is written in front, or, without a path, the account itself.
    #[serde(default)]
    pub prefix: String,
    /// Default `text`.
    #[serde(default)]
    pub form: AccountForm,
    /// Values that mean that there is none.
    #[serde(default)]
    pub unset: Vec<String>,
}

/// How an account is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountForm {
    /// As it is; encodings that know no case (bech32) in lower case.
    #[default]
    Text,
    /// In lower case.
    Caseless,
    /// 20 bytes as hex with `0x`.
    Evm,
    /// TRON: `T…`, or hex that begins with `41`, which is written as the former.
    Tron,
}

/// An amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmountAt {
    pub path: FieldPath,
    /// 10, or 16 with or without `0x`. Default 10.
    #[serde(default)]
    pub radix: Radix,
    /// The value counts units of 10^this base units: 0 for base units, 18 for ether. Default 0.
    #[serde(default)]
    pub decimals: u8,
    /// What becomes of places that the unit does not have. Default `reject`.
    #[serde(default)]
    pub excess: Excess,
}

/// The radix of digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Radix {
    #[default]
    Decimal,
    Hex,
}

/// What becomes of places that a unit does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Excess {
    /// The record is quarantined.
    #[default]
    Reject,
    /// They are dropped, and the event is flagged `AMOUNT_LOSSY`.
    Truncate,
}

/// A time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeAt {
    pub path: FieldPath,
    pub unit: TimeUnit,
    /// Whose clock it is. Default `block`.
    #[serde(default = "block")]
    pub clock: Clock,
}

fn block() -> Clock {
    Clock::Block
}

/// What a time counts; fractions are read to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    S,
    Ms,
    Us,
    Ns,
    /// Seconds since 2000-01-01, as the XRP Ledger counts them.
    Ripple,
    /// Text such as `2021-04-17T16:43:37.089723Z`; without an offset UTC.
    Rfc3339,
}

/// A height, an index or a nonce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountField {
    pub path: FieldPath,
    /// Values that mean that there is none.
    #[serde(default)]
    pub unset: Vec<String>,
}

/// Whether something succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusField {
    pub path: FieldPath,
    /// What success is called; everything else is a failure.
    pub ok: Vec<String>,
}

/// Returns whether a value reads like a text.
pub(super) fn reads_like(value: Value<'_>, text: &str) -> bool {
    match value {
        Value::Text(value) => value.unescape() == text,
        Value::Whole(n) => text.parse() == Ok(n),
        Value::Number(raw) => raw == text.as_bytes(),
        Value::Bool(is) => text == if is { "true" } else { "false" },
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

impl Condition {
    /// Returns whether it holds of a value.
    pub(super) fn holds(&self, value: Value<'_>) -> bool {
        let any = |texts: &[String]| texts.iter().any(|text| reads_like(value, text));
        let is_there = !matches!(value, Value::Null);
        self.exists.is_none_or(|exists| exists == is_there)
            && (self.is.is_empty() || any(&self.is))
            && !any(&self.is_not)
    }
}

impl Mapping {
    /// Returns what is wrong with it beyond its shape: the path of the key, and what is wrong.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut complain = |path: &str, what: &str| found.push((path.to_owned(), what.to_owned()));
        if (self.encoding == Encoding::Csv) == self.columns.is_empty() {
            complain("columns", "columns: CSV has them, and JSON has none");
        }
        if self.records.is_empty() || self.records.len() > RULES_MAX {
            complain("records", &format!("records: not between 1 and {RULES_MAX} rules"));
        }
        for (i, rule) in self.records.iter().enumerate() {
            let mut need = |is_there: bool, name: &str| {
                if !is_there {
                    let kind = rule.kind;
                    complain(
                        &format!("records.{i}"),
                        &format!("records.{i}: a rule of kind {kind:?} needs {name:?}"),
                    );
                }
            };
            if matches!(rule.kind, RuleKind::Payment | RuleKind::Transfer) {
                need(rule.id.is_some(), "id");
                need(rule.from.is_some(), "from");
                need(rule.amount.is_some(), "amount");
            }
            if rule.kind == RuleKind::Transfer {
                need(rule.to.is_some(), "to");
                need(rule.token.is_some(), "token");
            }
            if rule.amount.as_ref().is_some_and(|amount| amount.decimals > SCALE_MAX) {
                let what = format!("records.{i}.amount.decimals: more than {SCALE_MAX}");
                complain(&format!("records.{i}.amount.decimals"), &what);
            }
            let accounts = [("from", &rule.from), ("to", &rule.to), ("token", &rule.token)];
            for (name, account) in accounts {
                if account.as_ref().is_some_and(|a| a.paths.is_empty() && a.prefix.is_empty()) {
                    let path = format!("records.{i}.{name}");
                    complain(&path, &format!("{path}: neither a path nor a prefix"));
                }
            }
        }
        found
    }
}
