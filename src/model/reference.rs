//! Reference data that rules need beside the stream: prices, a watch list and label lists.

use super::{account::Address, time::EventTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a label says about an account.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LabelKind {
    Sanctioned,
    Exploit,
    Phishing,
    Scam,
    Mixer,
    Exchange,
    Bridge,
    Defi,
    Miner,
    Other,
}

/// One label of one account, with where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    pub kind: LabelKind,
    pub name: String,
    pub source: String,
    /// 0–1.
    pub confidence: f64,
    /// After this the label no longer counts.
    pub expires: Option<EventTime>,
}

/// One account of the operator's own, or one to look after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchEntry {
    pub name: String,
    /// `hot_wallet`, `deposit`, `contract`, …: free text for people.
    pub role: String,
}

/// A price of one unit of an asset from a date on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Price {
    pub from: EventTime,
    pub usd: f64,
}

/// The bundle of reference data of one chain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Prices by asset symbol (native) or token address text, ascending by date.
    pub prices: BTreeMap<String, Vec<Price>>,
    pub watch: BTreeMap<Address, WatchEntry>,
    pub labels: BTreeMap<Address, Vec<Label>>,
}

impl Reference {
    /// Returns the USD price of one unit of `asset` at `time`: the latest entry not after it.
    pub fn usd_price(&self, asset: &str, time: EventTime) -> Option<f64> {
        let prices = self.prices.get(asset)?;
        let later = prices.partition_point(|p| p.from <= time);
        Some(prices[later.checked_sub(1)?].usd)
    }

    /// Returns the labels of an account that have not expired at `time`.
    pub fn labels_of(&self, address: &Address, time: EventTime) -> impl Iterator<Item = &Label> {
        self.labels
            .get(address)
            .into_iter()
            .flatten()
            .filter(move |l| l.expires.is_none_or(|e| time < e))
    }

    /// Returns whether the account has a label of this kind at `time`.
    pub fn is_labelled(&self, address: &Address, kind: LabelKind, time: EventTime) -> bool {
        self.labels_of(address, time).any(|l| l.kind == kind)
    }
}
